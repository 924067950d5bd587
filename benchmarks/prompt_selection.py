"""Which prompt, or model, without labels: our estimate beside the plain rivals, on data of several kinds.

    python -m benchmarks.prompt_selection [--labels] [--readings]

Prints, for each kind of table, the mean over its tables of the rank correlation with the true accuracies (spearman),
the accuracy of the pick over the best one's (rate), and the mean error of the estimated accuracies (mae); of ours also
the share of true accuracies inside the 95 % interval (cover). `--readings` adds the tables with a like task whose
labels are read through MiniLM. `--labels` prints what follows from some labels, those that are suggested and random
ones, over six draws of four fifths of each table's texts and four choices of labels in each: how far the pick is from
the best, in points, the mean error, the share inside the interval, how often the verdict is sure and how many of these
picks are more than two points behind, and how much less is lost with suggested labels, with the standard error over the
tables. Random labels count as a random sample (`--random`), and once as such of which that is not said.
Needs FUTE_DATA; the tables of SmolLM2 and MiniLM lie in `benchmarks/measured`.
"""

import argparse
import re
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import data_folder
from embedders.surrogate.classifier import classified
from embedders.surrogate.recalling import RecallingSurrogate
from embedders.surrogate.weights import MINILM, model_folder
from registry.choosing.scores import probabilities
from registry.data.answer_tables import NONE
from registry.data.inputs import Input
from registry.data.spelling import bare
from registry.estimates.committee import Opinions, heard
from registry.estimates.estimate import EQUAL, Estimate, estimated, suggested
from registry.estimates.rivals import dawid_skene, majority, spectral
from registry.estimates.verdict import Kind, verdict
from registry.estimates.votes import Votes
from registry.estimates.witness import Witness
from registry.formats.answer_tables import read_answer_table
from registry.formats.recorded import read_recorded_llm
from registry.formats.tasks import read_task
from registry.metrics import spearman

MEASURED = Path(__file__).parent / "measured"
FEATURES = 1000  # of a bag of words
# The labels of like tasks, as answers of a table; the last of each only looks alike.
LIKE: dict[str, dict[str, dict[str, str]]] = {
    "babe": {"babe": {}, "subjectivity": {"subjective": "biased", "objective": "not biased"}},
    "sst2 of OPT-2.7B": {"movie_review": {}, "customer_review": {}, "sst2": {}, "opinion_polarity": {}},
}
MODELS = (  # of the different models: labelled rows, share of wrong labels, features and kind
    (2000, 0.0, "minilm linear"),
    (300, 0.0, "minilm linear"),
    (80, 0.0, "minilm linear"),
    (30, 0.0, "minilm linear"),
    (300, 0.4, "minilm linear"),
    (100, 0.6, "minilm linear"),
    (2000, 0.0, "words linear"),
    (200, 0.0, "words linear"),
    (500, 0.3, "words linear"),
    (1000, 0.0, "minilm neighbours"),
    (200, 0.0, "minilm neighbours"),
    (60, 0.0, "words neighbours"),
)
LABELS = (0, 10, 20, 40, 60)  # how many are known
LABEL_DRAWS, DRAWN = 6, 0.8  # draws of each table's texts, and the share of them that is drawn
WAYS = ("suggested", "random", "not said so")  # the last two are the same labels
CHOICES = 4  # of the texts to label, in each draw
TASKS_OF_MODELS = ("trec", "tweet_emotion", "banking77", "clinc_domain")


class Case(NamedTuple):
    """A table with its truth."""

    kind: str
    name: str
    votes: Votes
    truth: NDArray[np.int64]  # (inputs,)
    answers: tuple[str, ...]
    texts: tuple[str, ...] | None
    witness: Witness | None = None

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """The true accuracies, (voters,)."""
        return np.asarray((self.votes.said == self.truth).mean(axis=1))

    def some(self, random: np.random.Generator) -> "Case":
        """Return the case on some of its inputs, without their texts and witness."""
        rows = np.sort(random.permutation(self.votes.inputs)[: int(DRAWN * self.votes.inputs)])
        votes = Votes(self.votes.said[:, rows], self.votes.answers)
        return self._replace(votes=votes, truth=self.truth[rows], texts=None, witness=None)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--labels", action="store_true", help="print what labels add")
    parser.add_argument("--readings", action="store_true", help="add like tasks, read through MiniLM")
    options = parser.parse_args()
    surrogate = RecallingSurrogate(model_folder(MINILM), device="cpu", max_length=128)
    cases = [*recorded(), *different_models(surrogate)]
    if options.readings:
        cases += [read for case in cases for read in with_readings(case, surrogate)]
    _print_rivals(cases)
    if options.labels:
        _print_labels([case for case in cases if case.witness is None])


# -- the tables --------------------------------------------------------------------------------------


def recorded() -> Iterator[Case]:
    """Yield the recorded tables: six LLMs of babe, mmlu_pro, OPT-2.7B, SmolLM2 and MiniLM."""
    answers = data_folder() / "llm_answers"
    folders = {
        "babe": answers / "babe",
        "mmlu_pro": answers / "mmlu_pro",
        "SmolLM2": MEASURED / "smollm2",
        "MiniLM": MEASURED / "minilm",
    }
    for kind, folder in folders.items():
        for path in sorted(folder.glob("*.csv")):
            table = read_answer_table(path)
            texts = None if table.inputs is None else tuple(text for text, _ in table.inputs)
            votes = Votes(table.said, len(table.answers))
            yield Case(kind, path.stem, votes, np.where(table.right() < 0, -2, table.right()), table.answers, texts)
    llm = read_recorded_llm(data_folder() / "prompt_selection" / "sst2_opt-2.7b")
    right = llm.right()
    assert right is not None, "the inputs have labels"
    said = probabilities(llm.log_prob).argmax(axis=-1)
    votes = Votes(said, said.max() + 1)
    texts = tuple(text for text, _ in llm.inputs)
    yield Case("sst2 of OPT-2.7B", "opt", votes, right[0], llm.prompts[0].choices, texts)


def different_models(surrogate: RecallingSurrogate) -> Iterator[Case]:
    """Yield tables of a dozen models of uneven quality, and one that nearly always says the same."""
    random = np.random.default_rng(0)
    for name in TASKS_OF_MODELS:
        task = read_task(str(data_folder() / "tasks" / name))
        labels = task.labels or ()
        rows, asked = task.train, task.test[:400]
        known = np.array([labels.index(row.label) for row in rows])
        truth = np.array([labels.index(row.label) for row in asked])
        features = {
            "minilm": tuple(
                surrogate.features([Input(row.text) for row in some]).astype(np.float64) for some in (rows, asked)
            ),
            "words": (_words([row.text for row in rows]), _words([row.text for row in asked])),
        }
        said = []
        for count, wrong, how in MODELS:
            chosen = random.permutation(len(rows))[:count]
            taught = known[chosen].copy()
            noisy = random.random(len(chosen)) < wrong
            taught[noisy] = random.integers(0, len(labels), int(noisy.sum()))
            seen, unseen = features[how.split()[0]]
            learner = _linear if how.endswith("linear") else _neighbours
            said.append(learner(seen[chosen], taught, unseen, len(labels)))
        usual = np.full(len(asked), np.bincount(known).argmax())
        odd = random.random(len(asked)) < 0.03
        usual[odd] = random.integers(0, len(labels), int(odd.sum()))
        votes = Votes(np.stack([*said, usual]), len(labels))
        yield Case("different models", name, votes, truth, labels, None)


def with_readings(case: Case, surrogate: RecallingSurrogate) -> Iterator[Case]:
    """Yield a table with each of its like tasks, whose texts that are in the table are left out."""
    if case.texts is None:
        return
    asked = surrogate.features([Input(text) for text in case.texts]).astype(np.float64)
    known = {bare(text) for text in case.texts}
    for name, answers in LIKE.get(case.kind, {}).items():
        task = read_task(str(data_folder() / "tasks" / name))
        rows = [row for row in task.train if bare(row.text) not in known][:2000]
        features = surrogate.features([Input(row.text) for row in rows]).astype(np.float64)
        labels = np.array([case.answers.index(answers.get(str(row.label), str(row.label))) for row in rows])
        said = classified(features, labels, asked, len(case.answers))
        yield case._replace(kind=f"{case.kind}, like {name}", witness=Witness.of(said.probabilities))


def _words(texts: list[str]) -> NDArray[np.float64]:
    """Return bags of hashed words of unit length, (texts, `FEATURES`)."""
    made = np.zeros((len(texts), FEATURES))
    for row, text in enumerate(texts):
        for word in re.findall(r"\w+", text.lower()):
            made[row, zlib.crc32(word.encode()) % FEATURES] = 1
    return np.asarray(made / np.sqrt(made.sum(axis=1, keepdims=True) + 1))


def _linear(
    seen: NDArray[np.float64], labels: NDArray[np.int64], unseen: NDArray[np.float64], answers: int
) -> NDArray[np.int64]:
    """Return the answers of ridge regression on one-hot labels."""
    wanted = np.eye(answers)[labels]
    mean = seen.mean(axis=0)
    bend = (seen - mean).T @ (seen - mean) + 3 * np.eye(seen.shape[1])
    weights = np.linalg.solve(bend, (seen - mean).T @ (wanted - wanted.mean(axis=0)))
    return np.asarray(((unseen - mean) @ weights + wanted.mean(axis=0)).argmax(axis=1))


def _neighbours(
    seen: NDArray[np.float64], labels: NDArray[np.int64], unseen: NDArray[np.float64], answers: int
) -> NDArray[np.int64]:
    """Return the answers of the nearest labelled text."""
    del answers
    lengths = [np.linalg.norm(rows, axis=1, keepdims=True) + 1e-9 for rows in (seen, unseen)]
    return np.asarray(labels[((unseen / lengths[1]) @ (seen / lengths[0]).T).argmax(axis=1)])


# -- the figures -------------------------------------------------------------------------------------


def _print_rivals(cases: list[Case]) -> None:
    rivals: dict[str, Callable[[Votes], NDArray[np.float64] | None]] = {
        "majority": majority,
        "dawid-skene": lambda votes: votes.accuracy(dawid_skene(votes)),
        "spectral": spectral,
    }
    figures: dict[str, dict[str, list[list[float]]]] = {}
    for case in cases:
        ours = estimated(case.votes, case.witness)
        inside = (case.accuracy >= ours.low) & (case.accuracy <= ours.high)
        of_kind = figures.setdefault(case.kind, {})
        of_kind.setdefault("estimate", []).append([*_figures(ours.accuracy, case.accuracy), float(inside.mean())])
        for name, rival in rivals.items() if case.witness is None else ():
            accuracy = rival(case.votes)
            if accuracy is not None:
                of_kind.setdefault(name, []).append(_figures(accuracy, case.accuracy))
    print(f"{'tables':<34} {'method':<12} {'spearman':>8} {'rate':>6} {'mae':>6} {'cover':>6}")
    for kind, methods in figures.items():
        for method, rows in methods.items():
            mean = np.mean(rows, axis=0)
            print(
                f"{kind + f' ({len(rows)})':<34} {method:<12} {mean[0]:8.3f} " + " ".join(f"{v:6.3f}" for v in mean[1:])
            )


def _figures(accuracy: NDArray[np.float64], true: NDArray[np.float64]) -> list[float]:
    picked = float(true[accuracy == accuracy.max()].mean())
    return [spearman(accuracy, true), picked / float(true.max()), float(np.abs(accuracy - true).mean())]


def _print_labels(cases: list[Case]) -> None:
    """Print what follows from so many labels: means over all tables, and draws of their texts.

    How far the pick is from the best, in points, and how much less that is with suggested labels; the mean error of the
    accuracies, and how many of them the intervals hold; how often the verdict is to use the pick, and how many of these
    picks are more than two points behind.
    """
    random = np.random.default_rng(0)
    drawn = [[_with_labels(case.some(random), random) for _ in range(LABEL_DRAWS)] for case in cases]
    found = np.array(drawn).mean(axis=1)  # (tables, WAYS, steps, figures)
    print(f"\n{'labels':<20}" + "".join(f"{count:>8}" for count in LABELS))
    for figure, (name, scale) in enumerate((("loss", 100), ("mae", 1), ("cover", 1))):
        for way, how in enumerate(WAYS):
            values = scale * found[:, way, :, figure].mean(axis=0)
            print(f"{name:<6} {how:<13}" + "".join(f"{value:8.3f}" for value in values))
    for way, how in enumerate(WAYS):
        sure, behind = found[:, way, :, 3].mean(axis=0), found[:, way, :, 4].mean(axis=0)
        print(f"{'sure':<6} {how:<13}" + "".join(f"{value:8.3f}" for value in sure))
        wrong = np.divide(behind, sure, out=np.zeros_like(sure), where=sure > 0)
        print(f"{'wrong':<6} {how:<13}" + "".join(f"{value:8.3f}" for value in wrong))
    less: NDArray[np.float64] = 100 * (found[:, 1, :, 0] - found[:, 0, :, 0])
    print(f"{'loss less by':<20}" + "".join(f"{value:8.3f}" for value in less.mean(axis=0)))
    print(f"{'  ±':<20}" + "".join(f"{value:8.3f}" for value in less.std(axis=0, ddof=1) / np.sqrt(len(less))))


def _with_labels(case: Case, random: np.random.Generator) -> NDArray[np.float64]:
    """Return the figures after labels that are chosen in each way, (WAYS, steps, 5)."""
    opinions = heard(case.votes)
    return np.mean([_after_choice(case, opinions, random) for _ in range(CHOICES)], axis=0)


def _after_choice(case: Case, opinions: Opinions, random: np.random.Generator) -> NDArray[np.float64]:
    nothing = np.full(case.votes.inputs, NONE)
    order, luck = random.permutation(case.votes.inputs), random.random(case.votes.inputs)
    before = estimated(case.votes, opinions=opinions)
    wanted = [
        one for one in suggested(case.votes, before, None, case.votes.inputs, luck=luck) if case.truth[one[0]] >= 0
    ]
    made = np.zeros((len(WAYS), len(LABELS), 5))
    for place, count in enumerate(LABELS):
        labels, drawn = nothing.copy(), np.zeros(case.votes.inputs)
        for row, chance in wanted[:count]:
            labels[row], drawn[row] = case.truth[row], chance
        at_random = nothing.copy()
        at_random[order[:count]] = np.maximum(case.truth[order[:count]], NONE)
        ways = (
            estimated(case.votes, labels=labels, drawn=drawn, opinions=opinions),
            estimated(case.votes, labels=at_random, evenly=at_random != NONE, opinions=opinions),
            estimated(case.votes, labels=at_random, opinions=opinions),
        )
        for way, estimate in enumerate(ways):
            inside = (case.accuracy >= estimate.low) & (case.accuracy <= estimate.high)
            mae = float(np.abs(estimate.accuracy - case.accuracy).mean())
            loss = _loss(case, estimate)
            said = verdict([""] * len(case.votes), case.votes, estimate, mend="", labels=count)
            is_sure = said.kind is Kind.USE
            made[way, place] = loss, mae, float(inside.mean()), is_sure, is_sure and loss > EQUAL
    return made


def _loss(case: Case, estimate: Estimate) -> float:
    return float(case.accuracy.max() - case.accuracy[estimate.pick])


if __name__ == "__main__":
    main()
