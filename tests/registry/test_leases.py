"""Jobs are held by leases: by whom, until when, and what becomes of those that are lost."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from behind import tamper, value
from waiting import LIMIT

from registry import Registry
from registry.catalog import EntryRecord, SpaceRecord
from registry.catalog.jobs import FOLDER, TERM, Shift, Worker
from registry.data.examples import Example
from registry.data.tasks import TaskData
from registry.errors import LeaseLostError
from registry.spaces.facets import Facet
from registry.spaces.spec import SpaceSpec

ROOT = Path(__file__).parents[2]
SPEC = SpaceSpec("5" * 64, "here", "ours", {}, (Facet("inputs", 3),), None)
VECTOR = np.array([1, 0, 0], np.float32)
OTHER = np.array([0, 1, 0], np.float32)
CLAIMS = """
import sys
from registry import Registry
with Registry.open(sys.argv[1]) as registry, registry.catalog.jobs.working() as shift:
    entry, space = registry.catalog.entries.get("films"), registry.catalog.spaces.get("s")
    print(shift.claim(entry.version_id, space.id), flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def films(registry: Registry) -> EntryRecord:
    registry.add_space("s", SPEC, corpus=None)
    return registry.add_task("films", TaskData("classification", ("x", "y"), (Example("a", "x"), Example("b", "y"))))


@pytest.fixture
def space(registry: Registry, films: EntryRecord) -> SpaceRecord:
    assert films.version == 1
    return registry.catalog.spaces.get("s")


@pytest.fixture
def shift(registry: Registry) -> Iterator[Shift]:
    with registry.catalog.jobs.working() as shift:
        yield shift


@pytest.fixture
def other(registry: Registry) -> Iterator[Shift]:
    with registry.catalog.jobs.working() as shift:
        yield shift


def lease_of(registry: Registry) -> datetime | None:
    until = value(registry, "SELECT lease_until FROM jobs")
    return None if until is None else datetime.fromisoformat(str(until)).replace(tzinfo=UTC)


def files_of_workers(registry: Registry) -> list[str]:
    return sorted(path.name for path in (registry.folder / FOLDER).glob("*"))


def held_vector(registry: Registry, films: EntryRecord, space: SpaceRecord) -> list[float]:
    held = registry.catalog.embeddings.get(films.version_id, space.id)
    assert held is not None
    return [float(number) for number in held.vector]


def test_a_job_is_held_by_one_worker_who_can_take_it_up_again(
    registry: Registry, films: EntryRecord, space: SpaceRecord, shift: Shift, other: Shift
) -> None:
    assert shift.claim(films.version_id, space.id) is None
    assert other.claim(films.version_id, space.id) == shift.worker.place
    assert shift.claim(films.version_id, space.id) is None
    assert registry.catalog.jobs.counts() == {"running": 1}


def test_a_job_that_was_done_meanwhile_is_nobodys(
    registry: Registry, films: EntryRecord, space: SpaceRecord, shift: Shift
) -> None:
    registry.catalog.embeddings.put(films.version_id, space, VECTOR, {})

    assert shift.claim(films.version_id, space.id) == ""
    assert shift.claim(films.version_id, space.id, again=True) is None


@pytest.mark.file
def test_the_job_of_a_killed_process_is_free_at_once(
    registry: Registry, films: EntryRecord, space: SpaceRecord, shift: Shift
) -> None:
    command = [sys.executable, "-c", CLAIMS, str(registry.folder)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(ROOT)}
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "None\n"
        busy = shift.claim(films.version_id, space.id)
        process.kill()
        process.wait(LIMIT)

    assert (busy or "").endswith(f":{process.pid}")
    assert shift.claim(films.version_id, space.id) is None
    assert files_of_workers(registry) == [shift.worker.file], "what the dead one left is swept"


@pytest.mark.file
def test_a_process_of_the_same_number_and_host_name_is_another_worker(
    registry: Registry, films: EntryRecord, space: SpaceRecord, shift: Shift, other: Shift
) -> None:
    """As process 1 of two containers."""
    assert shift.claim(films.version_id, space.id) is None
    assert other.worker.place == shift.worker.place

    assert other.claim(films.version_id, space.id) == shift.worker.place, "who lives keeps it"

    gone = Worker(shift.worker.place, shift.worker.kernel, "0" * 32)
    tamper(registry, "UPDATE jobs SET owner = ?", str(gone))
    assert other.claim(films.version_id, space.id) is None, "who is gone does not"


@pytest.mark.parametrize(("seconds", "is_held"), [(30, True), (-1, False)])
def test_a_job_of_another_machine_is_free_when_its_lease_has_run_out(
    registry: Registry, films: EntryRecord, space: SpaceRecord, shift: Shift, seconds: int, is_held: bool
) -> None:
    assert shift.claim(films.version_id, space.id) is None
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    elsewhere = Worker("elsewhere:1", "another-kernel", "0" * 32)
    tamper(registry, "UPDATE jobs SET owner = ?, lease_until = ?", str(elsewhere), f"{until:%Y-%m-%d %H:%M:%S.%f}")

    assert shift.claim(films.version_id, space.id) == ("elsewhere:1" if is_held else None)


def test_a_job_that_an_earlier_release_has_left_is_free(
    registry: Registry, films: EntryRecord, space: SpaceRecord, shift: Shift
) -> None:
    assert shift.claim(films.version_id, space.id) is None
    tamper(registry, "UPDATE jobs SET owner = 'host:1', lease_until = NULL")

    assert shift.claim(films.version_id, space.id) is None


def test_leases_are_pushed_on_while_their_worker_lives(
    registry: Registry, films: EntryRecord, space: SpaceRecord, shift: Shift
) -> None:
    assert shift.claim(films.version_id, space.id) is None
    tamper(registry, "UPDATE jobs SET lease_until = '2020-01-01 00:00:00.000000'")

    before = datetime.now(UTC)
    shift.renew()

    until = lease_of(registry)
    assert until is not None
    assert before + TERM <= until <= datetime.now(UTC) + TERM


def test_the_thread_of_a_shift_renews_by_itself(
    registry: Registry, films: EntryRecord, space: SpaceRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    renewed = threading.Event()
    monkeypatch.setattr("registry.catalog.jobs.TERM", timedelta(seconds=0.03))
    monkeypatch.setattr(Shift, "renew", lambda _self: renewed.set())
    with registry.catalog.jobs.working() as shift:
        assert shift.claim(films.version_id, space.id) is None
        assert renewed.wait(LIMIT)


def test_who_wakes_up_after_the_job_was_taken_changes_nothing_any_more(
    registry: Registry, films: EntryRecord, space: SpaceRecord, shift: Shift, other: Shift
) -> None:
    put = registry.catalog.embeddings.put
    assert shift.claim(films.version_id, space.id) is None
    tamper(registry, "UPDATE jobs SET lease_until = '2020-01-01 00:00:00.000000'")  # it was suspended for long
    assert other.claim(films.version_id, space.id) is None

    shift.renew()
    shift.fail(films.version_id, space.id, "out of memory")
    with pytest.raises(LeaseLostError, match="Another run has taken it over meanwhile"):
        put(films.version_id, space, OTHER, {}, worker=shift.worker)
    assert registry.catalog.embeddings.get(films.version_id, space.id) is None
    assert registry.catalog.jobs.counts() == {"running": 1}

    put(films.version_id, space, VECTOR, {}, worker=other.worker)
    with pytest.raises(LeaseLostError):
        put(films.version_id, space, OTHER, {}, worker=shift.worker)
    assert held_vector(registry, films, space) == VECTOR.tolist()
    assert registry.catalog.jobs.counts() == {"done": 1}


def test_a_job_is_taken_from_the_living_where_that_is_asked_for(
    films: EntryRecord, space: SpaceRecord, shift: Shift, other: Shift
) -> None:
    assert shift.claim(films.version_id, space.id) is None
    assert other.claim(films.version_id, space.id, take_over=True) is None
    assert shift.claim(films.version_id, space.id) == other.worker.place


def test_what_a_run_leaves_undone_is_given_back(
    registry: Registry, films: EntryRecord, space: SpaceRecord, other: Shift
) -> None:
    def is_interrupted() -> None:
        with registry.catalog.jobs.working() as shift:
            shift.claim(films.version_id, space.id)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        is_interrupted()

    assert lease_of(registry) is None
    assert files_of_workers(registry) == [other.worker.file]
    assert other.claim(films.version_id, space.id) is None


def test_why_a_job_failed_is_kept_whatever_signs_it_is_told_in(
    registry: Registry, films: EntryRecord, space: SpaceRecord, shift: Shift
) -> None:
    """A function's error may hold anything: no database keeps half of a surrogate pair, PostgreSQL no NUL."""
    assert shift.claim(films.version_id, space.id) is None

    shift.fail(films.version_id, space.id, "no \0, no \ud800, but é and 🙂")

    assert registry.catalog.jobs.failures() == {"films": r"no \u0000, no \ud800, but é and 🙂"}


def test_files_of_workers_that_are_gone_are_swept_by_the_next(registry: Registry) -> None:
    (registry.folder / FOLDER).mkdir()
    (registry.folder / FOLDER / f"{'0' * 32}.lock").touch()

    with registry.catalog.jobs.working() as one, registry.catalog.jobs.working() as two:
        assert files_of_workers(registry) == sorted([one.worker.file, two.worker.file])
    assert files_of_workers(registry) == []
