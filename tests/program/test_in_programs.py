"""What programs of Python rely on: errors are of one kind, and come out of another process as they were raised."""

import inspect
import pickle
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from copy import copy
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

import pytest
from tiny_cli import hand_made_space, put_vector

import embedders.errors
import registry.errors
from embedders import recorded_model
from registry import Filter, Registry
from registry.errors import InputError, NotFoundError, RegistryError
from registry.kinds import EntryKind

MODULES = (
    *("registry.errors", "embedders.errors", "embedders.predictors.endpoint.client", "embedders.predictors.readers"),
    *("embedders.evaluation.prompts.labelled", "registry.catalog.engines.vector_tables"),
)
GIVEN = {"known": 3, "corpus": 5, "line": 7, "users": ["a"], "elsewhere": ["b"], "newer": True, "found": "0001"}


def made(kind: type[RegistryError]) -> RegistryError:
    """Return an error of a kind, made of what it takes."""
    if kind.__init__ is RegistryError.__init__:
        return kind("word")
    takes = [own for own in inspect.signature(kind).parameters.values() if own.default is own.empty]
    named = {own.name: GIVEN.get(own.name, "word") for own in takes if own.kind is own.KEYWORD_ONLY}
    placed = [GIVEN.get(own.name, "word") for own in takes if own.kind is not own.KEYWORD_ONLY]
    return kind(*placed, **named)


def kinds() -> list[type[RegistryError]]:
    """Return every kind of error that a user can cause or mend."""
    known = [own for name in MODULES for own in vars(import_module(name)).values() if inspect.isclass(own)]
    return sorted({own for own in known if issubclass(own, RegistryError)}, key=lambda own: own.__name__)


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.__name__)
def test_an_error_is_the_same_when_it_comes_from_elsewhere(kind: type[RegistryError]) -> None:
    error = made(kind)

    for other in (pickle.loads(pickle.dumps(error)), copy(error)):  # noqa: S301 - our own
        assert type(other) is kind
        assert str(other) == str(error)
        assert vars(other) == vars(error)


def test_all_that_a_user_can_mend_is_one_kind_of_error() -> None:
    own = [it for module in (registry.errors, embedders.errors) for it in vars(module).values() if inspect.isclass(it)]

    assert {it.__name__ for it in own if issubclass(it, Exception) and not issubclass(it, RegistryError)} == set()


def ask(place: str) -> str:
    """Open a registry and ask about a name that is not there."""
    with Registry.open(place) as opened:
        return opened.nearest("filn")[0].name


@pytest.mark.parametrize("way", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_pool_of_processes_says_what_went_wrong_in_one(tmp_path: Path, way: str) -> None:
    with Registry.create(tmp_path / "store") as opened:
        space = hand_made_space(opened, "space")
        opened.add_task("film", [{"text": "a", "label": "good"}, {"text": "b", "label": "bad"}])
        put_vector(opened, "film", space, 0)

    with ProcessPoolExecutor(1, mp_context=get_context(way)) as pool, pytest.raises(NotFoundError) as raised:
        pool.submit(ask, str(tmp_path / "store")).result()

    assert str(raised.value) == "No entry named 'filn' in this registry. Did you mean 'film'?"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Registry]:
    with Registry.create(tmp_path / "store") as opened:
        for name in ("film", "meal"):
            rows = [{"text": f"{name} {n}", "label": ("good", "bad")[n % 2]} for n in range(4)]
            opened.add_task(name, rows, tags=name)
        yield opened


def test_one_text_where_several_may_be_is_one_and_not_its_letters(store: Registry) -> None:
    assert [row.name for row in store.tasks(tags="film")] == ["film"]
    assert [row.name for row in store.tasks(tags=iter(["meal"]))] == ["meal"]  # type: ignore[arg-type]
    assert Filter(kinds="task", tags="film") == Filter(kinds=(EntryKind.TASK,), tags=("film",))  # type: ignore[arg-type]
    assert len(store.corpus_inputs(store.sample_corpus("texts", exclude="meal"))) == 4
    made = recorded_model(
        store, "llm", [{"text": "a", "x": "yes", "y": 3}, {"text": "b", "x": "no", "y": 4}], answers="x"
    )
    assert [entry.name for entry in made] == ["llm", "llm@x"]


def test_what_is_no_text_is_no_name_of_several(store: Registry) -> None:
    for wrong in (3, None, [3], b"film"):
        with pytest.raises(InputError, match=r"tags: a text, or several, and no (int|NoneType|bytes)\."):
            store.tasks(tags=wrong)  # type: ignore[arg-type]
        with pytest.raises(InputError, match="names: a text, or several"):
            store.remove(wrong, "task")  # type: ignore[arg-type]


def test_a_filter_by_a_kind_that_there_is_not_is_refused() -> None:
    with pytest.raises(InputError, match="No kind 'tasks': there are task, model, "):
        Filter(kinds=("tasks",))  # type: ignore[arg-type]
