"""A registry in PostgreSQL: the same as a folder, and used by many at once."""

import os
import random
import re
import signal
import subprocess
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest
from alembic import command
from behind import tamper
from click.testing import CliRunner
from goals import Goal
from served import url_of
from sqlalchemy import create_engine, select, update
from tiny_cli import FUTE, shift_of, write_task
from waiting import until

import cli
from registry import Registry
from registry.catalog.database import Database, alembic_config
from registry.catalog.jobs import TERM
from registry.catalog.tables import Base, State
from registry.data.transfers import TransferRecord
from registry.errors import InputError, NotARegistryError, StorageError
from registry.importing import import_tasks
from registry.location import EngineKind, Location, located
from registry.spaces.spec import SpaceSpec
from registry.upkeep.copying import copy

CLIENTS = 8
DIMENSION = 16
CLIENT = """
import sys
import numpy as np
from registry import Registry
url, client = sys.argv[1:]
random = np.random.default_rng(int(client))
with Registry.open(url) as registry:
    for number in range(10**6):
        name = f"c{client}-{number:04}"
        registry.add_vectors([name], random.normal(size=(1, 16)).astype("f4"), space="clip")
        print(name, flush=True)
        registry.nearest(name, space="clip", limit=3)
"""


def filled(url: str | Path, count: int = 40) -> None:
    """Make a registry with vectors, a task of two versions, an alias and a transfer."""
    with Registry.create(url) as registry:
        registry.add_space("clip", SpaceSpec.imported("openai/clip", DIMENSION), corpus=None)
        matrix = np.random.default_rng(0).normal(size=(count, DIMENSION)).astype(np.float32)
        registry.add_vectors([f"v{number:02}" for number in range(count)], matrix, space="clip", tags=("seen",))
        registry.record_transfer(TransferRecord("m", "a", "v00", "v01", 0.5, 0.1, 3))


def run(url: str, *words: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(cli.main, ["--registry", url, *map(str, words)])
    return result.exit_code, result.output


def rows(location: Location) -> dict[str, list[tuple[object, ...]]]:
    """Return all that a catalog holds, by table, but for what each database makes by itself."""
    held = {}
    with closing(Database.open(location)) as database, database.read() as session:
        for table in Base.metadata.sorted_tables:
            columns = [c for c in table.c if c.name not in ("checksum", "layout", "generation")]
            found = session.execute(select(*columns).order_by(*table.primary_key)).all()
            held[table.name] = [tuple(str(value).removesuffix("+00:00") for value in row) for row in found]
    return held


# -- the same as a folder ----------------------------------------------------------------------------


def test_a_server_answers_as_a_folder_does(served: str, tmp_path: Path) -> None:
    for place in (served, tmp_path / "folder"):
        filled(place)

    with Registry.open(served) as registry, Registry.open(tmp_path / "folder") as folder:
        for name in ("v00", "v17", "v39"):
            expected = [(match.name, match.similarity) for match in folder.nearest(name, space="clip")]
            assert [(m.name, m.similarity) for m in registry.nearest(name, space="clip")] == expected
        assert str(registry.status()).splitlines()[1:] == str(folder.status()).splitlines()[1:]
        assert [one.snapshot for one in registry.verify_index()] == ["sound"]


def test_what_is_said_of_it_is_in_order_whatever_the_language_of_the_server(served: str) -> None:
    with Registry.create(served) as registry:
        registry.add_space("clip", SpaceSpec.imported("openai/clip", 2), corpus=None)
        names = ["b", "A", "c", "B1", "Z-1", "Z_1", "Z1", "é"]
        registry.add_vectors(names, np.ones((len(names), 2)), space="clip")

        assert [row.name for row in registry.tasks()] == sorted(names)
        assert [row.name for row in registry.entries("task", after="B1", limit=2)] == ["Z-1", "Z1"]


def test_a_folder_moves_into_it_and_back_without_a_difference(served: str, tmp_path: Path) -> None:
    filled(tmp_path / "before")
    write_task(tmp_path / "tasks" / "film", 0)
    with Registry.open(tmp_path / "before") as registry:
        import_tasks(registry, tmp_path / "tasks")

    there = run("elsewhere", "copy", tmp_path / "before", served)
    back = run("elsewhere", "copy", served, tmp_path / "after")

    assert (there[0], back[0]) == (0, 0), there[1] + back[1]
    assert rows(located(tmp_path / "before")) == rows(located(served)) == rows(located(tmp_path / "after"))
    assert run("elsewhere", "diff", served, tmp_path / "after") == (0, "No differences\n")
    assert run(str(tmp_path / "after"), "verify")[0] == 0
    assert run(served, "verify")[0] == 0
    with Registry.open(served) as registry:  # new ids come after those that were copied
        registry.add_vectors(["new"], np.ones((1, DIMENSION)), space="clip")
        registry.record_transfer(TransferRecord("m", "a", "v02", "v03", 0.5, 0.1, 3))
        assert registry.nearest("new", space="clip")[0].name


def test_a_copy_goes_into_an_empty_place_alone(served: str, tmp_path: Path) -> None:
    filled(tmp_path / "before", count=3)
    copy(located(tmp_path / "before"), located(served))

    again = run("elsewhere", "copy", tmp_path / "before", served)

    assert again[0] == 2
    assert "is not empty: copy into a new place" in again[1]
    with pytest.raises(NotARegistryError):
        copy(located(tmp_path / "nowhere"), located(tmp_path / "new"))
    with pytest.raises(InputError, match="not into itself"):
        copy(located(served), located(served))


# -- many at once ------------------------------------------------------------------------------------


class Client:
    """A process that brings vectors and asks for their neighbours, until it is killed."""

    def __init__(self, url: str, number: int, place: Path) -> None:
        self._output = place / f"client-{number}.txt"
        with self._output.open("w") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-W", "error", "-c", CLIENT, url, str(number)], stdout=out, stderr=out
            )

    def told(self) -> list[str]:
        """Return what it has said was done; raise where it has failed by itself."""
        said = self._output.read_text()
        assert self._process.poll() in (None, -signal.SIGKILL), said
        return re.findall(r"^(c\d+-\d+)\n", said, flags=re.MULTILINE)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.mark.slow
@pytest.mark.goal("R1", "eight clients of a PostgreSQL server, one killed 40 times: 0 acknowledged vectors lost")
def test_a_killed_client_loses_nothing_and_stops_nobody(goal: Goal, served: str, tmp_path: Path) -> None:
    kills = goal.tries(quick=4, full=40)
    chance = random.Random(int(os.environ.get("FUTE_TEST_SEED", "0")))  # noqa: S311
    filled(served)
    every = [Client(served, number, tmp_path) for number in range(CLIENTS)]
    living = list(every)

    try:
        with Registry.open(served) as reader:
            for _ in range(kills):
                victim, enough = living.pop(chance.randrange(CLIENTS)), chance.randrange(1, 4)
                until(lambda victim=victim, enough=enough: len(victim.told()) >= enough)  # type: ignore[misc]
                victim.kill()
                told = {name for client in every for name in client.told()}
                assert told <= set(reader.vectors(space="clip").names)
                every.append(Client(served, len(every), tmp_path))
                living.append(every[-1])
            others = {client: len(client.told()) for client in living}
            until(lambda: all(len(client.told()) > count for client, count in others.items()))  # nobody is stopped
    finally:
        for client in living:
            client.kill()

    told = [name for client in every for name in client.told()]
    with Registry.open(served) as registry:
        held = registry.vectors(space="clip")
        assert len(told) == len(set(told))
        assert set(told) <= set(held.names)
        found = [match.name for match in registry.nearest("v00", space="clip", limit=10)]
        nearest = np.argsort(-(held.matrix @ held.matrix[held.names.index("v00")]), kind="stable")[1:11]
        assert found == [held.names[row] for row in nearest]
        assert registry.verify_index()[0].faults == ()
    assert run(served, "nearest", "v00", "--space", "clip", "--json") == run(
        served, "nearest", "v00", "--space", "clip", "--json"
    )
    goal.reached(f"{kills} kills, {len(told)} acknowledged: 0 lost")


def test_all_who_make_it_at_once_find_one_registry(served: str) -> None:
    def make(_: int) -> str:
        with Registry.create(served) as registry:
            return str(registry.status())

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(make, range(4)))) == 1


def test_a_job_is_not_taken_from_a_user_of_the_same_machine_who_keeps_another_folder(
    served: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(served)
    with Registry.open(served) as mine:
        version, space = mine.entry("v00").version_id, mine.catalog.spaces.get("clip").id
        with mine.catalog.jobs.working() as shift:
            assert shift.claim(version, space, again=True) is None
            monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "of-another-user"))
            with Registry.open(served) as theirs:
                assert theirs.folder != mine.folder
                assert shift_of(theirs).claim(version, space, again=True) == shift.worker.place


def test_leases_run_by_the_servers_clock_for_those_of_the_machines_differ(served: str) -> None:
    filled(served)
    ahead = timedelta(hours=1)
    with psycopg.connect(served) as connection:
        now = "CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS"
        connection.execute(f"{now} $$SELECT pg_catalog.clock_timestamp() + interval '{ahead}'$$")
    with Registry.open(f"{served},pg_catalog") as registry:
        version, space = registry.entry("v00").version_id, registry.catalog.spaces.get("clip").id
        with registry.catalog.jobs.working() as shift, psycopg.connect(served) as connection:
            assert shift.claim(version, space, again=True) is None
            claimed = connection.execute("SELECT lease_until FROM jobs").fetchone()
            shift.renew()
            renewed = connection.execute("SELECT lease_until FROM jobs").fetchone()
            assert shift_of(registry).claim(version, space, again=True) == shift.worker.place

    assert claimed is not None
    assert renewed is not None
    assert datetime.now(UTC) + ahead < claimed[0] <= renewed[0] < datetime.now(UTC) + ahead + TERM


# -- what can be wrong -------------------------------------------------------------------------------


def test_the_tables_of_something_else_are_left_alone(served: str) -> None:
    with psycopg.connect(served) as connection:
        connection.execute("CREATE TABLE jobs (id integer)")

    code, said = run(served, "init")

    assert code == 2
    assert "holds a table 'jobs' of something else: name another database, or a schema" in said
    with psycopg.connect(served) as connection:
        assert connection.execute("SELECT count(*) FROM jobs").fetchone() == (0,)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("postgresql://me:geheim@localhost", "names a database"),
        ("postgresql://me:geheim@localhost:port/db", "Not the URL of a registry"),
        ("mysql://me:geheim@localhost/db", "not mysql://"),
        ("sqlite:///x.db", "not sqlite://"),
        ("postgresql://me:geheim@/db?host=/nowhere/at/all", "No such file or directory"),
    ],
)
def test_a_url_that_leads_nowhere_is_one_line_without_its_password(url: str, told: str) -> None:
    code, said = run(url, "status")

    assert code in (1, 2)
    assert told in said
    assert said.count("\n") == 1
    assert "geheim" not in said


def test_a_password_is_in_no_name_of_a_place() -> None:
    location = located("postgres://me:geheim@db.example:5432/registry?password=geheim&sslmode=require")

    assert location.engine is EngineKind.POSTGRESQL
    assert str(location) == "postgresql://me@db.example:5432/registry?sslmode=require"
    assert "geheim" not in repr(location)
    assert location.folder == located("postgresql://me@db.example:5432/registry?sslmode=require").folder


def test_there_is_no_registry_before_it_is_made(served: str) -> None:
    with pytest.raises(NotARegistryError):
        Registry.open(served)


def write_while_the_connection_is_cut(registry: Registry, url: str) -> None:
    with registry.catalog.database.write() as session:
        number = session.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar()
        with psycopg.connect(url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s)", [number])
        session.connection().exec_driver_sql("SELECT 1")


def test_a_connection_that_the_server_cuts_is_one_line_and_the_next_question_is_answered(served: str) -> None:
    filled(served)
    with Registry.open(served) as registry:
        registry.nearest("v00", space="clip")

        with pytest.raises(StorageError, match="cannot be reached any more"):
            write_while_the_connection_is_cut(registry, served)

        assert registry.nearest("v00", space="clip")


def test_who_has_no_right_to_a_registry_is_told_so_and_not_to_make_one(served: str) -> None:
    filled(served, count=2)
    role = f"r_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(served, autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {role} LOGIN")
        connection.execute(f"GRANT USAGE ON SCHEMA {served.rpartition('%3D')[2]} TO {role}")
        try:
            code, said = run(served.replace("postgres@", f"{role}@"), "status")
        finally:
            connection.execute(f"DROP OWNED BY {role}")
            connection.execute(f"DROP ROLE {role}")

    assert code == 1
    assert "permission denied for table" in said
    assert "fute init" not in said


def aliased(url: str, alias: str) -> None:
    with Registry.open(url) as registry:
        registry.catalog.entries.set_alias("v00", alias)


def test_an_alias_that_many_set_in_two_cases_is_one(served: str) -> None:
    filled(served, count=2)
    for number in range(5):
        with ThreadPoolExecutor(4) as threads:
            list(threads.map(aliased, [served] * 4, [name.format(number) for name in ("p{}", "P{}") * 2]))

    with Registry.open(served) as registry:
        aliases = registry.catalog.entries.get("v00").aliases
    assert sorted(alias.casefold() for alias in aliases) == [f"p{number}" for number in range(5)]


def test_tables_of_an_older_release_are_told_without_a_backup_that_nobody_makes(served: str) -> None:
    filled(served, count=2)
    with psycopg.connect(served) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0007'")

    code, said = run(served, "status")

    assert (code, said) == (
        2,
        "Error: This registry was written by an older release (schema 0007): run 'fute db upgrade' (of a folder, a "
        "backup is kept).\n",
    )


def test_an_upgrade_without_a_backup_says_that_it_was_one(served: str) -> None:
    """It said that the database is up to date, as the next one does."""
    filled(served, count=2)
    engine = create_engine(served.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "0007")
    engine.dispose()

    assert run(served, "db", "upgrade") == (0, "Upgraded from schema 0007\n")
    assert run(served, "db", "upgrade") == (0, "The database is up to date\n")
    assert run(served, "nearest", "v00")[0] == 0


def test_its_pages_are_called_by_its_address(served: str) -> None:
    pytest.importorskip("uvicorn", reason="needs the extra web")
    filled(served, count=2)
    command = [FUTE, "--registry", served, "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        process.kill()

    assert line.startswith(f"Pages of {located(served)}: http://127.0.0.1:")


def test_what_the_server_cannot_hold_is_refused(served: str) -> None:
    def count_to_more_than_there_is(registry: Registry) -> None:
        with registry.catalog.database.write() as session:
            session.execute(update(State).values(generation=2**40))

    with Registry.create(served) as registry, pytest.raises(InputError, match="Not a value that the catalog can hold"):
        count_to_more_than_there_is(registry)


def test_a_sign_in_one_label_that_the_server_cannot_read_keeps_nobody_from_asking(served: str) -> None:
    filled(served, count=3)
    with Registry.open(served) as registry:
        for name, labels, count in (("odd", ("no\0", "yes"), 6), ("usual", ("no", "yes"), 4)):
            rows = [{"text": f"text {number}", "label": labels[number % 2]} for number in range(count)]
            registry.add_task(name, rows)
        registry.add_vectors(["odd", "usual"], np.ones((2, DIMENSION)), space="clip")

        ranking = registry.nearest("v00", space="clip", by="size", limit=2)

        assert [(match.name, match.score) for match in ranking] == [("odd", 6), ("usual", 4)]


@pytest.mark.parametrize("words", [("backup",), ("restore", "file.db")], ids=" ".join)
def test_what_the_servers_own_tools_do_is_left_to_them(served: str, tmp_path: Path, words: tuple[str, ...]) -> None:
    filled(served)
    (tmp_path / "file.db").touch()

    code, said = run(served, *words)

    assert code == 2
    assert "'pg_dump'" in said
    assert not (located(served).folder / "backups").exists()


def test_a_damaged_vector_is_found(served: str) -> None:
    filled(served)
    with Registry.open(served) as registry:
        tamper(registry, "UPDATE embeddings SET sha256 = ? WHERE id = 1", "0" * 64)

    code, said = run(served, "verify")

    assert code == 3
    assert "The vector of 'v00' is damaged" in said


def test_one_schema_knows_nothing_of_another(served: str, tmp_path: Path) -> None:
    filled(served, count=2)
    other = url_of(f"{tmp_path} beside it")

    with Registry.create(other) as registry:
        assert list(registry.tasks()) == []
        assert registry.folder != located(served).folder


def test_a_registry_that_stands_later_in_the_search_path_is_not_touched(served: str, tmp_path: Path) -> None:
    filled(served, count=2)
    other = url_of(f"{tmp_path} before it")
    both = f"{other},{served.rpartition('%3D')[2]}"

    assert run(both, "status")[0] == 2
    assert run(both, "init")[0] == 0

    with Registry.open(both) as registry, Registry.open(served) as behind:
        assert (len(registry.tasks()), len(behind.tasks())) == (0, 2)


def test_a_host_that_is_left_out_is_the_socket_of_this_machine() -> None:
    location = located("postgresql:///registry?host=/var/run/postgresql")

    assert location.url == str(location) == "postgresql:///registry?host=/var/run/postgresql"


def test_a_url_with_a_stroke_too_few_is_no_folder() -> None:
    with pytest.raises(InputError, match="names a database") as told:
        located("postgresql:/me:geheim@host/registry")

    assert "geheim" not in str(told.value)


def test_a_folder_is_not_copied_into_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(tmp_path / "one", count=2)
    monkeypatch.chdir(tmp_path)

    for target in ("one/two", str(tmp_path / "one"), "./one"):
        with pytest.raises(InputError, match="not into itself"):
            copy(located("one"), located(target))
