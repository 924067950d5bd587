"""Results as sequences, as pandas, in a terminal and in a notebook."""

import io
from dataclasses import dataclass

import pytest
from rich.console import Console

from registry.kinds import EntryKind
from registry.ranking.matches import Match, Ranking
from registry.results import Cell, Table


@dataclass(frozen=True)
class Film:
    name: str
    score: float | None = None
    year: int | None = None

    def cells(self) -> dict[str, Cell]:
        return {"name": self.name, "score": self.score, **({"year": self.year} if self.year else {})}


FILMS = (Film("a", 0.123456789, 1999), Film("b"), Film("c", 2.0))


def rendered(table: Table[Film] | Ranking) -> str:
    console = Console(file=io.StringIO(), width=80, color_system="truecolor", force_terminal=True)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def plain(table: Table[Film] | Ranking) -> list[str]:
    console = Console(file=io.StringIO(), width=80, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return [line.strip(" │┃") for line in captured.get().splitlines()]


def test_a_table_is_a_sequence_of_its_rows() -> None:
    table = Table(FILMS)

    assert (table[0], table[-1], len(table), list(table)) == (FILMS[0], FILMS[2], 3, list(FILMS))
    assert FILMS[1] in table
    assert table.index(FILMS[2]) == 2
    with pytest.raises(IndexError, match="out of range"):
        table[3]


def test_a_slice_is_a_table_with_the_same_title() -> None:
    table = Table(FILMS, title="films")

    assert table[1:] == Table(FILMS[1:])
    assert table[::-1] == Table(FILMS[::-1])
    assert table[1:].title == "films"


def test_tables_are_equal_when_their_rows_are() -> None:
    assert Table(FILMS) == Table(list(FILMS))
    assert Table(FILMS) != Table(FILMS[:2])
    assert Table(FILMS) != list(FILMS)
    assert hash(Table(FILMS)) == hash(Table(list(FILMS)))


def test_a_table_does_not_change_with_the_list_it_was_made_of() -> None:
    rows = list(FILMS)
    table = Table(rows)

    rows.clear()

    assert list(table) == list(FILMS)


def test_a_table_as_text_is_aligned_and_leaves_out_what_is_not_known() -> None:
    assert repr(Table(FILMS)).splitlines() == ["name  score  year", "a     0.123  1999", "b", "c     2.000"]


def test_an_empty_table_can_be_shown() -> None:
    empty: Table[Film] = Table([])

    assert repr(empty) == ""
    assert empty.columns() == []
    assert "<table><thead><tr></tr></thead><tbody></tbody></table>" in empty._repr_html_()


def test_pandas_gets_the_numbers_in_full() -> None:
    pandas = pytest.importorskip("pandas")

    frame = Table(FILMS).to_pandas()

    expected = pandas.DataFrame(
        {"name": ["a", "b", "c"], "score": [0.123456789, None, 2.0], "year": [1999, None, None]}
    )
    pandas.testing.assert_frame_equal(frame, expected)


def test_an_empty_table_is_an_empty_frame() -> None:
    pytest.importorskip("pandas")

    assert Table([]).to_pandas().shape == (0, 0)


def test_a_notebook_shows_a_table_with_its_caption() -> None:
    assert (
        '<table><caption>films</caption><thead><tr><th>name</th><th class="n">score</th><th class="n">year</th></tr>'
        '</thead><tbody><tr><td class="s">a</td><td class="n">0.123</td><td class="n">1999</td></tr>'
        '<tr><td class="s">b</td><td class="n"></td><td class="n"></td></tr></tbody></table>'
    ) in Table(FILMS[:2], title="films")._repr_html_()


def test_a_notebook_runs_nothing_that_stands_in_a_table() -> None:
    shown = Table([Film("<script>alert('x')</script>&")], title="<b>")._repr_html_()

    assert '<td class="s">&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;&amp;</td>' in shown
    assert "<caption>&lt;b&gt;</caption>" in shown
    assert "<script>" not in shown


@pytest.mark.parametrize("name", ["[red]x[/red]", "[/]", "[link=https://example.org]x[/link]", ":smile:"])
def test_a_terminal_shows_a_cell_as_it_is_without_reading_it_as_markup(name: str) -> None:
    assert name in rendered(Table([Film(name)]))


@pytest.mark.parametrize("name", ["[red]x[/red]", "[/]", ":smile:"])
def test_a_terminal_shows_a_title_as_it_is_without_reading_it_as_markup(name: str) -> None:
    ranking = Ranking([Match(1, "a", EntryKind.TASK, 0.5, {"text": 0.5})], query=name, space="s")

    assert plain(ranking)[0] == f"nearest to {name} in space s"


def test_a_terminal_shows_numbers_at_three_places() -> None:
    shown = "\n".join(plain(Table(FILMS)))

    assert "0.123" in shown
    assert "0.1234" not in shown
    assert "2.000" in shown


def test_a_match_shows_its_facets_where_there_are_several() -> None:
    one = Match(1, "a", EntryKind.TASK, 0.5, {"text": 0.5})
    two = Match(1, "a", EntryKind.MODEL, 0.5, {"inputs": 0.25, "answers": 0.75})

    assert one.cells() == {"rank": 1, "name": "a", "kind": "task", "similarity": 0.5}
    assert two.cells() == {
        "rank": 1,
        "name": "a",
        "kind": "model",
        "similarity": 0.5,
        "inputs": 0.25,
        "answers": 0.75,
    }
