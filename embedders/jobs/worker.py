"""A worker: it embeds whatever a space lacks, or what it is handed, beside any number of others on the same registry.

Each entry is a job that one of them holds at a time, and whose vector is committed once. A job of a worker that is gone
is free again, and the next one takes it.
"""

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial

from embedders.black_boxes.entries import Boxes
from embedders.hardware.threads import sleep_while_waiting
from embedders.jobs.runs import EmbedReport, Run, embeddable
from embedders.spaces import current_space
from embedders.surrogate.loading import surrogate_of
from registry import Registry
from registry.catalog import EntryRecord, SpaceRecord
from registry.errors import StorageError
from registry.spaces.spec import SpaceSpec

PAUSE = 1.0  # seconds between two looks at what others are at, or at what has come
AWAY = 5.0  # seconds between two tries to reach a server that is away

log = logging.getLogger("embedders")


def work(
    registry: Registry,
    *,
    space: str | None = None,
    device: str | None = None,
    watch: bool = False,
    on_done: Callable[[str, float], None] | None = None,
    on_wait: Callable[[dict[str, str]], None] | None = None,
) -> EmbedReport:
    """Embed what a space lacks until nothing is left, and nobody else is at anything.

    An entry that fails, or that the space cannot embed, is tried once.

    Args:
        space: in which space; None for the current one. Where there is none, the default one is made.
        device: `cuda`, `cpu`, ...; None for the best there is.
        watch: wait for new entries instead of ending, and for a server that is away; only an interrupt ends it.
        on_done: called with a name and seconds after its vector is committed.
        on_wait: called, when this worker begins to wait, with the names that others are at and who they are.
    """
    sleep_while_waiting()
    record = current_space(registry, space)
    report = EmbedReport(record.name)
    while True:
        try:
            _work(registry, record, report, device=device, watch=watch, on_done=on_done, on_wait=on_wait)
        except StorageError as error:
            if not watch or registry.catalog.database.location.is_folder:
                raise
            log.warning("%s It is tried again.", error)
            time.sleep(AWAY)
        else:
            return report


def _work(
    registry: Registry,
    record: SpaceRecord,
    report: EmbedReport,
    *,
    device: str | None,
    watch: bool,
    on_done: Callable[[str, float], None] | None,
    on_wait: Callable[[dict[str, str]], None] | None,
) -> None:
    """Embed what a space lacks, and enter in `report` what came of it; see `work`."""
    spec = SpaceSpec.from_document(record.spec)
    run: Run | None = None
    tried: set[int] = set()
    is_waiting = False
    while True:
        done = tried | registry.catalog.embeddings.known(record.id)
        todo = [entry for entry in embeddable(registry, spec) if entry.version_id not in done]
        _forget(report, todo)
        if not todo and not watch:
            return
        before = len(report.embedded)
        if todo:
            if run is None:
                boxes = Boxes(registry, device=device)
                run = Run(
                    registry, record, spec, report, partial(surrogate_of, spec, device), boxes=boxes, on_done=on_done
                )
            run.embed(todo, again=False, skip=True, take_over=False)
            registry.refresh_index(record.name)
            tried |= {entry.version_id for entry in todo if entry.name in {**report.failed, **report.skipped}}
        if len(report.embedded) > before:
            is_waiting = False
            continue
        if not is_waiting and on_wait is not None and (report.busy or not todo):
            on_wait(dict(report.busy))
        is_waiting = True
        time.sleep(PAUSE)


def _forget(report: EmbedReport, untried: Sequence[EntryRecord]) -> None:
    """Take back what is told of former versions of entries, and who was at which."""
    report.busy.clear()
    for entry in untried:
        report.failed.pop(entry.name, None)
        report.skipped.pop(entry.name, None)


class HandedWorker:
    """A worker that is handed one entry after the other; what it has loaded stays loaded."""

    def __init__(self, registry: Registry, *, space: str, device: str | None) -> None:
        sleep_while_waiting()
        self._registry = registry
        record = registry.catalog.spaces.get(space)
        spec = SpaceSpec.from_document(record.spec)
        load, boxes = partial(surrogate_of, spec, device), Boxes(registry, device=device)
        self._space = record.name
        self._run = Run(registry, record, spec, EmbedReport(record.name), load, boxes=boxes, on_done=None)

    def embed(self, entry: EntryRecord, *, again: bool, skip: bool, take_over: bool) -> EmbedReport:
        """Embed one entry if its job can be had, and return what came of it.

        Args:
            entry: as it was when the run began; one that has been removed since has failed.
            again: embed it although it has a vector.
            skip: whether what the space cannot embed is skipped, and has not failed.
            take_over: take it from another run that is at it.
        """
        self._run.report = EmbedReport(self._space)
        self._run.embed([entry], again=again, skip=skip, take_over=take_over)
        return self._run.report
