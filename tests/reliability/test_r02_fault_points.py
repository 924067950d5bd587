"""R1, R2: a crash at random, or at every step that the code names: nothing is lost, and the next run goes on."""

import ast
import os
import random
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from goals import Goal
from nursery import Nursery
from tiny_bundles import fill
from tiny_cli import put_vector, run, write_task
from tiny_cli import told as run_told

from registry import Registry
from registry.bundles.differences import Thing, differences
from registry.data.transfers import TransferRecord
from registry.data.vectors import VectorFile
from registry.errors import RegistryError
from registry.faults import VARIABLE
from registry.files.writing import process_home
from registry.formats.transfers import write_transfers
from registry.formats.vectors import write_vectors
from registry.location import located
from registry.spaces.vectors import unit
from registry.upkeep.verifying import verify

IN_A_SERVER = "index.served."  # places that need a server: tests/registry/test_pgvector.py kills there
PASSED_OVER = ("file.sweep",)  # what a dead process has left, and cannot be removed, is left to the next
ROOT = Path(__file__).parents[2]
OLD = ROOT / "tests" / "data" / "schemas" / "0001" / "catalog.db"
LEFT_BY_A_DEAD_ONE = f"999999999-{process_home()}-{'0' * 32}"


@dataclass(frozen=True)
class Step:
    """A command of the scenario; `{}` in it is the folder that all of it lies in."""

    words: str
    before: Callable[[Path], object] = lambda _: None  # what happens to that folder before it
    is_refused_twice: bool = False  # what is done cannot be done again, which is said
    is_open: bool = True  # whether the registry can be opened before


def add_a_vector(place: Path) -> None:
    with Registry.open(place / "store") as registry:
        put_vector(registry, "model0@prompt0", registry.catalog.spaces.get("made"), 7)


def leave_half_an_index(place: Path) -> None:
    (index,) = (place / "store" / "index").glob("*.idx")
    index.with_name(f"{index.name}.{'0' * 32}.tmp").touch()


def leave_half_a_bundle(place: Path) -> None:
    (place / f".out.{LEFT_BY_A_DEAD_ONE}.zip").touch()


def tag_a_task(place: Path) -> None:
    with Registry.open(place / "store") as registry:
        registry.tag("task0", add=["fresh"])


def damage(place: Path) -> None:
    """Flip a bit in the name of a task."""
    catalog = place / "store" / "catalog.db"
    body = bytearray(catalog.read_bytes())
    body[body.index(b"plain1")] ^= 1
    catalog.write_bytes(body)


def go_back_to_an_old_release(place: Path) -> None:
    shutil.rmtree(place / "store")
    (place / "store").mkdir()
    shutil.copy(OLD, place / "store" / "catalog.db")


def bring_vectors(place: Path) -> None:
    """Write vectors of three models that are not there yet, as another registry would have exported them."""
    with Registry.open(place / "store") as registry:
        space = registry.catalog.spaces.get("made")
    rows = unit(np.random.default_rng(3).normal(size=(3, space.dimension)).astype(np.float32))
    brought = VectorFile(space.fingerprint, ("one", "two", "three"), ("model",) * 3, rows)
    write_vectors(brought, place / "brought.npz")


SCENARIO = (
    Step("init --no-pack", is_open=False),
    Step("task import {}/tasks"),
    Step("transfer import {}/transfers.csv"),
    Step("bundle import {}/bundle"),
    Step("pack add {}/bundle/packs/mine"),
    Step("pack remove mine", is_refused_twice=True),
    Step("nearest task0"),
    Step("nearest task0", before=add_a_vector),  # appends to the log
    Step("vectors import {}/brought.npz --space made --tag new", before=bring_vectors),
    Step("index rebuild", before=leave_half_an_index),
    Step("index use pq"),  # rows beside the codes
    Step("index use flat"),
    Step("backup {}/copy.db", is_refused_twice=True),
    Step("backup --keep 1"),
    Step("backup --keep 1"),
    Step("task remove plain0", is_refused_twice=True),
    Step("task export task0 {}/exported", is_refused_twice=True),
    Step("bundle export {}/out.zip", before=leave_half_a_bundle),
    Step("push {}/pushed"),
    Step("push {}/pushed", before=tag_a_task),  # in the place of another
    Step("restore {}/copy.db"),
    Step("repair", before=damage, is_open=False),
    Step("db upgrade", before=go_back_to_an_old_release, is_open=False),
)


@dataclass
class Told:
    """A command of the scenario as it ran to its end."""

    step: Step
    before: Path  # the folder as it was
    after: Path
    passed: list[str] = field(default_factory=list)  # the places, in their order

    def places(self) -> Iterator[str]:
        """Yield each place with the number of its passage."""
        for number, name in enumerate(self.passed):
            yield f"{name}:{self.passed[: number + 1].count(name)}"


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    made = Nursery(
        *("registry.registry", "registry.importing", "registry.bundles.importing", "registry.bundles.writing"),
        *("registry.exchange.pushing", "registry.exchange.folder"),
        *("sqlalchemy.dialects.sqlite", "alembic.command", "alembic.config", "filelock", "registry.upkeep.repairing"),
    )
    yield made
    made.close()


def words_of(step: Step, place: Path) -> list[str]:
    return ["--registry", str(place / "store"), *step.words.replace("{}", str(place)).split()]


def ran(nursery: Nursery, place: Path, step: Step, fault: str) -> tuple[int, str]:
    """Run a command in a process of its own, with a fault; return its exit code and all that it said."""
    output = place / "said.txt"
    output.unlink(missing_ok=True)
    code = nursery.run(output, *words_of(step, place), environment={VARIABLE: fault})
    return code, output.read_text()


@pytest.fixture(scope="module")
def scenario(tmp_path_factory: pytest.TempPathFactory, nursery: Nursery) -> list[Told]:
    """Run the scenario once, and keep how everything was before and after each command."""
    base = tmp_path_factory.mktemp("scenario")
    place = base / "place"
    for number in range(3):
        write_task(place / "tasks" / f"plain{number}", number, examples=4)
    write_transfers(place / "transfers.csv", [TransferRecord("bert", "full", "plain1", "plain2", 0.75)])
    with Registry.create(base / "other") as other:
        fill(other, 2)  # tasks enough for a centre of their own, which another vector does not move
        run("--registry", base / "other", *f"pack make {base}/mine --name mine --title mine --source us".split())
        other.packs.add(str(base / "mine"))
        other.export_bundle(place / "bundle")
    told = []
    for number, step in enumerate(SCENARIO):
        step.before(place)
        one = Told(step, base / f"{number}-before", base / f"{number}-after")
        shutil.copytree(place, one.before)
        passed = base / f"{number}-passed"
        passed.touch()
        code, said = ran(nursery, place, step, f"record={passed}")
        assert code == 0, (step, said)
        one.passed = passed.read_text().split()
        shutil.copytree(place, one.after)
        told.append(one)
    return told


def named_in_the_source() -> set[str]:
    """Return the places that the code names."""
    paths = [path for room in ("registry", "embedders", "commands") for path in (ROOT / room).rglob("*.py")]
    sources = [path.read_text(encoding="utf-8") for path in paths]
    return {
        ast.literal_eval(node.args[0])
        for source in sources
        if "import point" in source
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "point"
    }


def test_the_scenario_passes_every_place(scenario: list[Told]) -> None:
    named = {name for name in named_in_the_source() if not name.startswith(IN_A_SERVER)}

    assert len(named) > 25
    assert named == {name for one in scenario for name in one.passed}


def removed(before: Path, now: Path) -> set[Thing]:
    return set(differences(before / "store", now / "store").removed)


def faults_of(told: Told, place: Path) -> list[str]:
    """Return what is wrong after a fault, before anything else was run."""
    if not told.step.is_open:
        return []
    lost = removed(told.before, place)
    lost -= removed(told.before, told.after) if lost else set()  # what the command is there to remove
    return [*map(str, verify(located(place / "store"))), *(f"{what} {name} is lost" for what, name in lost)]


def faults_at_the_end(told: Told, place: Path, code: int, said: str) -> list[str]:
    """Return what is wrong after the command has run again."""
    codes = (0, 2) if told.step.is_refused_twice else (0,)
    found = [] if code in codes else [f"again: {code} {said}"]
    found += map(str, verify(located(place / "store")))
    found += differences(told.after / "store", place / "store").lines()
    found += [f"{path} is left" for path in drafts(place)]
    return found + [f"{path} is missing" for path in set(told.after.iterdir()) if not (place / path.name).exists()]


def drafts(place: Path) -> list[Path]:
    return [path for path in place.rglob("*") if path.name.startswith(".") or path.suffix == ".tmp"]


def is_told(code: int, said: str, how: str) -> bool:
    """Say whether a command ended as it should: killed, failed in one line, or well for what is only a cache."""
    if how == "kill":
        return code == -signal.SIGKILL
    errors = [line for line in said.splitlines() if line.startswith("Error: ")]
    return ((code == 1 and len(errors) == 1) or (code == 0 and "fute: " in said)) and "Traceback" not in said


def after(told: Told, place: Path, strike: Callable[[Path], list[str]]) -> list[str]:
    """Let a fault strike a command of the scenario, and run it again; return what is wrong."""
    shutil.copytree(told.before, place)
    try:
        found = [*strike(place), *faults_of(told, place)]
        found += faults_at_the_end(told, place, *run_told(*words_of(told.step, place)))
    except RegistryError as error:
        found = [repr(error)]
    finally:
        shutil.rmtree(place)
    return [f"{told.step.words}: {line}" for line in found]


def chosen(scenario: list[Told], goal: Goal) -> list[tuple[Told, str]]:
    """Return the faults to try: some of all, spread evenly."""
    every = [(told, f"{place}={how}") for told in scenario for place in told.places() for how in ("kill", "raise")]
    tries = goal.tries(quick=15, full=len(every))
    return [every[number * len(every) // tries] for number in range(tries)]


@pytest.mark.goal("R2", "a kill, and a full disk, at every place that the code names: 0 bad states")
def test_a_fault_at_any_place_loses_nothing(goal: Goal, scenario: list[Told], nursery: Nursery, tmp_path: Path) -> None:
    faults = chosen(scenario, goal)
    wrong = []
    for told, fault in faults:

        def strike(place: Path, told: Told = told, fault: str = fault) -> list[str]:
            code, said = ran(nursery, place, told.step, fault)
            place_of, _, how = fault.partition("=")
            is_passed_over = place_of.startswith(PASSED_OVER) and (code, how) == (0, "raise")
            return [] if is_passed_over or is_told(code, said, how) else [f"{code} {said}"]

        wrong += [f"{fault}: {line}" for line in after(told, tmp_path / "place", strike)]

    goal.reached(f"{len(faults)} faults at {len(named_in_the_source())} places: {len(wrong)} bad states")
    assert not wrong, "\n".join(wrong)


@pytest.mark.goal("R1", "all that writes, killed 340 times at random: 0 lost, index as the catalog, no draft left")
def test_a_kill_at_random_loses_nothing(goal: Goal, scenario: list[Told], nursery: Nursery, tmp_path: Path) -> None:
    seed = int(os.environ.get("FUTE_TEST_SEED", random.SystemRandom().randrange(10**6)))
    chance = random.Random(seed)  # noqa: S311 - kills, not secrets
    kills, struck, wrong = goal.tries(quick=3, full=340), 0, []
    steps = {told.before: steps_of(nursery, told, tmp_path / "measured") for told in scenario[:kills]}
    while struck < kills:
        told = chance.choice(scenario[:kills])
        step = chance.randrange(1, steps[told.before] + 1)
        codes: list[int] = []

        def strike(place: Path, told: Told = told, step: int = step, codes: list[int] = codes) -> list[str]:
            codes.append(nursery.killed(step, place / "said.txt", *words_of(told.step, place)))
            return []

        wrong += [f"seed {seed}, step {step}: {line}" for line in after(told, tmp_path / "place", strike)]
        struck += codes == [-signal.SIGKILL]  # some come when all is done: they do not count

    goal.reached(f"{struck} kills of {len(steps)} commands: {len(wrong)} bad states")
    assert not wrong, "\n".join(wrong)


def steps_of(nursery: Nursery, told: Told, place: Path) -> int:
    """Return how many statements and commits a command takes."""
    shutil.copytree(told.before, place)
    count = nursery.steps(place / "said.txt", *words_of(told.step, place))
    shutil.rmtree(place)
    return count
