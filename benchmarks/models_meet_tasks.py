"""Do models land by the tasks they were made from?

MiniLM classifiers are fine-tuned on eight real tasks and registered as black boxes; for each, the tasks nearest to
its model embedding (MTE) are looked up. Its own task should come first. The corpus on which the models are asked
holds no text of any task of the public data: it is the one that comes with the program, or (--corpus others) texts of
the tasks that no model was made from.

    make bench        or        python -m benchmarks.models_meet_tasks --method tupate
"""

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.data import DATA
from embedders import create_space, embed, hf_model
from embedders.surrogate.weights import model_folder
from embedders.tuning.training import finetune_classifier
from registry import Registry
from registry.importing import import_tasks

LEARNED = (
    "sst2",
    "customer_review",
    "subjectivity",
    "trec",
    "snli",
    "scitail",
    "tweet_emotion",
    "tweet_stance_abortion",
)


def main() -> None:
    """Run the benchmark and print its table."""
    options = _options()
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch, Registry.create(Path(scratch) / "registry") as registry:
        import_tasks(registry, options.data)
        accuracy = {name: _register_model(registry, name, options) for name in LEARNED}
        corpus = "everyday"
        if options.corpus == "others":
            corpus = registry.sample_corpus("others", per_task=60, exclude=LEARNED).name
        space = create_space(registry, "bench", method=options.method, corpus=corpus)
        report = embed(registry, space=space.name)
        size = registry.catalog.entries.get(corpus).spec["texts"]
        print(f"method {options.method}, corpus {corpus} ({size} texts)")
        print(f"{'model of':<24}{'accuracy':>9}{'seconds':>9}  nearest tasks to its MTE")
        right, right_with_inputs = 0, 0
        for name in LEARNED:
            ranking = registry.nearest(f"models/{name}", limit=100, kind="task")
            right += ranking[0].name == name
            by_all = max(ranking, key=lambda match: sum(match.facets.values()))
            right_with_inputs += by_all.name == name
            near = ", ".join(f"{match.name} {match.similarity:.2f}" for match in ranking[:3])
            seconds = report.embedded[f"models/{name}"]
            print(f"{name:<24}{accuracy[name]:>9.3f}{seconds:>9.1f}  {'+' if ranking[0].name == name else '-'} {near}")
    print(f"its own task first: {right} of {len(LEARNED)}; with the inputs facet counted too: {right_with_inputs}")
    print(f"{time.perf_counter() - began:.0f} s in all")


def _register_model(registry: Registry, name: str, options: argparse.Namespace) -> float:
    """Fine-tune MiniLM on a task, or take the checkpoint of an earlier run; return its accuracy."""
    target = options.models / f"{name}-{options.examples}"
    note = target / "accuracy.txt"
    if not note.exists():
        task = registry.task_data(name)
        accuracy = finetune_classifier(
            model_folder("minilm"), task, target, epochs=3, examples=options.examples, device=options.device
        )
        note.write_text(f"{accuracy}", encoding="utf-8")
    hf_model(registry, f"models/{name}", str(target))
    return float(note.read_text(encoding="utf-8"))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--models", type=Path, default=Path(tempfile.gettempdir()) / "fute-bench-models")
    parser.add_argument("--method", default="mapemb")
    parser.add_argument("--corpus", choices=("everyday", "others"), default="everyday")
    parser.add_argument("--examples", type=int, default=600)
    parser.add_argument("--device")
    return parser.parse_args()


if __name__ == "__main__":
    main()
