"""R15: whatever is done in whatever order, the registry says what a model of dicts and numpy says."""

import shutil
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from goals import Goal
from hypothesis import HealthCheck, Phase, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from numpy.typing import NDArray
from tiny_bundles import some_task

import registry.catalog.changes
from registry import Registry
from registry.data.transfers import TransferRecord
from registry.errors import AlreadyExistsError, InputError, NotEmbeddedError, NotFoundError
from registry.spaces.facets import Facet
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import unit

STEPS = 50
FEW = 4  # tasks, from which on the centre is frozen here: epochs begin often
SPEC = SpaceSpec("0" * 64, "by-hand", "textemb", {}, (Facet("inputs", 5), Facet("map", 3)), None)
WEIGHTS = {"inputs": 2 / 3, "map": 1 / 3}  # between tasks, as measured
NAMES = strategies.sampled_from(("film", "rain", "org/Song", "täsk", "b", "c", "d", "e", "f"))
SEEDS = strategies.integers(0, 5)
TAGS = strategies.sampled_from(("blue", "green", "a tag"))
ALIASES = strategies.sampled_from(("first", "best"))
TWO = strategies.integers(0, 1)  # which of two open registries is asked


@dataclass
class Known:
    """What the model knows of a task."""

    seeds: list[int] = field(default_factory=list)  # of the content of each version
    tags: set[str] = field(default_factory=set)
    aliases: dict[str, int] = field(default_factory=dict)
    vectors: dict[int, NDArray[np.float32]] = field(default_factory=dict)  # by version


class Machine(RuleBasedStateMachine):
    """A registry that is open twice, as by two processes, beside a model of it."""

    empty: Path  # a registry with a space and nothing else

    def __init__(self) -> None:
        super().__init__()
        self.place = Path(tempfile.mkdtemp())
        self.moves = 0
        self.folder = self.place / "registry0"
        shutil.copytree(self.empty, self.folder)
        self.open: list[Registry] = []
        self.reopen()
        self.tasks: dict[str, Known] = {}
        self.transfers: dict[tuple[str, str, str], float] = {}  # target, source, run -> score

    def teardown(self) -> None:
        for one in self.open:
            one.close()
        shutil.rmtree(self.place)

    def known(self, name: str) -> bool:
        return name in self.tasks

    # -- entries

    @rule(who=TWO, name=NAMES, seed=SEEDS, replacing=strategies.booleans())
    def add(self, who: int, name: str, seed: int, replacing: bool) -> None:
        known = self.tasks.get(name, Known())
        if known.seeds and known.seeds[-1] != seed and not replacing:
            with pytest.raises(AlreadyExistsError):
                self.open[who].add_task(name, some_task(seed))
            return
        self.open[who].add_task(name, some_task(seed), replace=replacing)
        if not known.seeds or known.seeds[-1] != seed:
            known.seeds.append(seed)
        self.tasks[name] = known

    @rule(who=TWO, name=NAMES, tag=TAGS, goes=strategies.booleans())
    def tag(self, who: int, name: str, tag: str, goes: bool) -> None:
        if not self.known(name):
            with pytest.raises(NotFoundError):
                self.open[who].tag(name, "task", add=[tag])
            return
        self.open[who].tag(name, "task", **{"remove" if goes else "add": [tag]})
        (self.tasks[name].tags.discard if goes else self.tasks[name].tags.add)(tag)

    @rule(who=TWO, name=NAMES, alias=ALIASES, number=strategies.integers(1, 4))
    def alias(self, who: int, name: str, alias: str, number: int) -> None:
        if not self.known(name) or number > len(self.tasks[name].seeds):
            with pytest.raises(NotFoundError):
                self.open[who].set_alias(f"{name}:{number}", alias)
            return
        self.open[who].set_alias(f"{name}:{number}", alias)
        self.tasks[name].aliases[alias] = number

    @rule(who=TWO, name=NAMES, new=NAMES)
    def rename(self, who: int, name: str, new: str) -> None:
        ends = {end for target, source, _ in self.transfers for end in (target, source)}
        is_refused = new != name and (self.known(new) or (name in ends and new in ends))
        if not self.known(name) or is_refused:
            with pytest.raises(InputError):
                self.open[who].rename(name, new, "task")
            return
        self.open[who].rename(name, new, "task")
        self.tasks[new] = self.tasks.pop(name)
        self.transfers = {
            (new if target == name else target, new if source == name else source, run): score
            for (target, source, run), score in self.transfers.items()
        }

    @rule(who=TWO, names=strategies.lists(NAMES, min_size=1, max_size=2, unique=True))
    def remove(self, who: int, names: list[str]) -> None:
        if not all(map(self.known, names)):
            with pytest.raises(NotFoundError):
                self.open[who].remove(names, "task")
            return
        self.open[who].remove(names, "task")
        for name in names:
            del self.tasks[name]

    # -- vectors and transfers

    @rule(who=TWO, name=NAMES, seed=strategies.integers(0, 50), back=strategies.integers(0, 1))
    def put_vector(self, who: int, name: str, seed: int, back: int) -> None:
        if not self.known(name):
            return
        number = max(1, len(self.tasks[name].seeds) - back)  # also of the version before
        vector = unit(np.random.default_rng(seed).normal(size=SPEC.dimension).astype(np.float32))
        one = self.open[who]
        version = one.entry(f"{name}:{number}").version_id
        one.catalog.embeddings.put(version, one.catalog.spaces.get("made"), vector, {"seed": seed})
        self.tasks[name].vectors[number] = vector

    @rule(who=TWO, to=NAMES, source=NAMES, run=strategies.sampled_from(("", "2")), score=strategies.floats(0, 1))
    def measure(self, who: int, to: str, source: str, run: str, score: float) -> None:
        self.open[who].add_transfers([TransferRecord("m", "full", to, source, score, run=run)])
        self.transfers[to, source, run] = score

    @rule(who=TWO, to=NAMES)
    def forget(self, who: int, to: str) -> None:
        gone = [key for key in self.transfers if key[0] == to]
        assert self.open[who].catalog.transfers.remove(target=to) == len(gone)
        for key in gone:
            del self.transfers[key]

    # -- the registry as a whole

    @rule()
    def reopen(self) -> None:
        for one in self.open:
            one.close()
        self.open = [Registry.open(self.folder), Registry.open(self.folder)]

    @rule(who=TWO, recentre=strategies.booleans())
    def rebuild(self, who: int, recentre: bool) -> None:
        assert self.open[who].rebuild_index(recentre=recentre) == len(self.newest())

    @rule(who=TWO)
    def save_index(self, who: int) -> None:
        self.open[who].refresh_index("made")

    @rule(who=TWO, as_file=strategies.booleans())
    def move(self, who: int, as_file: bool) -> None:
        """Go on with another registry, which has taken in a bundle of this one."""
        self.moves += 1
        bundle = self.place / f"bundle{self.moves}{'.zip' if as_file else ''}"
        self.open[who].export_bundle(bundle)
        assert self.open[1 - who].import_bundle(bundle).added.total() == 0  # it has all of it
        self.folder = self.place / f"registry{self.moves}"
        Registry.create(self.folder).close()
        with Registry.open(self.folder) as other:
            other.import_bundle(bundle)
            again = bundle.with_name(f"again{bundle.name}")
            other.export_bundle(again)
        if as_file:
            assert again.read_bytes() == bundle.read_bytes()
        self.reopen()

    # -- what must hold

    def newest(self) -> dict[str, NDArray[np.float32]]:
        """Return the vectors of the latest versions."""
        numbered = {name: (len(known.seeds), known.vectors) for name, known in self.tasks.items()}
        return {name: vectors[number] for name, (number, vectors) in numbered.items() if number in vectors}

    @invariant()
    def the_lists_agree(self) -> None:
        for one in self.open:
            held = {
                record.name: (record.version, set(record.tags), record.aliases) for record in one.catalog.entries.all()
            }
            assert held == {name: (len(k.seeds), k.tags, k.aliases) for name, k in self.tasks.items()}
            assert {(t.target, t.source, t.run): t.score_mean for t in one.transfers()} == self.transfers

    @invariant()
    def the_vectors_agree_to_the_bit(self) -> None:
        for one in self.open:
            held = one.vectors(space="made")
            newest = self.newest()
            assert set(held.names) == set(newest)
            assert all(
                row.tobytes() == newest[name].tobytes() for name, row in zip(held.names, held.matrix, strict=True)
            )
            assert one.space("made").vectors == len(newest)

    @rule(who=TWO, name=NAMES)
    def every_version_can_be_read(self, who: int, name: str) -> None:
        known = self.tasks.get(name, Known())
        for number, seed in enumerate(known.seeds, start=1):
            record = self.open[who].entry(f"{name}:{number}")
            assert self.open[who].task_data(record) == some_task(seed)
            held = self.open[who].catalog.embeddings.get(record.version_id, self.open[who].space("made").record.id)
            assert (held is None) == (number not in known.vectors)
            assert held is None or held.vector.tobytes() == known.vectors[number].tobytes()

    @precondition(lambda self: self.tasks)
    @rule(who=TWO, data=strategies.data())
    def the_nearest_are_those_of_brute_force(self, who: int, data: strategies.DataObject) -> None:
        one, name, newest = self.open[who], data.draw(strategies.sampled_from(sorted(self.tasks))), self.newest()
        if name not in newest:
            with pytest.raises(NotEmbeddedError):
                one.nearest(name, duplicates=True)
            return
        centre = one.catalog.embeddings.centring(one.space("made").record.id).centre.astype(np.float64)
        expected = {other: similarity(newest[name] - centre, newest[other] - centre) for other in newest}
        del expected[name]

        found = one.nearest(name, limit=20, duplicates=True, packs=False)

        assert {match.name: match.similarity for match in found} == pytest.approx(expected, abs=1e-5)
        order = [expected[match.name] for match in found]
        assert order == pytest.approx(sorted(order, reverse=True), abs=1e-5)

    @rule(who=TWO)
    def the_index_agrees_with_the_catalog(self, who: int) -> None:
        assert [check.faults for check in self.open[who].verify_index()] == [()]


def similarity(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Return the weighted mean of the facets' cosines."""
    total = 0.0
    for facet in SPEC.facets:
        part = SPEC.facets.segment(facet.name)
        a, b = one[part], other[part]
        length = np.linalg.norm(a) * np.linalg.norm(b)
        total += WEIGHTS[facet.name] * float(a @ b / length if length > 1e-12 else 0.0)
    return total


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> type[Machine]:
    monkeypatch.setattr(registry.catalog.changes, "FEW", FEW)
    with Registry.create(tmp_path / "empty") as empty:
        empty.add_space("made", replace(SPEC), corpus=None)
    Machine.empty = tmp_path / "empty"
    return Machine


@pytest.mark.goal("R15", "100 runs of 50 steps beside a model of dicts and numpy: no difference")
def test_what_is_done_in_any_order_agrees_with_a_model(machine: type[Machine], goal: Goal) -> None:
    runs = goal.tries(quick=5, full=100)
    steps = goal.tries(quick=25, full=STEPS)

    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            phases=(Phase.generate,),  # to shrink a failure takes minutes; the blob that is printed repeats it
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )

    goal.reached(f"{runs} runs of at most {steps} steps: 0 differences")
