"""What programs of Python rely on: errors are of one kind, and come out of another process as they were raised."""

import ast
import inspect
import pickle
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from copy import copy, deepcopy
from dataclasses import fields
from enum import Enum
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tiny_cli import hand_made_space, put_vector

import embedders.errors
import registry.errors
from embedders import create_space, embed, hf_model, read_texts, recorded_model, space_of_texts
from embedders.errors import SettingError
from registry import Filter, PromptQuery, Registry
from registry.bundles.importing import ImportOptions
from registry.catalog.incoming.matrices import add_vectors
from registry.choosing.models import best_model, suggested_texts
from registry.data.examples import Columns
from registry.data.transfers import TransferRecord
from registry.errors import InputError, NotFoundError, RegistryError
from registry.formats.corpora import read_corpus
from registry.formats.tasks import as_task, read_task
from registry.kinds import EntryKind
from registry.prompts.pairs import recorded_llm
from registry.views.space_map import space_map

MODULES = (
    *("registry.errors", "embedders.errors", "embedders.predictors.endpoint.client", "embedders.predictors.readers"),
    *("embedders.evaluation.prompts.labelled", "registry.catalog.engines.vector_tables"),
)
TEXTS = [f"text {number}" for number in range(4)]


class Answer(Enum):
    GOOD = "good"
    BAD = "bad"


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


COUNTED = (
    ("limit", lambda store, number: store.entries("task", limit=number)),
    ("limit", lambda store, number: store.nearest("film", limit=number)),
    ("limit", lambda store, number: store.best_model("film", limit=number)),
    ("limit", lambda store, number: store.best_prompt(PromptQuery("film", "llm"), limit=number)),
    ("count", lambda store, number: store.suggest_labels("film", count=number)),
    ("per_task", lambda store, number: store.sample_corpus("texts", per_task=number)),
    ("dimension", lambda store, number: create_space(store, "other", method="taskemb", dimension=number)),
    ("seed", lambda store, number: create_space(store, "other", method="taskemb", seed=number)),
)


@pytest.mark.parametrize(("what", "ask_for"), COUNTED)
def test_what_counts_something_is_a_whole_number(
    store: Registry, what: str, ask_for: Callable[[Registry, object], object]
) -> None:
    for wrong in ("5", 1.5, float("nan"), True, [1], b"5"):
        with pytest.raises(InputError, match=f"{what}: a whole number is needed, and no {type(wrong).__name__}"):
            ask_for(store, wrong)


def test_numbers_of_numpy_count_too(store: Registry) -> None:
    assert len(store.entries("task", limit=np.int64(1))) == 1  # type: ignore[arg-type]


NO_TRANSFERS = (
    ({"model": "m"}, "a TransferRecord is needed, and no dict"),
    (TransferRecord("m", "full", "film", "meal", "91"), "score_mean: a number is needed, and no str"),  # type: ignore[arg-type]
    (TransferRecord("m", "full", 3, "meal", 91.0), "A target is a text, and no int"),  # type: ignore[arg-type]
    (TransferRecord(None, "full", "film", "meal", 91.0), "A model is a text, and no NoneType"),  # type: ignore[arg-type]
)


@pytest.mark.parametrize(("wrong", "told"), NO_TRANSFERS)
def test_what_is_no_transfer_is_refused(store: Registry, wrong: TransferRecord, told: str) -> None:
    with pytest.raises(InputError, match=told):
        store.add_transfers([wrong])


def test_a_transfer_with_the_numbers_of_a_data_frame_is_kept_with_pythons(store: Registry) -> None:
    measured = TransferRecord("m", "full", "film", "meal", np.float32(0.5), seeds=np.int64(3))  # type: ignore[arg-type]

    assert store.record_transfer(measured) == TransferRecord("m", "full", "film", "meal", 0.5, seeds=3)
    kept = store.transfers()[0]
    assert (type(kept.score_mean), type(kept.seeds)) == (float, int)


def test_what_is_no_question_is_refused(store: Registry) -> None:
    hand_made_space(store, "space")
    with pytest.raises(InputError, match=r"a PromptQuery\(TASK, MODEL\) is needed, and no str"):
        store.best_prompt("film")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="A name is a text, and no list"):
        store.nearest("film", space=["space"])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="A name is a text, and no int"):
        store.task_data(3)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="give what recorded_model returned"):
        space_of_texts(store, "texts", [])


def test_texts_are_read_in_a_space_that_has_some(store: Registry) -> None:
    create_space(store, "tasks", method="imported", surrogate="a tagger", dimension=8)
    with pytest.raises(SettingError, match="Space 'tasks' has no corpus whose texts could be read"):
        read_texts(store, "film", space="tasks")


def test_a_bunch_may_name_its_classes_in_an_array() -> None:
    bunch = {"data": ["a", "b"], "target": np.array([0, 1]), "target_names": np.array(["bad", "good"])}

    assert as_task(bunch).labels == ("bad", "good")


def keywords(function: Callable[..., object]) -> set[str]:
    """Return what a function takes by name alone, whatever its `Unpack` says included."""
    found: set[str] = set()
    for own in inspect.signature(function, eval_str=False).parameters.values():
        if own.kind is own.KEYWORD_ONLY:
            found.add(own.name)
        elif own.kind is own.VAR_KEYWORD:
            found |= named_in(function, own.annotation)
    return found


def hides_nothing(function: Callable[..., object]) -> bool:
    try:
        keywords(function)
    except AssertionError:
        return False
    return True


def hiding(**options: object) -> None: ...


def named_in(function: Callable[..., object], told: object) -> set[str]:
    """Return the names that `Unpack[...]` stands for, as it is written or, as each Python shows it, already read."""
    name = re.fullmatch(r"(?:(?:typing\.)?Unpack\[|\*<class ').*?(\w+)(?:\]|'>)", str(told))
    assert name is not None, f"{function.__qualname__} hides what it takes: {told}"
    kinds = [vars(import_module(module)).get(name[1]) for module in OPTIONS]
    return set(next(kind for kind in kinds if kind is not None).__annotations__)


OPTIONS = (
    *("registry.choosing.given", "registry.choosing.models", "registry.formats.tasks", "registry.formats.corpora"),
    *("registry.prompts.pairs", "registry.catalog.incoming.matrices", "registry.views.space_map"),
    "registry.bundles.importing",
)
TOLD = (
    (Registry.best_model, best_model, set()),
    (Registry.suggest_labels, suggested_texts, set()),
    (Registry.add_vectors, add_vectors, set()),
    (Registry.add_recorded_llm, recorded_llm, set()),
    (Registry.map, space_map, set()),
    (Registry.add_corpus, read_corpus, {"source"}),
    (Registry.import_bundle, ImportOptions, set()),
    (Registry.add_task, read_task, {"tags", "replace", *(own.name for own in fields(Columns))}),
)


@pytest.mark.parametrize(("method", "function", "more"), TOLD, ids=lambda own: getattr(own, "__name__", ""))
def test_an_editor_knows_every_option_of_a_method(
    method: Callable[..., object], function: Callable[..., object], more: set[str]
) -> None:
    takes = set(inspect.signature(function).parameters) if function is ImportOptions else keywords(function)

    assert keywords(method) == takes - {"columns"} | more


def test_no_public_method_hides_what_it_takes() -> None:
    public = [own for name, own in inspect.getmembers(Registry, inspect.isfunction) if name[0] != "_"]

    assert len(public) > 40
    assert [own.__name__ for own in public if not hides_nothing(own)] == []
    assert not hides_nothing(hiding)


@pytest.mark.parametrize("package", [registry, embedders])
def test_a_type_checker_knows_every_public_name_and_no_other(package: ModuleType) -> None:
    tree = ast.parse(inspect.getsource(package))
    block = next(own for own in tree.body if isinstance(own, ast.If) and ast.unparse(own.test) == "TYPE_CHECKING")
    names = {alias.name for own in block.body if isinstance(own, ast.ImportFrom) for alias in own.names}

    assert names == set(package.__all__)
    assert not any(isinstance(own, ast.FunctionDef) for own in tree.body)  # a `__getattr__` there has every name
    with pytest.raises(AttributeError, match="has no attribute 'Rankng'"):
        _ = package.Rankng


def test_a_set_has_no_order_in_which_vectors_or_answers_could_be_its(tmp_path: Path) -> None:
    """Vectors were given to names as the set happened to be laid out."""
    with Registry.create(tmp_path / "store") as registry:
        hand_made_space(registry, "s", 2)
        with pytest.raises(InputError, match="names: give a list, for a set has no order"):
            registry.add_vectors({"a", "b"}, np.eye(2))
        with pytest.raises(InputError, match="labels: give a list, for a set has no order"):
            hf_model(registry, "m", "minilm", labels={"no", "yes"})  # type: ignore[arg-type]


@pytest.mark.parametrize("named", [{0: "no", 1: "yes"}, {"0": "no", "1": "yes"}, {0.0: "no", np.int64(1): "yes"}])
def test_answers_that_are_numbers_are_named_by_numbers_too(tmp_path: Path, named: dict[object, str]) -> None:
    rows = [{"text": text, "p": number % 2, "q": number // 2} for number, text in enumerate(TEXTS)]
    with Registry.create(tmp_path / "store") as registry:
        made = recorded_model(registry, "llm", rows, names=named)  # type: ignore[arg-type]

        assert [one.spec["answers"] for one in made if "@" in one.name] == [["no", "yes"]] * 2
        with pytest.raises(InputError, match="A name of an answer is a text, and no int"):
            recorded_model(registry, "other", rows, names={0: 3, 1: 4})  # type: ignore[dict-item]


def test_an_answer_of_an_enum_is_its_value_and_bytes_are_none(tmp_path: Path) -> None:
    rows = [{"text": text, "p": list(Answer)[number % 2]} for number, text in enumerate(TEXTS)]
    with Registry.create(tmp_path / "store") as registry:
        assert registry.add_task("task", rows, text="text", label="p").spec["labels"] == ["bad", "good"]
        assert set(recorded_model(registry, "llm", rows)[-1].spec["answers"]) == {"good", "bad"}
        with pytest.raises(InputError, match="A cell holds bytes: make a text of it first"):
            recorded_model(registry, "other", [{"text": text, "p": b"yes"} for text in TEXTS])


@pytest.mark.parametrize(
    "said", [{"packs": "no"}, {"packs": 0}, {"packs": ["taskweb"]}, {"own": 1}, {"duplicates": "yes"}]
)
def test_what_is_yes_or_no_is_nothing_else(tmp_path: Path, said: dict[str, object]) -> None:
    """`packs="no"` was yes, and answered with nothing."""
    told = f"{next(iter(said))}: True or False is needed, not "
    with Registry.create(tmp_path / "store") as registry, pytest.raises(InputError, match=told):
        registry.nearest("a", **said)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "option"),
    [
        (lambda r: r.vectors(centred="no"), "centred"),
        (lambda r: embed(r, again="no"), "again"),
        (lambda r: embed(r, take_over=0), "take_over"),
        (lambda r: r.rebuild_index(recentre="no"), "recentre"),
        (lambda r: r.record_transfer(TransferRecord("m", "full", "t0", "t1", 0.5), anew="no"), "anew"),
        (lambda r: r.add_vectors(["t0"], np.ones((1, 8)), space="space", replace="no"), "replace"),
        (lambda r: recorded_model(r, "m", [{"text": "a", "p": "yes"}, {"text": "b", "p": "no"}], replace=1), "replace"),
    ],
)
def test_no_is_not_yes_in_any_option(embedded: Registry, call: Callable[[Registry], object], option: str) -> None:
    """Vectors were centred, the index was centred anew, and what was there was replaced."""
    before = embedded.status()
    with pytest.raises(InputError, match=f"^{option}: True or False is needed, not "):
        call(embedded)

    assert embedded.status() == before
    assert embedded.space().cells()["vectors"] == 3


@pytest.fixture
def embedded(tmp_path: Path) -> Iterator[Registry]:
    with Registry.create(tmp_path / "embedded") as opened:
        space = hand_made_space(opened, "space")
        for number in range(3):
            opened.add_task(f"t{number}", [{"text": f"a {n}", "label": ("good", "bad")[n % 2]} for n in range(4)])
            put_vector(opened, f"t{number}", space, number)
        yield opened


def again(sent: bytes) -> Any:  # noqa: ANN401
    return pickle.loads(sent)  # noqa: S301 - what this test has pickled itself


def test_an_answer_and_a_picture_are_pickled_and_copied_without_the_registry(
    embedded: Registry, tmp_path: Path
) -> None:
    """A map could not be: it held the connection. What it is drawn of is what it was drawn of then."""
    for made in (
        embedded.nearest("t0"),
        embedded.compare("t0", "t1"),
        embedded.tasks(),
        embedded.spaces(),
        embedded.status(),
    ):
        assert again(pickle.dumps(made)) == made == deepcopy(made)
    space_as_it_is, heat = embedded.map(layout="pca"), embedded.heatmap()
    sent = pickle.dumps((space_as_it_is, heat))
    embedded.remove("t0", "task")

    for copied in (again(sent)[0], deepcopy(space_as_it_is)):
        assert "t0" in copied.to_pandas()["name"].tolist()
        assert copied.page().text == space_as_it_is.page().text
        with pytest.raises(InputError, match="A copy of a map is without its registry, which this needs: ask for"):
            copied.save(tmp_path / "points.tsv")
    assert again(sent)[1].to_pandas().equals(heat.to_pandas())


@pytest.mark.parametrize("way", [pickle.dumps, deepcopy], ids=["pickled", "copied"])
def test_an_open_registry_stays_where_it_is_and_says_where(embedded: Registry, way: Callable[[object], object]) -> None:
    """It was Python's own error, of a part of the connection; what it was shown as was an address in memory."""
    with pytest.raises(InputError, match=r"^An open registry is not pickled or copied: tell where it is, and open it"):
        way(embedded)

    assert repr(embedded) == f"<Registry at {embedded.folder}>"


def test_a_registry_that_was_closed_is_opened_again_by_the_next_question(embedded: Registry) -> None:
    """A map that a cell of a notebook made within `with` is drawn by a later one."""
    drawn = embedded.map()
    embedded.close()

    assert len(drawn.to_pandas()) == len(embedded.tasks()) == 3
