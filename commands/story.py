"""`fute demo`: the whole story on the example tasks, offline."""

import shutil
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

from embedders.black_boxes.registering import hf_model
from embedders.black_boxes.witnesses import read_texts
from embedders.jobs.runs import embed
from embedders.spaces import create_space
from embedders.surrogate.weights import MINILM, model_folder
from registry import Registry
from registry.choosing.best import PromptQuery
from registry.choosing.outputs import outputs_of_prompts
from registry.data.inputs import Input
from registry.errors import InputError
from registry.importing import import_tasks
from registry.prompts.prompt import Prompt
from registry.resources import resource

LEARNED = ("news_topic", "question_type", "support_intent")  # a model is fine-tuned on each
TARGETS = ("product_reviews", "film_reviews", "message_spam")
PROMPTS = {  # name -> template, and the words for negative and positive
    "films/words": ("{{ text }}", ("negative", "positive")),
    "films/praise": ("{{ text }}", ("a complaint", "praise")),
    "films/feeling": ("A customer wrote: {{ text }}", ("I hated it.", "I loved it.")),
    "films/question": ("Is this praise or complaint? {{ text }}", ("negative", "positive")),
}


def run_demo(folder: Path, *, say: Callable[[str], None], fresh: bool = False) -> None:
    """Run the demo in `folder`; what an earlier run did there is kept unless `fresh` is set."""
    if fresh and folder.exists():
        if not (folder / "registry" / "catalog.db").exists():
            raise InputError(f"{folder} is not a demo's folder: it is left alone.")
        shutil.rmtree(folder)
    began = time.perf_counter()
    with Registry.create(folder / "registry") as registry:
        report = import_tasks(registry, resource("examples"))
        say(f"1. Registered {len(report.added) + len(report.known)} example tasks in {registry.folder}")
        say("2. Fine-tuned MiniLM on three of them, to have models to register:")
        for task in LEARNED:
            say(f"   {_learn(registry, task, folder / 'models' / task)}")
        corpus = registry.sample_corpus("texts-of-the-others", per_task=120, exclude=LEARNED)
        space = create_space(registry, "demo", corpus=corpus.name)
        registry.use_space(space.name)
        run = embed(registry, space=space.name)
        say(
            f"3. Embedded {len(run.embedded) + len(run.known)} tasks and models; the models were asked "
            f"{corpus.spec['texts']} texts of the other tasks"
        )
        say("4. Which task should I start from?")
        for target in TARGETS:
            _show(registry, target, say)
        say("5. What does this model do? (the nearest tasks to what it answers)")
        for task in LEARNED:
            _show(registry, f"{task}-minilm", say)
        say("6. Which prompt should I use, without labels? (MiniLM, asked which word is nearest to the prompt)")
        _prompts(registry, say)
        for name in ("map.html", "map.png"):
            registry.draw_map(folder / name, space=space.name)
        say(f"7. The space as a page to look around in: {folder / 'map.html'}, and as a picture: {folder / 'map.png'}")
        took = time.perf_counter() - began
        say(f"Done in {took:.0f} s. Go on with: fute --registry {registry.folder} nearest emotion")
        say(f"Or see all of it in a browser: fute --registry {registry.folder} serve")


def _learn(registry: Registry, task: str, target: Path) -> str:
    """Fine-tune a classifier on a task, register it, and say how good it is."""
    name = f"{task}-minilm"
    if name in [row.name for row in registry.models()]:
        return f"{name} is there from an earlier run"
    from embedders.tuning.training import finetune_classifier

    accuracy = finetune_classifier(model_folder(MINILM), registry.task_data(task), target, epochs=8, learning_rate=2e-4)
    hf_model(registry, name, str(target))
    return f"{name}: accuracy {accuracy:.2f} on {len(registry.task_data(task).test)} unseen examples"


def _prompts(registry: Registry, say: Callable[[str], None]) -> None:
    """Rank four prompts for film reviews by the labels of product reviews, and hold that against the truth."""
    films = registry.task_data("film_reviews")
    rows = [*films.train, *films.test]
    inputs = [Input(row.text) for row in rows]
    corpus = registry.add_corpus("film-texts", inputs, source="film_reviews, without its labels")
    space = create_space(registry, "prompts", corpus=corpus.name)
    hf_model(registry, "minilm", MINILM)
    for name, (template, words) in PROMPTS.items():
        answers = tuple(films.labels or ())
        registry.add_prompt(name, Prompt(template, answers, tuple((word,) for word in words)))
    embed(registry, ["product_reviews", "minilm@films/*"], space=space.name)
    read_texts(registry, "product_reviews", space=space.name)
    query = PromptQuery("film_reviews", "minilm", like="product_reviews")
    ranking = registry.best_prompt(query, limit=len(PROMPTS), space=space.name)
    outputs = outputs_of_prompts(registry.catalog, "minilm", registry.space(space.name).record)
    right = [outputs.answers.index(row.label) for row in rows]
    for row in ranking:
        table = outputs.table[outputs.prompts.index(row.name)]
        accuracy = float((table.argmax(axis=1) == right).mean())
        template, words = PROMPTS[row.name]
        interval = f"{row.low:.0%} to {row.high:.0%}"
        say(f"   right in {row.accuracy:.0%} ({interval}), in truth {accuracy:.0%}:")
        say(f"      {template} {' | '.join(words)}")
    say(_filled(str(ranking.verdict.sentence), 3))


def _show(registry: Registry, name: str, say: Callable[[str], None]) -> None:
    ranking = registry.nearest(name, limit=3, kind="task")
    say(f"   {name:<22}" + ", ".join(f"{match.name} {match.similarity:.2f}" for match in ranking))
    say(_filled(str(ranking.verdict), 25))


def _filled(text: str, indent: int) -> str:
    """Return a sentence in lines of 80 columns, so far from the edge."""
    edge = " " * indent
    return textwrap.fill(text, 80, initial_indent=edge, subsequent_indent=edge, break_on_hyphens=False)
