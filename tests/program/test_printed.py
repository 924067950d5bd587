"""Tables as they are printed: within the width of a terminal, nothing broken; values for other programs; completion."""

import csv
import io
import json
import os
import subprocess
from pathlib import Path

import pytest
from tiny_cli import FUTE, run, write_rows, write_task
from tiny_history import records_of

from commands.tables import fitted, separated
from registry import Registry
from registry.formats.tasks import read_task
from registry.kinds import EntryKind
from registry.ranking.matches import Match, Ranking
from registry.results import Cell, Table

LONG = "org/a-name-that-is-as-long-as-names-are-in-companies"


class Row:
    def __init__(self, **cells: Cell) -> None:
        self._cells = cells

    def cells(self) -> dict[str, Cell]:
        return self._cells


def printed(table: Table[Row], width: int | None) -> tuple[list[str], list[str]]:
    from rich.console import Console

    made, wide, gone = fitted(table, width)
    text = io.StringIO()
    Console(file=text, width=wide).print(made)
    return text.getvalue().splitlines(), gone


WIDE = Table(
    [
        Row(rank=1, name=LONG, kind="prompted-model", score=-0.123456, because="one two three " * 9, size=1_234_567),
        Row(rank=2, name="b", kind="task", score=1.0, because="short", size=3),
    ]
)


@pytest.mark.parametrize("width", [200, 120, 100, 80, 70])
def test_no_line_is_longer_than_the_terminal_and_no_name_or_number_is_broken(width: int) -> None:
    lines, gone = printed(WIDE, width)

    assert max(map(len, lines)) <= width
    assert any(LONG in line for line in lines)
    for name, text in (("kind", "prompted-model"), ("score", "-0.123"), ("size", "1234567")):
        assert (name in gone) != any(text in line for line in lines)
    assert ("because" in gone) or sum(line.count("three") for line in lines) == 9


def test_columns_give_way_from_the_right_and_what_matters_least_first() -> None:
    assert printed(WIDE, 80)[1] == ["size", "because", "score"][: len(printed(WIDE, 80)[1])]

    class Ordered(Table[Row]):
        gives_way = ("kind",)

    assert printed(Ordered(list(WIDE)), 100)[1][0] == "kind"
    facets = {"inputs": 0.1, "answers": 0.2, "joint": 0.3, "map": 0.4}
    ranking = Ranking([Match(1, LONG[:40], EntryKind.TASK, 0.5, facets, deviation=0.1)], query="q", space="s")
    assert printed(ranking, 80)[1][0] == "map"  # type: ignore[arg-type]


def test_without_a_terminal_nothing_gives_way() -> None:
    lines, gone = printed(WIDE, None)

    assert gone == []
    assert any("one two three " * 3 in line for line in lines)


def test_a_column_that_nobody_fills_is_not_shown() -> None:
    lines, gone = printed(Table([Row(name="a", tags="", size=None), Row(name="b", tags="", size=None)]), 80)

    assert gone == []
    assert "tags" not in "\n".join(lines)


def test_wide_signs_take_two_columns() -> None:
    lines, _ = printed(Table([Row(rank=1, name="評論", more="x" * 30)]), 80)

    assert all("評論" in line for line in lines if "評" in line)


def test_values_for_other_programs_are_in_full() -> None:
    rows = list(csv.reader(io.StringIO(separated(WIDE, ","))))

    assert rows[0] == ["rank", "name", "kind", "score", "because", "size"]
    assert float(rows[1][3]) == -0.123456
    odd = Table([Row(name='say "x", y', text="two\nlines\tand a tab")])
    assert list(csv.reader(io.StringIO(separated(odd, ","))))[1] == ['say "x", y', "two\nlines\tand a tab"]
    assert separated(odd, "\t").splitlines()[1].split("\t")[1] == "two lines and a tab"


# -- as typed ----------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    with Registry.create(tmp_path / "store") as registry:
        for number, name in enumerate((LONG, "film", "shop")):
            registry.add_task(name, read_task(str(write_task(tmp_path / f"t{number}", number))), tags=["a tag"])
        registry.add_transfers(records_of((LONG,), (LONG, "film", "shop")))
    monkeypatch.setenv("FUTE_REGISTRY", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.mark.parametrize("command", [("task", "list"), ("transfer", "list")], ids=" ".join)
def test_tables_fit_eighty_columns_and_say_what_they_left_out(
    store: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    narrow = run(*command)

    assert max(map(len, narrow.stdout.splitlines())) <= 80
    assert LONG in narrow.stdout
    assert "Left out for want of room: " in narrow.stderr
    whole = run(*command, "--no-truncate")
    assert "Left out" not in whole.stderr
    assert max(map(len, whole.stdout.splitlines())) > 80


def test_values_alone_are_on_stdout(store: Path) -> None:
    assert run("task", "list", "--csv").stdout.splitlines()[0] == "name,kind,train,test,labels,language,tags"
    assert run("task", "list", "--tsv").stdout.splitlines()[1].split("\t")[0] == "film"


@pytest.mark.parametrize("both", [("--json", "--csv"), ("--csv", "--tsv"), ("--json", "--no-truncate")], ids=" ".join)
def test_one_form_is_asked_for(store: Path, both: tuple[str, ...]) -> None:
    result = run("task", "list", *both)

    assert result.exit_code == 2
    assert "Give one of --" in result.stderr


def completed(words: dict[str, str]) -> list[str]:
    """Return what the shell would offer; nothing else is printed."""
    environment = {**os.environ, **words, "_FUTE_COMPLETE": "bash_complete"}
    done = subprocess.run([FUTE], env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.split()]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("fute task show f", ["film"]),
        ("fute task remove ", ["film", LONG, "shop"]),
        ("fute nearest s", ["shop"]),
        ("fute nearest film --space ", []),
        ("fute model show ", []),
    ],
)
def test_the_shell_completes_names(store: Path, typed: str, expected: list[str]) -> None:
    words = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - (typed[-1] != " "))}

    assert completed(words) == expected


def test_a_shell_is_told_nothing_where_there_is_no_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUTE_REGISTRY", str(tmp_path / "none"))

    assert completed({"COMP_WORDS": "fute task show ", "COMP_CWORD": "3"}) == []


OBEYED = "\x1b[2J\x9b31m\u202e\x07"


def test_nothing_that_a_terminal_obeys_is_printed(tmp_path: Path) -> None:
    rows = [{"text": f"a film {n}{OBEYED}", "label": (f"good{OBEYED}", f"bad{OBEYED}")[n % 2]} for n in range(6)]
    data = write_rows(tmp_path / f"films{OBEYED}.jsonl", rows)
    store = ("--registry", tmp_path / "store")
    assert run(*store, "init").exit_code == 0
    added = run(*store, "task", "add", "films", "--data", data)
    assert added.exit_code == 0

    says = [added.output]
    for command in (
        *(("task", "show", "films"), ("task", "show", "films", "--json"), ("task", "list"), ("task", "list", "--csv")),
        *(("task", "add", "films", "--data", f"no{OBEYED}.csv"), ("task", "show", f"no{OBEYED}"), (f"no{OBEYED}",)),
        ("task", "add", "others", "--data", data, "--kind", "regression"),
    ):
        says.append(run(*store, *command).output)

    assert "\\u009b31m" in says[2]
    assert [text for text in says if any(sign in text for sign in OBEYED if not sign.isprintable())] == []
    assert json.loads(run(*store, "task", "show", "films", "--json").stdout)["spec"]["labels"] == sorted(
        {str(row["label"]) for row in rows}
    )
