"""R11: no name leads out of the registry, no text is taken as SQL, no address reaches what is not to be asked."""

import itertools
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from address_tricks import KEY, TRICKS
from goals import Goal
from tiny_cli import dump, hand_made_space, put_vector, run, write_task

from embedders.black_boxes.registering import endpoint_model
from embedders.errors import SettingError
from embedders.predictors.endpoint.client import Client
from registry import Registry
from registry.catalog import Filter
from registry.data.inputs import Input
from registry.errors import RegistryError

UPWARDS = ("..", "../", "../../x", "/etc/passwd", "/tmp/x", "~/x", "a/../../x", "a//x", "./x", ".hidden", "a/..")  # noqa: S108
SPELLED = (
    *("{}", "{}/", "{}\x00", "{}\n", " {}", "{}.", "a/{}", "{}/a", "%2e%2e/{}", "{}%00", "..%2f{}", "..\\{}"),
    *("file://{}", "\uff0e\uff0e/{}", "\u2024\u2024/{}", "{}\u202e", "C:\\{}", "\\\\host\\{}", "{}:1", "{}@{}"),
)
NAMES = {"a/./x", "a/.hidden"}  # as any others: a name is no path, and leads nowhere
PATHS = sorted({form.replace("{}", path) for path in UPWARDS for form in SPELLED} - NAMES)
SQL = tuple(
    f"{quote}{space}{what}{end}"
    for quote, space, what, end in itertools.product(
        ("'", '"', "t0'", "`", ")"),
        (" ", "/**/"),
        (
            "OR 1=1",
            "; DROP TABLE entries",
            "UNION SELECT * FROM contents",
            "; DELETE FROM transfers",
            "OR name LIKE '%",
        ),
        (" --", ";"),
    )
)


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    with Registry.create(tmp_path / "store") as made:
        space = hand_made_space(made, "space")
        for number in range(3):
            made.add_task(f"t{number}", str(write_task(tmp_path / "data" / f"t{number}", number)), tags=["kept"])
            put_vector(made, f"t{number}", space, number)
        made.nearest("t0")
        yield made


REFUSED = object()


def answer(ask: Callable[[str], object], text: str) -> object:
    """Return what comes of a question, `REFUSED` where it is refused in one line."""
    try:
        return ask(text)
    except RegistryError as error:
        return REFUSED if "\n" not in str(error) else error


def files(place: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in place.rglob("*") if path.is_file()}


@pytest.mark.goal("R11", "200 paths in the place of names: 0 files outside the registry, 0 changed")
def test_no_name_is_a_path(goal: Goal, registry: Registry, tmp_path: Path) -> None:
    assert len(PATHS) >= 200
    before, outside = dump(registry.folder), files(tmp_path / "data")
    asks: tuple[Callable[[str], object], ...] = (
        lambda name: registry.add_corpus(name, [Input("a")], source="x"),
        lambda name: registry.rename("t0", name, "task"),
        lambda name: registry.set_alias("t0", name),
        registry.nearest,
        registry.packs.remove,
        registry.packs.add,
        lambda name: registry.export_task(name, tmp_path / "exported"),
    )

    assert [name for name in PATHS for ask in asks if answer(ask, name) is not REFUSED] == []
    assert dump(registry.folder) == before
    assert files(tmp_path / "data") == outside
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "store"]
    goal.reached(f"{len(PATHS)} paths in {len(asks)} places: 0 files, 0 changes")


@pytest.mark.goal("R11", "100 texts of SQL: 0 rows changed, 0 rows found that were not asked for")
def test_no_text_is_sql(goal: Goal, registry: Registry) -> None:
    assert len(SQL) >= 100
    before = dump(registry.folder)
    asks: tuple[Callable[[str], object], ...] = (
        lambda text: registry.tasks(tags=[text]),
        registry.transfers,
        lambda text: registry.catalog.entries.all(Filter(language=text)),
        registry.entry,
        lambda text: registry.nearest("t0", space=text),
        lambda text: registry.nearest("t0", where=Filter(tags=(text,))),
        registry.use_space,
        lambda text: registry.remove(text, "task"),
        lambda text: registry.set_alias("t0", text),
    )
    for text in SQL:
        found = [rows for ask in asks if (rows := answer(ask, text)) is not REFUSED]
        assert not any(found), text  # a table without rows is false
        result = run("--registry", registry.folder, "task", "list", "--json", "--tag", text)
        assert result.exit_code == 2 or '"t0"' not in result.stdout, text

    assert dump(registry.folder) == before
    goal.reached(f"{len(SQL)} texts in {len(asks)} places: 0 changes, 0 rows")


@pytest.mark.goal("R11", "60 tricks of an endpoint's address: 0 requests, 0 names looked up, 0 kept")
def test_no_trick_of_an_address_is_asked(goal: Goal, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(set(TRICKS)) == len(TRICKS) >= 60
    reached: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *given, **_: reached.append(given))
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: reached.append(address))

    for url in TRICKS:
        for ask in (lambda url=url: endpoint_model(registry, "lm", url, model="m"), lambda url=url: Client(url)):
            with pytest.raises(SettingError) as told:
                ask()
            assert "\n" not in str(told.value)
            assert KEY not in str(told.value)

    assert (reached, list(registry.models())) == ([], [])
    goal.reached(f"{len(TRICKS)} addresses: 0 requests, 0 kept")
