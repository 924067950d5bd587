"""Workers on a Ray cluster: one for each GPU, or one for each node, that are handed one entry after the other.

The main process hands out and keeps the report. Workers commit what they make, to a registry that all can reach.
"""

import logging
import os
import secrets
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from embedders.errors import ClusterError, SettingError, told_of
from embedders.jobs.handout import Handout, Portion
from embedders.jobs.ray_actors import Bell, Hand, Terms
from embedders.jobs.runs import EmbedReport, begun
from embedders.jobs.worker import PAUSE
from registry import Registry
from registry.errors import MissingExtraError
from registry.shown import bars_off

LOCAL = "local"  # the address that starts a Ray on this machine
AUTO = "auto"  # that of the Ray that runs on this machine
REACH = 5.0  # seconds in which a cluster must be reached
GRACE = 20.0  # seconds in which workers put back what they had, before they are stopped
OBJECTS = 80 * 2**20  # bytes of shared memory of a local Ray: next to nothing is passed through it
PATIENCE = 30.0  # seconds after which it is told that no worker has begun
QUIET = {  # before Ray is loaded
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else it warns about what a later release will do
    "RAY_enable_metrics_collection": "0",
}


@dataclass(frozen=True)
class Cluster:
    """Where workers are to be, and how many."""

    address: str  # HOST:PORT; `auto` for the one on this machine; `local` to start one here, and end it after
    workers: int | None = None  # None: one for each GPU, or one for each node where there are none


@dataclass(frozen=True)
class Listener:
    """What is called while workers work."""

    on_done: Callable[[str, float], None] | None = None  # with a name and seconds after its vector is committed
    on_wait: Callable[[dict[str, str]], None] | None = None  # with the names that others are at and who they are
    on_note: Callable[[str], None] | None = None  # with a line about a worker that cannot work


NOBODY = Listener()


@dataclass(frozen=True)
class Seat:
    """Room for one worker."""

    node: str  # its id
    place: str  # its name, for people
    gpus: int  # that are the worker's own: 0 or 1
    cpus: float  # that Ray keeps for it: one, or its part where there are more workers than processors
    threads: int


def embed_on_ray(
    registry: Registry,
    names: Sequence[str] | None = None,
    *,
    cluster: Cluster,
    space: str | None = None,
    device: str | None = None,
    again: bool = False,
    take_over: bool = False,
    listener: Listener = NOBODY,
) -> EmbedReport:
    """Embed entries that have no vector in a space yet, by workers on a Ray cluster; see `embedders.embed`.

    What another run is at is waited for. A worker that is lost is replaced by the others: what it was at is embedded
    by one of them, as soon as its lease has run out.

    Raises:
        MissingExtraError: Ray is not installed.
        ClusterError: the cluster cannot be reached, or none of its workers can reach the registry.
    """
    from tqdm.auto import tqdm

    if "://" in cluster.address:
        raise SettingError("Name a cluster by HOST:PORT, on a machine that belongs to it: Ray's clients are not used.")
    record, _, report, todo = begun(registry, names, space=space, again=again)
    if todo:
        here = registry.catalog.database.location
        place = replace(here, folder=here.folder.resolve())
        with (
            registry.catalog.jobs.working() as shift,
            _connected(cluster) as ray,
            tqdm(total=len(todo), unit="entry", disable=bars_off(), dynamic_ncols=True) as bar,
        ):
            terms = Terms(place, shift.worker, record.name, device, again, names is None, take_over)
            told = _Told(bar, listener)
            with _Crew(ray, terms, slots(ray.nodes(), cluster.workers, device), told) as crew:
                crew.work(Handout(todo, report))
    registry.refresh_index(record.name)
    return report


@contextmanager
def _connected(cluster: Cluster) -> Iterator[Any]:
    """Load Ray, and connect to a cluster, or start one that ends with the block."""
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}  # it listens to the network
    is_local = cluster.address == LOCAL
    if not is_local and cluster.address != AUTO:
        _check_listens(cluster.address)
    if "ray" not in sys.modules:
        for name, value in {**QUIET, **(token if is_local else {})}.items():
            os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise MissingExtraError("Workers on a cluster need Ray", "cluster") from error
    quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    with _unprinted(ray), tempfile.TemporaryDirectory(prefix="fute-ray-", ignore_cleanup_errors=True) as folder:
        started = {
            "num_cpus": max(os.cpu_count() or 1, cluster.workers or 1),
            "include_dashboard": False,
            "object_store_memory": OBJECTS,
            "_temp_dir": folder,
        }
        try:
            ray.init(address=cluster.address, **quiet, **(started if is_local else {}))
        except (ConnectionError, RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
            what = "Ray cannot be started here" if is_local else f"No Ray cluster can be reached at {cluster.address}"
            raise ClusterError(f"{what}: {told_of(error)}") from error
        try:
            with _sigterm_as_ctrl_c():  # Ray has put a handler of its own, which prints a trace, in its place
                yield ray
        finally:
            ray.shutdown()


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """Let SIGTERM break off the block as Ctrl-C does, so that what is in hand is put back."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _unprinted(ray: Any) -> Iterator[None]:  # noqa: ANN401 - a module
    """Keep Ray from printing what befalls its nodes: it does on stdout, and no setting of its own forbids it."""
    inside = ray._private.worker
    before, inside.print_to_stdstream = inside.print_to_stdstream, lambda *_, **__: None
    try:
        yield
    finally:
        inside.print_to_stdstream = before


def _check_listens(address: str) -> None:
    """Raise where nobody listens at an address: Ray would try for two minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise SettingError(f"{address!r} is no cluster: give HOST:PORT, {AUTO} or {LOCAL}.")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH).close()
    except (OSError, OverflowError) as error:
        raise ClusterError(f"No Ray cluster can be reached at {address}: {told_of(error)}") from error


def slots(of: Sequence[Mapping[str, Any]], workers: int | None, device: str | None) -> list[Seat]:
    """Return where the workers are to be: one for each GPU, else one for each node, or as many as are wanted.

    Args:
        of: the nodes as Ray describes them; those that are gone, or have no processor to give, are left out.
        workers: how many; they are spread evenly over nodes.
        device: of the workers; for `cpu` the GPUs are left alone.
    """
    nodes = [node for node in of if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
    gpus = [] if device == "cpu" else [node for node in nodes for _ in range(int(node["Resources"].get("GPU", 0)))]
    room = gpus or nodes
    if not room:
        raise ClusterError("The cluster has no node with a processor to give: add one with 'ray start'.")
    if gpus and (workers or 0) > len(gpus):
        raise SettingError(f"{workers} workers, and {len(gpus)} GPUs: give one to each, or take --device cpu.")
    wanted = [room[number % len(room)] for number in range(workers or len(room))]
    given = os.environ.get("OMP_NUM_THREADS", "")
    found = []
    for node in wanted:
        part = node["Resources"]["CPU"] / wanted.count(node)
        found.append(
            Seat(
                node["NodeID"],
                node["NodeManagerHostname"],
                gpus=1 if gpus else 0,
                cpus=min(1.0, int(part * 1000) / 1000),
                threads=int(given) if given.isdecimal() else max(1, int(part)),
            )
        )
    return found


@dataclass(frozen=True)
class _Call:
    """What a worker was told to do: to open the registry, or to embed an entry."""

    hand: Any  # Ray's handle of the actor
    slot: Seat
    portion: Portion | None = None


class _Crew:
    """The workers of one run, and the calls that they are at."""

    def __init__(self, ray: Any, terms: Terms, room: Sequence[Seat], told: "_Told") -> None:  # noqa: ANN401
        self._ray = ray
        self._terms = terms
        self._told = told
        self._calls: dict[Any, _Call] = {}  # by the reference to what comes of it
        self._idle: list[_Call] = []
        self._has_begun = False
        self._why = ""  # what became of the last worker that is gone
        self._bell = self._actor(Bell, ray.get_runtime_context().get_node_id(), num_cpus=0)
        for slot in room:
            self._start(slot)

    def _start(self, slot: Seat) -> None:
        """Start a worker."""
        threads = {"env_vars": {"OMP_NUM_THREADS": str(slot.threads)}}
        hand = self._actor(Hand, slot.node, num_cpus=slot.cpus, num_gpus=slot.gpus, runtime_env=threads)
        self._calls[hand.open.remote(self._terms, self._bell)] = _Call(hand, slot)

    def _actor(self, of: type, node: str, **needs: object) -> Any:  # noqa: ANN401 - Ray's handle of an actor
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        there = NodeAffinitySchedulingStrategy(node_id=node, soft=False)
        return self._ray.remote(max_restarts=0, scheduling_strategy=there, **needs)(of).remote()

    def __enter__(self) -> "_Crew":
        return self

    def __exit__(self, *_: object) -> None:
        """Ring the bell, and wait until everybody has put back what was in hand."""
        at_work = [reference for reference, call in self._calls.items() if call.portion is not None]
        if at_work:
            self._bell.ring.remote()
            self._ray.wait(at_work, num_returns=len(at_work), timeout=GRACE)
        for call in (*self._idle, *self._calls.values()):
            self._ray.kill(call.hand)

    @property
    def _is_at_work(self) -> bool:
        return any(call.portion is not None for call in self._calls.values())

    def work(self, handout: Handout) -> None:
        """Hand out entries until nothing is left, or nobody; raise `ClusterError` where nobody could begin."""
        while handout.has_more or self._is_at_work:
            while self._idle and (portion := handout.take()) is not None:
                call = self._idle.pop()
                reference = call.hand.embed.remote(portion.entry, is_first=portion.is_first)
                self._calls[reference] = replace(call, portion=portion)
            if not self._calls and not self._idle:
                if not self._has_begun:
                    raise ClusterError(f"No worker can work: {self._why}")
                handout.give_up(f"no worker is left: {self._why}")
                return
            done = self._done()
            for reference in done:
                self._came(reference, handout)
            if not done:
                handout.try_again()
            self._told.waiting(handout.busy, has_begun=self._has_begun)

    def _done(self) -> list[Any]:
        """Return the next call that is done, none where a pause has passed."""
        if self._calls:
            return list(self._ray.wait(list(self._calls), timeout=PAUSE)[0])
        time.sleep(PAUSE)
        return []

    def _came(self, reference: Any, handout: Handout) -> None:  # noqa: ANN401 - Ray's
        """Enter what came of a call."""
        call, errors = self._calls.pop(reference), self._ray.exceptions
        try:
            came = self._ray.get(reference)
        except errors.RayTaskError as error:
            came = f"failed: {told_of(error.cause or error)}"
        except errors.RayError as error:
            last = str(error).strip().splitlines()[-1].strip()[:300]  # of a traceback, where it could not begin
            self._leave(call, f"was lost ({type(error).__name__ if self._has_begun else last})")
            if call.portion is not None:
                handout.lose(call.portion, self._why)
                self._start(call.slot)  # where its node is gone, this one cannot begin
            return
        if isinstance(came, EmbedReport) and call.portion is not None:
            self._idle.append(replace(call, portion=None))
            self._told.settled(came, is_settled=handout.took(call.portion, came))
        elif came == "":
            self._has_begun = True
            self._idle.append(call)
        else:
            self._leave(call, came or "was told to end")
            if call.portion is not None:
                handout.lose(call.portion, self._why)

    def _leave(self, call: _Call, why: str) -> None:
        """Go on without a worker."""
        self._why = f"the worker on {call.slot.place} {why}"
        self._told.note(self._why)
        self._ray.kill(call.hand)


class _Told:
    """What is shown while workers work: a bar, and lines above it."""

    def __init__(self, bar: Any, listener: Listener) -> None:  # noqa: ANN401 - of tqdm
        self._bar = bar
        self._listener = listener
        self._busy: dict[str, str] = {}
        self._patient_until: float | None = time.monotonic() + PATIENCE

    def note(self, text: str) -> None:
        """Tell a line."""
        if self._listener.on_note is not None:
            self._bar.clear()
            self._listener.on_note(text)

    def settled(self, part: EmbedReport, *, is_settled: bool) -> None:
        """Tell what came of an entry."""
        self._bar.update(int(is_settled))
        if self._listener.on_done is not None:
            for name, seconds in part.embedded.items():
                self._bar.clear()
                self._listener.on_done(name, seconds)

    def waiting(self, busy: Mapping[str, str], *, has_begun: bool) -> None:
        """Tell what is waited for, once."""
        if not has_begun and self._patient_until is not None and time.monotonic() > self._patient_until:
            self._patient_until = None
            self.note("no worker has begun yet: Ray waits for a free processor or GPU")
        if busy.keys() - self._busy.keys() and self._listener.on_wait is not None:
            self._bar.clear()
            self._listener.on_wait(dict(busy))
        self._busy = dict(busy)
