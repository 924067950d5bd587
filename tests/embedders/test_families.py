"""Which families of surrogates, objectives, kinds of tasks and methods go together: each runs, or is refused."""

from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from tiny import choices, opinions
from tiny_families import ENCODERS, FAMILIES, tiny_family

from embedders.errors import EmbedderError, NotEmbeddableError, SettingError
from embedders.methods import METHODS, Reading
from embedders.methods.contract import OBJECTIVES
from embedders.methods.tupate import TuPaTE
from embedders.observed import Observed, from_task
from embedders.spaces import create_space
from embedders.surrogate.model import Surrogate
from embedders.surrogate.weights import most_tokens
from registry import Registry
from registry.data.examples import Example
from registry.data.tasks import TaskData

BRIEF = {"steps": 2, "batch_size": 4}
NO_TEXT = "An encoder writes no text: the objective text-to-text needs a T5 or a decoder."
NO_PREFIX = "Prefixes cannot be put into this surrogate's attention: choose another tuning."
NO_CLASSES = "a classification head needs the same classes for each input: use the verbaliser."

_NUMBERS = tuple(Example(f"{n} fine films of five", str(float(n))) for n in range(6))
_QUESTIONS = tuple(
    Example(f"what is {who}", what, f"the film is {what} and the meal is {what}", answer_start=12)
    for who, what in (("it", "fine"), ("that", "dull"), ("the film", "great"), ("this", "poor"))
)
_WORDS = tuple(Example(f"the opposite of {a}", b) for a, b in (("fine", "dull"), ("great", "poor"), ("poor", "fine")))
TASKS = {
    "classification": opinions(6),
    "multiple choice": choices(8),
    "number": TaskData("regression", None, _NUMBERS, range=(0.0, 5.0)),
    "span": TaskData("question-answering", None, _QUESTIONS),
    "free text": TaskData("free-text", None, _WORDS),
}
KINDS = {kind: from_task(task, examples=6, seed=0) for kind, task in TASKS.items()}

LAYER_BIASES = {"bert": 192, "roberta": 192, "deberta": 224, "modernbert": 288, "t5": 192, "gpt2": 224, "llama": 256}

Find = Callable[[str], Surrogate]


@pytest.fixture(scope="module")
def find(tmp_path_factory: pytest.TempPathFactory) -> Find:
    place = tmp_path_factory.mktemp("families")
    return cache(lambda family: Surrogate(tiny_family(place / family, family), device="cpu"))


def read(surrogate: Surrogate, observed: Observed, method: str, **changed: str | float) -> Reading:
    how = METHODS[method]
    return how.read(surrogate, observed, {**how.parameters(), **changed}, seed=0, dimension=64)


def refusal(family: str, objective: str, kind: str, tuning: str) -> tuple[type[EmbedderError], str] | None:
    """Return what cannot work, and why; None for what can."""
    if objective == "text-to-text" and family in ENCODERS:
        return SettingError, NO_TEXT
    if objective == "head" and kind in ("multiple choice", "free text"):
        return NotEmbeddableError, NO_CLASSES
    return (SettingError, NO_PREFIX) if (family, tuning) == ("deberta", "prefix") else None


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", ["mapemb", "textemb"])
def test_a_method_that_trains_nothing_reads_every_kind_with_every_family(
    method: str, family: str, kind: str, find: Find
) -> None:
    parts = read(find(family), KINDS[kind], method).parts

    assert all(np.isfinite(part).all() and part.any() for part in parts.values())


def decides(objective: str, tuning: str, kind: str) -> bool:
    """Say whether a combination is one of those that decide: a tuning meets the family, an objective the kind."""
    return tuning == "bias" or (objective, kind) == (OBJECTIVES[0], "classification")


@pytest.mark.parametrize(
    ("objective", "tuning", "kind"),
    [
        pytest.param(*one, marks=() if decides(*one) else pytest.mark.full)
        for one in product(TuPaTE.choices["objective"], TuPaTE.choices["tuning"], KINDS)
    ],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_tupate_runs_or_is_refused_in_one_line(family: str, objective: str, tuning: str, kind: str, find: Find) -> None:
    problem = refusal(family, objective, kind, tuning)

    if problem is not None:
        with pytest.raises(problem[0]) as told:
            read(find(family), KINDS[kind], "tupate", tuning=tuning, objective=objective, **BRIEF)
        assert str(told.value) == problem[1]
        return
    reading = read(find(family), KINDS[kind], "tupate", tuning=tuning, objective=objective, **BRIEF)

    assert np.isfinite(reading.parts["tuned"]).all()
    assert np.abs(reading.parts["tuned"]).max() > 1e-6
    assert reading.provenance["steps"] == 2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("family", FAMILIES)
def test_curvegrad_runs_or_is_refused_in_one_line(family: str, objective: str, kind: str, find: Find) -> None:
    brief = {"steps": 4, "batch_size": 2, "points": 3, "learning_rate": 0.01, "objective": objective}
    problem = refusal(family, objective, kind, "none")

    if problem is not None:
        with pytest.raises(problem[0]) as told:
            read(find(family), KINDS[kind], "curvegrad", **brief)
        assert str(told.value) == problem[1]
        return
    curve = read(find(family), KINDS[kind], "curvegrad", **brief).parts["curve"]

    assert curve.shape == (3,)
    assert np.isfinite(curve).all()
    assert np.abs(curve).max() > 1e-6


@pytest.mark.parametrize(
    ("family", "settings", "told"),
    [
        *((family, {"objective": "text-to-text"}, NO_TEXT) for family in ENCODERS),
        ("deberta", {"tuning": "prefix"}, NO_PREFIX),
        (
            "bert",
            {"tuning": "prompt", "average_layers": "yes"},
            "A prompt has no layers to average: leave average_layers at 'no'.",
        ),
    ],
)
def test_a_space_that_could_embed_nothing_is_never_made(
    family: str, settings: dict[str, str], told: str, registry: Registry, tmp_path: Path
) -> None:
    folder = tiny_family(tmp_path / family, family)

    with pytest.raises(SettingError) as error:
        create_space(registry, "odd", surrogate=str(folder), method="tupate", corpus=None, settings=settings)

    assert str(error.value) == told
    assert list(registry.spaces()) == []


@pytest.mark.parametrize(("family", "count"), LAYER_BIASES.items())
def test_a_mean_over_layers_has_the_biases_of_one_layer(family: str, count: int, find: Find) -> None:
    surrogate, observed = find(family), KINDS["classification"]

    whole, mean = (
        read(surrogate, observed, "tupate", average_layers=said, **BRIEF).parts["tuned"] for said in ("no", "yes")
    )

    assert whole.shape == (64,)
    assert mean.shape == (count,)
    assert mean.any()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "span"])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_observations_read_the_same_with_every_family(family: str, kind: str, find: Find) -> None:
    one, two = (read(find(family), KINDS[kind], "tupate", **BRIEF).parts["tuned"] for _ in range(2))

    assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize(("family", "positions"), [("bert", 256), ("roberta", 256), ("gpt2", 256), ("llama", 256)])
def test_a_surrogate_has_so_many_positions_for_tokens(tmp_path: Path, family: str, positions: int) -> None:
    assert most_tokens(tiny_family(tmp_path / family, family)) == positions
