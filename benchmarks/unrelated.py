"""How alike do tasks and models get that have nothing to do with one another? What `nearest` calls alike follows.

For every task of the public data, the most alike among those of other families, and among its own; for models that
answer at random, with the words of each task in turn, the most alike task by the map facet; and how alike two such
models are. `nothing` is the share of which `nearest` says that nothing is alike: of strangers it should be nearly all,
of kin few.

    python -m benchmarks.unrelated --keep FOLDER
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.data import DATA
from embedders import create_space, embed
from embedders.methods import method_named
from embedders.methods.assembling import assemble
from embedders.observed import from_answers
from embedders.spaces import DEFAULT_SPACE, EVERYDAY
from embedders.surrogate.loading import SurrogateCache
from registry import Registry
from registry.importing import import_tasks
from registry.kinds import EntryKind
from registry.ranking.levels import BETWEEN_MODELS, BETWEEN_TASKS, TO_A_TASK
from registry.results import Cell, Table
from registry.spaces.spec import SpaceSpec

STANCES = {f"tweet_stance_{topic}" for topic in ("abortion", "atheism", "climate", "feminist", "hillary")}
REVIEWS = {"sst2", "sst5", "movie_review", "customer_review", "subjectivity", "opinion_polarity"}
FAMILIES = (  # tasks of one family are no strangers
    REVIEWS | {"tweet_sentiment", "tweet_emotion"},
    REVIEWS | {"babe"},
    {"anli_r3", "cb", "snli", "scitail", "mrpc", "qqp"},
    {"tweet_sentiment", "tweet_emotion", "tweet_irony"},
    {"banking77", "clinc_domain", "trec"},
    {"copa", "socialiqa"},
    {"subjqa_electronics", "subjqa_grocery", "subjqa_restaurants", "subjqa_tripadvisor", "xquad_en"},
    STANCES,
)
Values = NDArray[np.float64]


class Line:
    """What some pairs reach: quantiles, and the share below the level."""

    def __init__(self, what: str, values: Values, level: float) -> None:
        self._what = what
        self._values = values
        self._level = level

    def cells(self) -> dict[str, Cell]:
        """Return the row of a table."""
        quantiles = {f"{q:.0%}": round(float(np.quantile(self._values, q)), 2) for q in (0.1, 0.5, 0.9, 0.95, 1.0)}
        below = f"{(self._values < self._level).mean():.0%}"
        return {"what": self._what, "n": len(self._values), **quantiles, "level": self._level, "nothing": below}


def main() -> None:
    """Embed what is not embedded yet, and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--keep", type=Path, help="a folder where the vectors stay, so that another run finds them")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary, Registry.create(options.keep or Path(temporary)) as registry:
        import_tasks(registry, options.data)
        create_space(registry, DEFAULT_SPACE)
        surrogates = SurrogateCache(device=None)
        names = [task.name for task in registry.tasks()]
        embed(registry, names, space=DEFAULT_SPACE, surrogates=surrogates)
        vectors, similar = registry.similarities(space=DEFAULT_SPACE)
        tasks = [number for number, kind in enumerate(vectors.kinds) if kind == EntryKind.TASK]
        names, alike = [vectors.names[number] for number in tasks], similar[np.ix_(tasks, tasks)].astype(np.float64)
        random = _random_models(registry, surrogates)
        centring = registry.catalog.embeddings.centring(registry.catalog.spaces.get(DEFAULT_SPACE).id)
        part = centring.facets.segment("map") or slice(None)
        as_they_are = centring.facets.unit(vectors.matrix[tasks])  # not less the centre, the answers neither
        uncentred = centring.facets.similarities(as_they_are, [EntryKind.TASK] * len(tasks)).astype(np.float64)
        of_tasks, of_models = (centring.centred(rows)[:, part] for rows in (vectors.matrix[tasks], random))
    kin = np.array([[any({a, b} <= family for family in FAMILIES) for b in names] for a in names])
    np.fill_diagonal(kin, val=False)
    strangers = ~kin & ~np.eye(len(names), dtype=bool)
    (best_strangers, best_kin), (uncentred_strangers, uncentred_kin) = (
        (_best(values, strangers), _best(values, kin)) for values in (alike, uncentred)
    )
    as_many = float(np.quantile(uncentred_strangers, (best_strangers < BETWEEN_TASKS).mean()))
    nearest: Values = np.asarray((of_models @ of_tasks.T).max(axis=1), np.float64)
    between: Values = np.asarray((of_models @ of_models.T)[np.triu_indices(len(of_models), 1)], np.float64)
    lines = [
        Line("two tasks, strangers", alike[strangers], BETWEEN_TASKS),
        Line("a task and the most alike stranger", best_strangers, BETWEEN_TASKS),
        Line("a task and its most alike kin", best_kin, BETWEEN_TASKS),
        Line("the same, answers as they are, as many strangers told", uncentred_kin, round(as_many, 2)),
        Line("random answers and the most alike task, map", nearest, TO_A_TASK),
        Line("random answers and random answers, map", between, BETWEEN_MODELS),
    ]
    print(Table(lines))


def _best(alike: Values, among: NDArray[np.bool_]) -> Values:
    """Return the similarity of each task to the most alike of some, of those that have any."""
    return np.asarray(np.where(among, alike, -1).max(axis=1)[among.any(axis=1)], np.float64)


def _random_models(registry: Registry, surrogates: SurrogateCache) -> NDArray[np.float32]:
    """Return the vectors of models that answer at random, each with the labels of a task, (models, dimension)."""
    spec = SpaceSpec.from_document(registry.space(DEFAULT_SPACE).record.spec)
    surrogate, method = surrogates.for_space(spec), method_named(spec.method)
    inputs = tuple(registry.corpus_inputs(EVERYDAY))
    draws, made = np.random.default_rng(0), []
    for row in registry.tasks():
        labels = registry.task_data(row.name).labels
        if not labels:
            continue
        skew = draws.dirichlet(np.ones(len(labels)))  # some labels more often than others
        said = np.eye(len(labels), dtype=np.float32)[draws.choice(len(labels), len(inputs), p=skew)]
        observed = from_answers(inputs, tuple(labels), said, hard=True)
        reading = method.read(surrogate, observed, spec.parameters, seed=spec.seed, dimension=spec.dimension)
        made.append(assemble(reading, spec))
    return np.stack(made)


if __name__ == "__main__":
    main()
