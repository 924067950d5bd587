"""What every method promises, run over all of them; and what each refuses."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import HIDDEN, LAYERS, choices, opinions, tiny_encoder

from embedders.errors import NotEmbeddableError, SettingError
from embedders.methods import METHODS, Method, Reading, method_named
from embedders.methods.assembling import assemble
from embedders.methods.settings import COMMON
from embedders.methods.tupate import LEARNING_RATES, LOOK, TuPaTE
from embedders.observed import Observed, from_answers, from_task
from embedders.sketch import sketch
from embedders.spaces import create_space
from embedders.surrogate.model import Surrogate
from registry import Registry
from registry.data.tasks import TaskData
from registry.spaces.spec import SpaceSpec

SHORT = {"steps": 6, "batch_size": 8}
TUNINGS = TuPaTE.choices["tuning"]
SIZES = {
    "mapemb": {"inputs": HIDDEN, "answers": HIDDEN, "joint": HIDDEN * HIDDEN, "map": HIDDEN * HIDDEN},
    "textemb": {"inputs": HIDDEN},
    "curvegrad": {"curve": 10},
}


@dataclass(frozen=True)
class Way:
    """A method with a choice of its parameters."""

    name: str
    changed: dict[str, Any] = field(default_factory=dict)

    @property
    def method(self) -> Method:
        return METHODS[self.name]

    def read(self, surrogate: Surrogate, observed: Observed, *, seed: int = 0) -> Reading:
        return self.method.read(surrogate, observed, {**self.method.parameters(), **self.changed}, seed=seed)

    def __str__(self) -> str:
        return "-".join([self.name, *(str(v) for v in self.changed.values() if isinstance(v, str))])


PLAIN = [Way("mapemb"), Way("textemb"), Way("curvegrad", {"steps": 22, "passes": 8, "batch_size": 8})]
TUPATE = [Way("tupate", {"tuning": tuning, **SHORT}) for tuning in TUNINGS]
TUPATE.append(Way("tupate", {"tuning": "bias", "objective": "head", **SHORT}))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_encoder(tmp_path_factory.mktemp("surrogate"))


@pytest.fixture(scope="module")
def surrogate(folder: Path) -> Surrogate:
    return Surrogate(folder, device="cpu")


@pytest.fixture(scope="module")
def observed() -> Observed:
    return from_task(opinions(), examples=512, seed=0)


@pytest.fixture(scope="module")
def shuffled(observed: Observed) -> Observed:
    order = np.random.default_rng(0).permutation(len(observed.inputs))
    return from_answers(observed.inputs, observed.answers, observed.probabilities[order])


@pytest.fixture(params=PLAIN + TUPATE, ids=str)
def way(request: pytest.FixtureRequest) -> Way:
    chosen: Way = request.param
    return chosen


class TestEveryMethod:
    def test_the_same_observations_read_the_same_bit_by_bit(
        self, way: Way, folder: Path, surrogate: Surrogate, observed: Observed
    ) -> None:
        first = way.read(surrogate, observed)
        again = way.read(surrogate, observed)
        elsewhere = way.read(Surrogate(folder, device="cpu"), observed)

        assert _bytes(first) == _bytes(again) == _bytes(elsewhere)
        assert first.provenance == again.provenance == elsewhere.provenance

    def test_what_was_read_before_leaves_no_trace(
        self, way: Way, folder: Path, surrogate: Surrogate, observed: Observed, shuffled: Observed
    ) -> None:
        used = Surrogate(folder, device="cpu")
        way.read(used, shuffled, seed=1)

        assert _bytes(way.read(used, observed)) == _bytes(way.read(surrogate, observed))

    def test_every_facet_is_a_finite_float32_vector_that_is_not_zero(
        self, way: Way, surrogate: Surrogate, observed: Observed
    ) -> None:
        parts = way.read(surrogate, observed).parts

        assert {name: (part.dtype, part.ndim) for name, part in parts.items()} == dict.fromkeys(
            parts, (np.dtype(np.float32), 1)
        )
        assert all(np.isfinite(part).all() and np.abs(part).max() > 1e-6 for part in parts.values())

    def test_what_is_read_are_the_facets_that_the_space_has(
        self, way: Way, surrogate: Surrogate, observed: Observed
    ) -> None:
        facets = way.method.facets(64)

        assert sum(facet.size for facet in facets) == 64
        assert [facet.name for facet in facets] == list(way.read(surrogate, observed).parts)

    def test_a_reading_becomes_a_unit_vector_with_segments_of_equal_length(
        self, way: Way, surrogate: Surrogate, observed: Observed
    ) -> None:
        parameters = {**COMMON, **way.method.parameters(), **way.changed}
        facets = way.method.facets(64)
        spec = SpaceSpec("0" * 64, "tiny", way.name, parameters, facets, corpus=None)

        vector = assemble(way.read(surrogate, observed), spec)

        bounds = np.cumsum([facet.size for facet in facets])[:-1]
        lengths = [float(np.linalg.norm(part)) for part in np.split(vector, bounds)]
        assert (vector.dtype, vector.shape) == (np.float32, (64,))
        assert lengths == pytest.approx([1 / np.sqrt(len(facets))] * len(facets), abs=1e-5)

    def test_shuffled_labels_change_the_embedding_of_a_method_that_sees_them(
        self, way: Way, surrogate: Surrogate, observed: Observed, shuffled: Observed
    ) -> None:
        differs = _bytes(way.read(surrogate, observed)) != _bytes(way.read(surrogate, shuffled))

        assert differs == way.method.sees_answers

    def test_another_task_reads_otherwise(self, way: Way, surrogate: Surrogate, observed: Observed) -> None:
        other = from_task(opinions(16, ("bad", "good")), examples=512, seed=0)

        assert _bytes(way.read(surrogate, observed)) != _bytes(way.read(surrogate, other))


def _bytes(reading: Reading) -> dict[str, bytes]:
    return {name: part.tobytes() for name, part in reading.parts.items()}


def _cosine(a: Reading, b: Reading, facet: str) -> float:
    one, two = a.parts[facet], b.parts[facet]
    return float(one @ two / np.linalg.norm(one) / np.linalg.norm(two))


@pytest.mark.parametrize("name", list(SIZES))
def test_a_facet_has_as_many_numbers_as_its_parameters(name: str, surrogate: Surrogate, observed: Observed) -> None:
    parts = Way(name).read(surrogate, observed).parts

    assert {facet: len(part) for facet, part in parts.items()} == SIZES[name]


@pytest.mark.parametrize("way", TUPATE, ids=str)
def test_the_loss_falls_while_tupate_tunes(way: Way, surrogate: Surrogate, observed: Observed) -> None:
    rate = 4 * LEARNING_RATES[way.changed["tuning"]]
    longer = Way(way.name, {**way.changed, "steps": 40, "passes": 10, "learning_rate": rate, "settled": 1.0})

    told = longer.read(surrogate, observed).provenance

    assert told["steps"] == 40
    assert told["last_loss"] < 0.97 * told["first_loss"]


def test_where_nothing_is_learnt_there_is_nothing_to_embed(surrogate: Surrogate, observed: Observed) -> None:
    still = Way("tupate", {**SHORT, "learning_rate": 0.0})

    with pytest.raises(NotEmbeddableError, match=r"^nothing was learnt, or nothing but noise: .*\.$"):
        still.read(surrogate, observed)


def test_a_rate_that_is_far_too_high_is_told(surrogate: Surrogate, observed: Observed) -> None:
    wild = Way("tupate", {"tuning": "lora", **SHORT, "learning_rate": 1e30})

    with pytest.raises(NotEmbeddableError, match=r"^nothing was learnt, or nothing but noise: .*\.$"):
        wild.read(surrogate, observed)


def test_tuning_that_has_settled_stops_and_is_the_beginning_of_a_longer_one(
    surrogate: Surrogate, observed: Observed
) -> None:
    """The rate is constant, so what is embedded depends on the steps that were used, not on those that were allowed."""
    early = Way("tupate", {"steps": 60, "batch_size": 8, "settled": 0.5}).read(surrogate, observed)
    whole = Way("tupate", {"steps": 2 * LOOK, "batch_size": 8, "settled": 1.0}).read(surrogate, observed)

    assert early.provenance["steps"] == 2 * LOOK
    assert 0.5 <= early.provenance["settled"] <= 1.0
    assert whole.provenance["settled"] is None
    assert _bytes(early) == _bytes(whole)


def test_tuning_that_never_settles_takes_all_its_steps(surrogate: Surrogate, observed: Observed) -> None:
    told = Way("tupate", {"steps": 20, "batch_size": 8, "settled": 0.99999}).read(surrogate, observed).provenance

    assert told["steps"] == 20
    assert told["settled"] < 0.99999


def test_the_sketch_of_a_change_is_the_same_part_by_part(surrogate: Surrogate, observed: Observed) -> None:
    """LoRA's products are 4,096 numbers here; a space of that many holds them as they are."""
    how, parameters = METHODS["tupate"], {**METHODS["tupate"].parameters(), "tuning": "lora", **SHORT}

    whole, part = (
        how.read(surrogate, observed, parameters, seed=0, dimension=size).parts["tuned"] for size in (4096, 64)
    )

    assert len(whole) == LAYERS * 2 * HIDDEN * HIDDEN
    assert part.tolist() == pytest.approx(sketch(whole, 64, (0, 0)).tolist(), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("way", [*PLAIN, *TUPATE[:-1]], ids=str)
def test_multiple_choice_is_read_by_all_but_the_head(way: Way, surrogate: Surrogate) -> None:
    one, other = (from_task(choices(count), examples=512, seed=0) for count in (24, 12))

    parts = way.read(surrogate, one).parts

    assert all(np.isfinite(part).all() and np.abs(part).max() > 1e-6 for part in parts.values())
    assert _bytes(way.read(surrogate, one)) != _bytes(way.read(surrogate, other))


def test_a_head_refuses_multiple_choice(surrogate: Surrogate) -> None:
    with pytest.raises(NotEmbeddableError, match=r"^a classification head needs the same classes .*: use the ver.*\.$"):
        TUPATE[-1].read(surrogate, from_task(choices(), examples=512, seed=0))


def test_the_verbaliser_hears_what_a_label_means_and_the_head_does_not(surrogate: Surrogate) -> None:
    plain, renamed = (
        from_task(opinions(32, labels), examples=512, seed=0) for labels in (("bad", "good"), ("chair", "song"))
    )
    head, verbaliser = (Way("tupate", {"objective": o, **SHORT}) for o in ("head", "verbaliser"))

    assert _bytes(head.read(surrogate, plain)) == _bytes(head.read(surrogate, renamed))
    assert _cosine(verbaliser.read(surrogate, plain), verbaliser.read(surrogate, renamed), "tuned") < 0.99


def test_mapemb_hears_what_a_label_means(surrogate: Surrogate) -> None:
    plain, renamed = (
        from_task(opinions(32, labels), examples=512, seed=0) for labels in (("bad", "good"), ("chair", "song"))
    )
    one, two = Way("mapemb").read(surrogate, plain), Way("mapemb").read(surrogate, renamed)

    assert one.parts["inputs"].tobytes() == two.parts["inputs"].tobytes()
    assert _cosine(one, two, "answers") < 0.99


def test_an_unknown_method_is_refused_in_one_line() -> None:
    with pytest.raises(SettingError, match=rf"^No method 'fisher': there are {', '.join(METHODS)}\.$"):
        method_named("fisher")


@pytest.mark.parametrize(
    ("method", "settings", "told"),
    [
        ("mapemb", {"tuning": "bias"}, r"^No setting 'tuning': there are examples, max_length, answers, ridge\.$"),
        ("tupate", {"ridge": "0.1"}, r"^No setting 'ridge': there are examples, .*, settled\.$"),
        ("fisher", {}, rf"^No method 'fisher': there are {', '.join(METHODS)}\.$"),
        ("mapemb", {"ridge": "much"}, r"^ridge is a float, not 'much'\.$"),
        ("mapemb", {"ridge": "nan"}, r"^ridge is a positive number, not 'nan'\.$"),
        ("tupate", {"steps": "0"}, r"^steps is a positive number, not '0'\.$"),
        ("tupate", {"steps": "1.5"}, r"^steps is a int, not '1.5'\.$"),
        ("mapemb", {"answers": "soft"}, r"^No answers 'soft': there are hard, probabilities, calibrated\.$"),
        ("tupate", {"tuning": "adapter"}, r"^No tuning 'adapter': there are bias, .*, prefix, prompt\.$"),
        ("tupate", {"objective": "span"}, r"^No objective 'span': there are verbaliser, head, text-to-text\.$"),
        ("tupate", {"average_layers": "1"}, r"^No average_layers '1': there are no, yes\.$"),
        ("tupate", {"settled": "1.5"}, r"^settled is a cosine, above 0 and at most 1\.$"),
        ("tupate", {"learning_rate": "0"}, r"^learning_rate is a positive number, not '0'\.$"),
        ("tupate", {"tuning": "prompt", "max_length": "241"}, r"^max_length is 8 to 240 tokens for this surrogate\.$"),
    ],
)
def test_a_space_of_settings_that_make_no_sense_is_never_made(
    registry: Registry, folder: Path, method: str, settings: dict[str, str], told: str
) -> None:
    with pytest.raises(SettingError, match=told):
        create_space(registry, "odd", surrogate=str(folder), method=method, corpus=None, settings=settings)

    assert [space.name for space in registry.spaces()] == []


@pytest.mark.parametrize("tuning", TUNINGS)
def test_a_space_holds_the_rate_that_suits_its_tuning(tuning: str, registry: Registry, folder: Path) -> None:
    settings = {"tuning": tuning}
    chosen = create_space(registry, "a", surrogate=str(folder), method="tupate", corpus=None, settings=settings)
    given = create_space(
        registry,
        "b",
        surrogate=str(folder),
        method="tupate",
        corpus=None,
        settings={**settings, "learning_rate": "0.5"},
    )

    rates = [SpaceSpec.from_document(space.spec).parameters["learning_rate"] for space in (chosen, given)]
    assert rates == [LEARNING_RATES[tuning], 0.5]


@pytest.mark.parametrize("dimension", [7, 65537])
def test_a_space_of_too_few_or_too_many_dimensions_is_refused(registry: Registry, folder: Path, dimension: int) -> None:
    with pytest.raises(SettingError, match=rf"^A space has 8 to 65536 dimensions, not {dimension}\.$"):
        create_space(registry, "odd", surrogate=str(folder), corpus=None, dimension=dimension)


def test_the_tiny_tasks_are_what_the_tests_take_them_for() -> None:
    task: TaskData = opinions(8)

    assert [example.label for example in task.train] == ["positive", "negative"] * 4
    assert len({example.text for example in task.train}) == 8
