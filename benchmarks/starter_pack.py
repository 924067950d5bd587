"""The pack that new registries begin with: what its advice is worth to whoever has measured nothing, and its making.

    python -m benchmarks.starter_pack                   prints the table
    python -m benchmarks.starter_pack --write FOLDER    makes the pack anew

It holds TaskWeb's 22 tasks and the transfers of its given targets. The vectors are of the default space, of at most 32
examples of each task in TaskWeb's templates; texts are not kept. Two tables of truth judge it: its own targets, each
left out in turn, and the twelve tasks of our own matrix, of which nothing is told. Intervals hold 90 of 100 draws of
the targets.
"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import DATA, data_folder
from benchmarks.likeness import MEASURED, ORDERS, between, drawn
from benchmarks.paper_tables import TASKS as TWELVE
from embedders import create_space, embed
from embedders.evaluation.transfer.taskweb import read_examples
from embedders.evaluation.transfer.truth import read_truth, sources_of
from registry import Registry
from registry.data.examples import CLASSIFICATION, MULTIPLE_CHOICE, QUESTION_ANSWERING, REGRESSION
from registry.formats.tasks import read_task
from registry.formats.transfers import read_transfers
from registry.metrics import ndcg_rank, regret
from registry.packs.making import pack_of
from registry.packs.pack import Pack, PackTask, read_pack, write_pack
from registry.packs.shelf import STARTER
from registry.ranking.duplicates import tells_doubles
from registry.resources import resource
from registry.results import Cell, Table
from registry.sources.borrowed import Borrowed, borrowed
from registry.sources.likeness import Likeness
from registry.sources.memory import Memory
from registry.spaces.centring import Centring, mean_of
from registry.spaces.spec import SpaceSpec

TITLE = "Transfers among 22 tasks in nine settings (TaskWeb), 11 of them as targets"
SOURCE = "Kim, Asai, Ilharco and Hajishirzi, TaskWeb: Selecting Better Source Tasks for Multi-task NLP (EMNLP 2023)"
TASKS = {  # the kind of each, and its name on the Hugging Face hub
    "anli_r3": (CLASSIFICATION, "facebook/anli"),
    "boolq": (CLASSIFICATION, "google/boolq"),
    "cb": (CLASSIFICATION, "aps/super_glue, cb"),
    "copa": (MULTIPLE_CHOICE, "aps/super_glue, copa"),
    "cosmosqa": (MULTIPLE_CHOICE, "allenai/cosmos_qa"),
    "hellaswag": (MULTIPLE_CHOICE, "Rowan/hellaswag"),
    "imdb": (CLASSIFICATION, "stanfordnlp/imdb"),
    "mrpc": (CLASSIFICATION, "nyu-mll/glue, mrpc"),
    "piqa": (MULTIPLE_CHOICE, "ybisk/piqa"),
    "qnli": (CLASSIFICATION, "nyu-mll/glue, qnli"),
    "qqp": (CLASSIFICATION, "nyu-mll/glue, qqp"),
    "quartz": (MULTIPLE_CHOICE, "allenai/quartz"),
    "rotten_tomatoes": (CLASSIFICATION, "cornell-movie-review-data/rotten_tomatoes"),
    "rte": (CLASSIFICATION, "nyu-mll/glue, rte"),
    "scitail": (CLASSIFICATION, "allenai/scitail"),
    "snli": (CLASSIFICATION, "stanfordnlp/snli"),
    "socialiqa": (MULTIPLE_CHOICE, "allenai/social_i_qa"),
    "squad_v2": (QUESTION_ANSWERING, "rajpurkar/squad_v2"),
    "stsb": (REGRESSION, "nyu-mll/glue, stsb"),
    "wic": (CLASSIFICATION, "aps/super_glue, wic"),
    "winogrande": (MULTIPLE_CHOICE, "allenai/winogrande"),
    "wsc": (CLASSIFICATION, "aps/super_glue, wsc.fixed"),
}


def main() -> None:
    """Print the table, or write the pack."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="make the pack anew, in a new folder")
    parser.add_argument("--measured", type=Path, default=MEASURED, help="the matrix of the twelve tasks")
    options = parser.parse_args()
    if options.write is not None:
        write_pack(options.write, made())
        return
    pack = read_pack(resource("packs") / STARTER)
    print(Table([*within(pack), *elsewhere(pack, options.measured)], title="what the starter pack is worth"))


def made() -> Pack:
    """Embed TaskWeb's tasks, and return the pack."""
    web = data_folder() / "taskweb"
    with tempfile.TemporaryDirectory() as scratch, Registry.create(scratch) as registry:
        for name, examples in read_examples(web / "examples").items():
            registry.add_task(name, examples.task)
        registry.add_transfers(read_transfers(web / "transfer.csv"))
        space = create_space(registry, "default")
        embed(registry)
        pack = pack_of(registry.catalog, space, STARTER, title=TITLE, source=SOURCE)
    homes = tuple(PackTask(task.name, TASKS[task.name][0], f"hub: {TASKS[task.name][1]}") for task in pack.tasks)
    return replace(pack, tasks=homes)


@dataclass(frozen=True)
class Worth:
    """What a ranking of the sources is worth on one truth, a figure for each target."""

    truth: str
    ranking: str
    ndcg_rank: NDArray[np.float64]  # (targets,), the mean over the settings
    regret: NDArray[np.float64]  # the same of regret@1

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        return {
            "truth": self.truth,
            "ranking": self.ranking,
            "ndcg_rank": f"{self.ndcg_rank.mean():.1f} ({between(drawn(self.ndcg_rank))})",
            "regret@1": f"{self.regret.mean():.1f} ({between(drawn(self.regret))})",
        }


def within(pack: Pack) -> Iterator[Worth]:
    """Yield what likeness and memory are worth on the pack's own targets, each left out."""
    theirs = borrowed([pack], pack.spec)
    likeness = _likeness(pack.spec, theirs.names, theirs.matrix)
    memory = Memory(theirs.history, likeness)
    truth: dict[str, dict[str, dict[str, float]]] = {}
    for m in theirs.history:
        truth.setdefault(m.target, {}).setdefault(m.setting, {})[m.source] = m.outcome
    yield _worth("its targets", "likeness", truth, lambda t, s, _: [likeness.between(t, name) or 0.0 for name in s])
    yield _worth("its targets", "memory", truth, lambda t, s, _: memory.expected(t, s).tolist())
    yield _worth(
        "its targets", "memory, setting named", truth, lambda t, s, m: memory.expected(t, s, setting=m).tolist()
    )
    plain = Memory(theirs.history, _kin_by_similarity(likeness))
    yield _worth("its targets", "memory, kin by similarity", truth, lambda t, s, _: plain.expected(t, s).tolist())
    yield _worth(
        "its targets", "the same, setting named", truth, lambda t, s, m: plain.expected(t, s, setting=m).tolist()
    )


def elsewhere(pack: Pack, matrix: Path) -> Iterator[Worth]:
    """Yield what they are worth on tasks of which the pack knows nothing, without a setting."""
    theirs = borrowed([pack], pack.spec)
    with tempfile.TemporaryDirectory() as scratch, Registry.create(scratch) as registry:
        for name in TWELVE:
            registry.add_task(name, read_task(str(DATA / name)))
        create_space(registry, "default")
        embed(registry)
        own = registry.vectors()
    likeness = _likeness(pack.spec, own.names, own.matrix, theirs)
    memory = Memory(theirs.history, likeness)
    measured = read_truth(matrix)
    truth = {t: {m: measured[m][t] for m in measured if t in measured[m]} for t in sorted(sources_of(measured))}
    yield _worth("12 x 12", "likeness", truth, lambda t, s, _: [likeness.between(t, name) or 0.0 for name in s])
    yield _worth("12 x 12", "memory with the pack", truth, lambda t, s, _: memory.expected(t, s).tolist())
    plain = Memory(theirs.history, _kin_by_similarity(likeness))
    yield _worth("12 x 12", "the same, kin by similarity", truth, lambda t, s, _: plain.expected(t, s).tolist())
    random = np.random.default_rng(0)
    orders = [
        _worth("12 x 12", "random orders", truth, lambda _t, s, _m: random.random(len(s)).tolist())
        for _ in range(ORDERS)
    ]
    yield replace(
        orders[0],
        ndcg_rank=np.mean([one.ndcg_rank for one in orders], axis=0),
        regret=np.mean([one.regret for one in orders], axis=0),
    )


def _kin_by_similarity(likeness: Likeness) -> Likeness:
    """Return it without names of its facets, so that kinship is the similarity."""
    return replace(likeness, facet_names=())


def _likeness(
    spec: SpaceSpec, names: Sequence[str], matrix: NDArray[np.float32], theirs: Borrowed | None = None
) -> Likeness:
    """Compare tasks, centred on themselves, with those of a pack beside them."""
    centring = Centring(spec.facets, mean_of(matrix))
    more = ([], matrix[:0]) if theirs is None else (theirs.names, theirs.matrix)
    rows = centring.centred(np.concatenate([matrix, more[1]]))
    return Likeness.from_rows([*names, *more[0]], rows, spec.facets, tells_doubles=tells_doubles(centring))


def _worth(
    name: str,
    ranking: str,
    truth: Mapping[str, Mapping[str, Mapping[str, float]]],
    score: Callable[[str, list[str], str], list[float]],
) -> Worth:
    ranks, regrets = [], []
    for target, settings in sorted(truth.items()):
        found = []
        for setting, outcomes in settings.items():
            scores, real = score(target, list(outcomes), setting), list(outcomes.values())
            found.append((ndcg_rank(scores, real), regret(scores, real, 1)))
        rank, lost = np.mean(found, axis=0)
        ranks.append(rank)
        regrets.append(lost)
    return Worth(name, ranking, np.array(ranks), np.array(regrets))


if __name__ == "__main__":
    main()
