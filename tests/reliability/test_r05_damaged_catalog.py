"""R5: what is damaged in the catalog is told, or does not matter to what is asked."""

import json
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from goals import Goal
from sealing import seal
from tiny_cli import hand_made_space, put_vector, tiny_rows, write_rows

import cli
from registry import Registry
from registry.data.transfers import TransferRecord
from registry.formats.tasks import read_task
from registry.upkeep.repairing import NOTHING

NAMES = ("film", "shop", "bank", "song", "rain", "goal")
ANEW = ("checksum", "generation", "mark")  # columns that repair writes
QUESTIONS = (
    ("task", "list", "--json"),
    ("task", "show", "film", "--json"),
    ("space", "list", "--json"),
    ("compare", "film", "shop", "--json"),
    ("nearest", "film", "--json"),
    ("transfer", "list", "--json"),
    ("status", "--json"),
    ("index", "verify", "--json"),
    ("task", "export", "shop", "out"),
)


def run(folder: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.main, ["--registry", str(folder), *map(str, arguments)])


def answers(folder: Path) -> list[tuple[Result, str]]:
    """Ask everything, and return what was said, with what was exported."""
    said = [(run(folder, *question), "") for question in QUESTIONS[:-1]]
    result = run(folder, *QUESTIONS[-1])
    exported = "".join(path.read_text() for path in sorted(Path("out").glob("*"))) if Path("out").is_dir() else ""
    shutil.rmtree("out", ignore_errors=True)
    return [*said, (result, exported)]


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry that holds a row, at least, in nearly every table."""
    place = tmp_path_factory.mktemp("sound")
    with Registry.create(place / "store") as registry:
        space = hand_made_space(registry, "by-hand", 64)
        for number, name in enumerate(NAMES):
            rows = write_rows(place / f"{name}.jsonl", tiny_rows(number, 60))
            registry.add_task(name, read_task(str(rows)), tags=("english", f"tag-{number}"))
            registry.set_alias(name, "best")
            put_vector(registry, name, space, number)
        pairs = [(target, source) for target in NAMES for source in NAMES if target != source]
        measured = [TransferRecord("bert", "full", *pair, 0.5 + n / 100, 0.01, 3) for n, pair in enumerate(pairs)]
        registry.add_transfers(measured)
        registry.refresh_index("by-hand")
    return place / "store"


def test_what_is_written_after_a_change_that_was_undone_has_its_checksum(tmp_path: Path) -> None:
    with Registry.create(tmp_path / "store") as registry:
        with pytest.raises(KeyError), registry.catalog.database.write():
            raise KeyError
        registry.add_task("film", read_task(str(write_rows(tmp_path / "film.jsonl", tiny_rows(0, 60)))))
        assert registry.catalog.database.faults() == []


def test_what_is_written_to_tables_that_another_program_has_changed_has_its_checksum(tmp_path: Path) -> None:
    shop, film = (read_task(str(write_rows(tmp_path / f"{n}.jsonl", tiny_rows(n, 60)))) for n in range(2))
    with Registry.create(tmp_path / "store") as registry:
        registry.add_task("shop", shop)
        with closing(sqlite3.connect(tmp_path / "store" / "catalog.db")) as other:
            other.execute("ALTER TABLE entries ADD COLUMN colour TEXT DEFAULT 'red'")
            other.commit()
        seal(tmp_path / "store")
        registry.add_task("film", film)
        assert registry.catalog.database.faults() == []


def test_nothing_is_kept_of_a_catalog_that_another_was_copied_over(tmp_path: Path) -> None:
    """As an untrained hand puts a backup back: the same file, and by chance as many changes as before."""
    task = read_task(str(write_rows(tmp_path / "rows.jsonl", tiny_rows(0, 60))))
    file, copy = tmp_path / "store" / "catalog.db", tmp_path / "copy.db"

    def names(of: Registry) -> list[str]:
        return [entry.name for entry in of.catalog.entries.all()]

    def remembered(of: Registry) -> list[str]:
        with of.catalog.database.question():
            return of.catalog.database.remembered("names", lambda: names(of))

    with Registry.create(tmp_path / "store") as registry:
        registry.add_task("film", task)
        shutil.copyfile(file, copy)
        registry.add_task("lost", task)
        assert names(registry) == remembered(registry) == ["film", "lost"]
        shutil.copyfile(copy, file)
        with Registry.open(tmp_path / "store") as other:
            other.add_task("shop", task)
        assert names(registry) == remembered(registry) == ["film", "shop"]
        registry.add_task("bank", task)
    with Registry.open(tmp_path / "store") as registry:
        assert names(registry) == ["bank", "film", "shop"]
        assert registry.catalog.database.faults() == []


def test_there_is_something_to_damage_in_every_table(sound: Path) -> None:
    assert len(places(sound)) > 20
    assert len(aimed(sound, 272)) == 272


def places(folder: Path) -> dict[str, list[int]]:
    """Return the pages of every table and index, by name, found from its root downwards."""
    body = (folder / "catalog.db").read_bytes()
    size = int.from_bytes(body[16:18], "big")
    connection = sqlite3.connect(folder / "catalog.db")
    roots = connection.execute("SELECT name, rootpage FROM sqlite_master WHERE rootpage > 0").fetchall()
    connection.close()
    return {name: list(_below(body, size, root)) for name, root in [("sqlite_master", 1), *roots]}


def _below(body: bytes, size: int, page: int) -> Iterator[int]:
    """Yield a page of a tree and those below it."""
    yield page
    start = (page - 1) * size
    head = start + (100 if page == 1 else 0)
    if body[head] in (2, 5):  # an inner page, of an index or a table
        cells = int.from_bytes(body[head + 3 : head + 5], "big")
        for number in range(cells):
            offset = int.from_bytes(body[head + 12 + 2 * number : head + 14 + 2 * number], "big")
            yield from _below(body, size, int.from_bytes(body[start + offset : start + offset + 4], "big"))
        yield from _below(body, size, int.from_bytes(body[head + 8 : head + 12], "big"))


def used(body: bytes, size: int, page: int) -> list[int]:
    """Return the places of a page's bytes that are not zero: what is zero is mostly unused."""
    start = (page - 1) * size
    return [place for place in range(start, start + size) if body[place]]


def aimed(folder: Path, count: int) -> list[tuple[str, int, int]]:
    """Return `count` flips of one bit, spread over all tables and indices: what is hit, the byte, the bit."""
    body = (folder / "catalog.db").read_bytes()
    size = int.from_bytes(body[16:18], "big")
    chance = random.Random(5)  # noqa: S311 - damage, not secrets
    spots = {
        name: [spot for page in pages for spot in used(body, size, page)] for name, pages in places(folder).items()
    }
    names = [name for name, found in spots.items() if found]
    turns = [names[number % len(names)] for number in range(count)]
    return [(name, chance.choice(spots[name]), chance.randrange(8)) for name in turns]


def scattered(folder: Path, count: int) -> list[tuple[str, int, int]]:
    """Return `count` flips of one bit anywhere in the file."""
    size = (folder / "catalog.db").stat().st_size
    chance = random.Random(6)  # noqa: S311 - damage, not secrets
    return [("anywhere", chance.randrange(size), chance.randrange(8)) for _ in range(count)]


def flipped(folder: Path, spot: int, bit: int) -> None:
    path = folder / "catalog.db"
    body = bytearray(path.read_bytes())
    body[spot] ^= 1 << bit
    path.write_bytes(body)


def torn(folder: Path, count: int) -> list[tuple[str, int, int]]:
    """Return `count` cuts and holes: where, and how many bytes are zeros from there on; 0 of them is a cut."""
    size = (folder / "catalog.db").stat().st_size
    chance = random.Random(7)  # noqa: S311 - damage, not secrets
    return [("torn", chance.randrange(size), chance.choice((0, 16, 512, 4096, 20_000))) for _ in range(count)]


def cut_or_emptied(folder: Path, spot: int, length: int) -> None:
    path = folder / "catalog.db"
    body = path.read_bytes()
    path.write_bytes(body[:spot] + bytes(length) + body[spot + length :] if length else body[:spot])


def is_told(result: Result) -> bool:
    """Say whether a result is an integrity fault, told in one line that names the mend."""
    one_line = len(result.stderr.splitlines()) == 1 and "fute repair" in result.stderr
    return result.exit_code == 3 and isinstance(result.exception, SystemExit) and one_line


@pytest.mark.goal("R5", "500 damaged databases: exit code 3 in one line that names repair, or the right answers")
def test_a_damaged_catalog_is_told_or_does_not_matter(goal: Goal, sound: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(sound, copy)
    right = [(result.stdout, exported) for result, exported in answers(copy)]
    damages = [
        *((flipped, one) for one in aimed(sound, goal.tries(quick=40, full=272))),
        *((flipped, one) for one in scattered(sound, goal.tries(quick=12, full=100))),
        *((cut_or_emptied, one) for one in torn(sound, goal.tries(quick=8, full=128))),
    ]
    told, wrong = 0, []
    for damage, (what, spot, how) in damages:
        shutil.rmtree(copy)
        shutil.copytree(sound, copy)
        damage(copy, spot, how)
        for question, (result, exported), expected in zip(QUESTIONS, answers(copy), right, strict=True):
            told += is_told(result)
            if not is_told(result) and (result.exit_code, result.stdout, exported) != (0, *expected):
                wrong.append(
                    (what, spot, how, question, result.exit_code, result.stderr[-200:], repr(result.exception))
                )

    goal.reached(f"{len(damages)} damaged: {told} of {len(damages) * len(QUESTIONS)} answers told, {len(wrong)} wrong")
    assert wrong == []
    assert told > len(damages)


def rows_of(folder: Path) -> dict[str, set[tuple[object, ...]]]:
    """Return the rows of every table, without what repair writes anew."""
    connection = sqlite3.connect(folder / "catalog.db")
    connection.row_factory = sqlite3.Row
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    found = {
        table: {
            tuple(value for key, value in zip(row.keys(), row, strict=True) if key not in ANEW)
            for row in connection.execute(f"SELECT * FROM {table}")  # noqa: S608 - our own names
        }
        for table in tables
        if table not in ("alembic_version", "vector_changes", "state")
    }
    connection.close()
    return found


def untold_of(
    right: dict[str, set[tuple[object, ...]]],
    found: dict[str, set[tuple[object, ...]]],
    lost: list[dict[str, Any]],
) -> dict[str, int]:
    """Return how many rows of each table are missing without a word: a line tells of a row, or of all of a table."""
    told = Counter(one["table"] for one in lost)
    whole = {one["table"] for one in lost if one["why"].startswith("not all of the table can be read")}
    missing = {table: len(rows - found.get(table, set())) - told[table] for table, rows in right.items()}
    return {table: count for table, count in missing.items() if count > 0 and table not in whole}


@pytest.mark.goal("R5", "500 damaged databases are repaired: every readable row is back, none is altered")
def test_a_damaged_catalog_is_repaired(goal: Goal, sound: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    right = rows_of(sound)
    indices = {name for name in places(sound) if name.startswith(("ix_", "sqlite_autoindex"))}
    damages = [
        *((flipped, one) for one in aimed(sound, goal.tries(quick=24, full=272))),
        *((flipped, one) for one in scattered(sound, goal.tries(quick=4, full=100))),
        *((cut_or_emptied, one) for one in torn(sound, goal.tries(quick=4, full=128))),
    ]
    back, lost, wrong = 0, 0, []
    for damage, (what, spot, how) in damages:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(sound, copy)
        damage(copy, spot, how)
        repaired = run(copy, "repair", "--json")
        if repaired.exit_code not in (0, 3) or repaired.stderr:
            wrong.append((what, spot, how, repaired.exit_code, repaired.stderr, repr(repaired.exception)))
            continue
        found = rows_of(copy)
        count = sum(len(rows & right[table]) for table, rows in found.items())
        altered = {table for table, rows in found.items() if table != "spaces" and rows - right[table]}
        missing = sum(map(len, right.values())) - count
        untold = {} if damage is cut_or_emptied else untold_of(right, found, json.loads(repaired.stdout)["lost"])
        back, lost = back + count, lost + missing
        if altered or (what in indices and missing) or untold:
            wrong.append((what, spot, how, altered, missing, untold))
        left = json.loads(repaired.stdout)["left"]
        if repaired.exit_code != (3 if left else 0) or any(
            "is missing: add it again" not in one["what"] and not one["what"].startswith(NOTHING) for one in left
        ):
            wrong.append((what, spot, how, left, repaired.exit_code))

    goal.reached(f"{len(damages)} repaired: {back:,} of {back + lost:,} rows back, {len(wrong)} altered or not told")
    assert wrong == []


def test_a_note_that_is_damaged_or_of_another_file_only_means_to_check_again(sound: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(sound, copy)
    for note in (b"", b"\xff\xfe", b"[]", b'{"size": 1}', json.dumps([1] * 6).encode()):
        (copy / "catalog.checked").write_bytes(note)
        flipped_back = (copy / "catalog.db").read_bytes()
        flipped(copy, *next((spot, bit) for what, spot, bit in aimed(sound, 60) if what == "transfers"))

        assert is_told(run(copy, "transfer", "list"))
        (copy / "catalog.db").write_bytes(flipped_back)
        assert run(copy, "transfer", "list").exit_code == 0
