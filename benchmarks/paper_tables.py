"""The paper's transferability table: which method finds the source that helps a target most?

Every source is trained on, then every target from every source with a few examples, cell by cell: a cell that is
measured is written to the CSV at once and never measured again, so the run can be stopped and gone on with. The cells
are measured transfers, of which `fute transfer import` takes the file; a row whose source is the target itself started
from the base model alone, and counts as no transfer. Then every method ranks the sources of every target:

    all-class, in-class   sources of any class, or of the target's own (see `fute evaluate transfer`)
    fute+METHOD           the source is the *model* trained on it: its MTE on texts that no task knows, against the
                          targets' DTEs. Only classifiers can be asked any text, so here sources and targets are
                          classification tasks; METHOD beside it compares DTEs among the same.

    python -m benchmarks.paper_tables                                       on the public tasks with MiniLM
    python -m benchmarks.paper_tables --data TASKS --model roberta-base --device cuda ...   where there is a GPU

It is not the paper's own table: that has other tasks, and T5-base.

`measured/minilm_finetune_1000.csv` is the same matrix with 1,000 test examples for each target, in the place of 300,
and three seeds. `benchmarks.agreement` says how far they agree. It was measured by

    python -m benchmarks.paper_tables --test-examples 1000 --seeds 3 --measure-only \
        --out benchmarks/measured/minilm_finetune_1000.csv
"""

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm.auto import tqdm

from benchmarks.data import DATA
from benchmarks.fewshot import Recipe, Trainer
from embedders.evaluation.placing import MethodSpace
from embedders.evaluation.transfer.evaluate import MethodScore, TransferEvaluation, evaluate_transfer, score_rankings
from embedders.evaluation.transfer.truth import read_truth
from embedders.evaluation.unify.ranked import TaskSearch
from embedders.evaluation.unify.unlabelled import unlabelled
from embedders.methods import METHODS, method_named
from embedders.methods.settings import COMMON
from embedders.observed import from_answers
from embedders.spaces import EVERYDAY
from embedders.surrogate.recalling import RecallingSurrogate
from embedders.surrogate.weights import model_folder
from registry.data.examples import CLASSIFICATION
from registry.data.tasks import TaskData
from registry.data.transfers import TransferRecord
from registry.formats.tasks import read_task
from registry.formats.transfers import read_transfers, write_transfers
from registry.results import Table

TASKS = (
    *("customer_review", "movie_review", "subjectivity", "trec", "tweet_emotion", "tweet_irony"),
    *("snli", "scitail", "mrpc", "copa", "socialiqa", "xquad_en"),
)
KEPT = Path(__file__).parent / "measured"


def main() -> None:
    """Measure the cells that are missing, score every method, and print the tables."""
    options = _options()
    tasks = {name: read_task(str(options.data / name)) for name in options.tasks}
    recipe = Recipe(model=options.model, test_examples=options.test_examples)
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(recipe, options.models or Path(folder), device=options.device)
        measure(tasks, trainer, options.out, seeds=range(options.seeds))
        print(Grid(options.out))
        if options.measure_only:
            return
        for table in scored(tasks, trainer, options):
            print(table)


def measure(tasks: Mapping[str, TaskData], trainer: Trainer, out: Path, *, seeds: Sequence[int]) -> None:
    """Measure every cell that is not in the CSV yet, and write it there."""
    records = read_transfers(out) if out.exists() else []
    recipe = trainer.recipe
    done = {(r.model, r.adaptation, r.target, r.source, r.run) for r in records}
    wanted = [
        (recipe.model, recipe.adaptation, target, source, f"seed-{seed}")
        for seed in seeds
        for source in tasks
        for target in tasks
    ]
    for cell in tqdm([cell for cell in wanted if cell not in done], desc="cells", disable=None):
        model, adaptation, target, source, run = cell
        taught = None if source == target else trainer.taught(tasks[source])
        score = trainer.score(tasks[target], taught, seed=int(run.removeprefix("seed-")))
        records.append(TransferRecord(model, adaptation, target, source, score, None, 1, run=run))
        out.parent.mkdir(parents=True, exist_ok=True)
        write_transfers(out, records)


class Grid:
    """What was measured, as sources by targets: percentage points over the base model without a source."""

    def __init__(self, path: Path) -> None:
        runs: dict[tuple[str, str], list[float]] = {}
        for record in read_transfers(path):
            runs.setdefault((record.source, record.target), []).append(record.score_mean)
        self._means = {pair: float(np.mean(scores)) for pair, scores in runs.items()}
        self._names = sorted({target for _, target in runs})
        self._runs = sorted({len(scores) for scores in runs.values()})

    def __str__(self) -> str:
        wide = max(map(len, self._names))
        lines = [f"{'without a source, %':<{wide}}" + self._row([100 * self._of(name, name) for name in self._names])]
        lines += [
            f"{source:<{wide}}" + self._row([100 * (self._of(source, t) - self._of(t, t)) for t in self._names], "+")
            for source in self._names
        ]
        head = f"{'source / target':<{wide}}" + "".join(f"{name[:9]:>10}" for name in self._names)
        return "\n".join([f"runs of a cell: {self._runs}", head, *lines])

    def _of(self, source: str, target: str) -> float:
        return self._means.get((source, target), float("nan"))

    def _row(self, numbers: Sequence[float], sign: str = "") -> str:
        return "".join(f"{number:>{sign}10.1f}" for number in numbers)


def scored(tasks: Mapping[str, TaskData], trainer: Trainer, options: argparse.Namespace) -> list[Table[Any]]:
    """Return the tables: every method, all-class and in-class, and models as sources."""
    with tempfile.TemporaryDirectory() as folder:
        for name in tasks:
            (Path(folder) / name).symlink_to(options.data.resolve() / name)
        found = evaluate_transfer(
            Path(folder),
            options.out,
            methods=options.methods,
            surrogate=options.model,
            device=options.device,
            tuned_on=options.tuned_on,
        )
    return [
        found.rows,
        *([found.in_class] if found.in_class else []),
        models_as_sources(tasks, trainer, found, options),
    ]


def models_as_sources(
    tasks: Mapping[str, TaskData], trainer: Trainer, found: TransferEvaluation, options: argparse.Namespace
) -> Table[Any]:
    """Return the figures of FUTE: each source a model that was trained on it, known by its answers alone."""
    asked = {name: task for name, task in tasks.items() if task.kind == CLASSIFICATION}
    truth = {
        setting: {
            target: {source: score for source, score in sources.items() if source in asked}
            for target, sources in targets.items()
            if target in asked
        }
        for setting, targets in read_truth(options.out).items()
    }
    base = model_folder(options.model)
    surrogate = RecallingSurrogate(base, device=options.device, max_length=COMMON["max_length"])
    corpus = unlabelled(EVERYDAY, tasks, per_task=0, seed=0)
    rows: list[MethodScore] = []
    for method in options.methods:
        plain = {target: dict(ranked) for target, ranked in found.rankings[method].items()}
        rows += score_rankings(method, plain, truth).values()
        how = method_named(method)
        if not how.sees_answers:
            continue
        examples = options.tuned_on if how.tunes else COMMON["examples"]
        space = MethodSpace(method, surrogate, options.model, seed=0, examples=examples)
        dtes = {name: space.of_task(task) for name, task in tqdm(asked.items(), desc=f"{method} DTEs", disable=None)}
        mtes = {}
        for name, task in tqdm(asked.items(), desc=f"{method} MTEs", disable=None):
            inputs, answers = corpus.for_task(name), task.answer_texts
            blank = from_answers(inputs, answers, np.full((len(inputs), len(answers)), 1 / len(answers), np.float32))
            mtes[name] = space.of_model(from_answers(inputs, answers, trainer.answers(task, blank), hard=True))
        likeness = _likeness(space, dtes, mtes)
        rows += score_rankings(f"fute+{method}", likeness, truth).values()
    rows = [row for row in rows if row.setting != "all"]
    return Table(sorted(rows, key=lambda row: -row.figures["ndcg_rank"]), title=f"{len(asked)} classification tasks")


def _likeness(
    space: MethodSpace, dtes: Mapping[str, NDArray[np.float32]], mtes: Mapping[str, NDArray[np.float32]]
) -> dict[str, dict[str, float]]:
    """Return the similarity of each target's DTE to each source model's MTE."""
    ranked = TaskSearch("fute", space.facets, dtes, {(name, "model"): vector for name, vector in mtes.items()})
    names = list(dtes)
    return {
        target: {source: float(ranked.similarities[source, "model"][names.index(target)]) for source in mtes}
        for target in names
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA, help="a folder of task folders")
    parser.add_argument("--tasks", type=lambda text: tuple(text.split(",")), default=TASKS, help="NAME,NAME,...")
    parser.add_argument("--model", default="minilm", help="the base model, which is the surrogate too")
    parser.add_argument("--methods", type=lambda text: tuple(text.split(",")), default=tuple(METHODS))
    parser.add_argument("--seeds", type=int, default=2, help="runs of each cell")
    parser.add_argument(
        "--tuned-on",
        type=int,
        default=COMMON["examples"],
        help="examples of a task for methods that tune the surrogate",
    )
    parser.add_argument("--test-examples", type=int, default=Recipe.test_examples, help="of a target, at most")
    parser.add_argument("--device")
    parser.add_argument("--out", type=Path, default=KEPT / "minilm_finetune.csv", help="the measured transfers")
    parser.add_argument("--models", type=Path, help="where trained sources are kept")
    parser.add_argument("--measure-only", action="store_true", help="measure, and score nothing")
    return parser.parse_args()


if __name__ == "__main__":
    main()
