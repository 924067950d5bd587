"""What runs on the nodes of a Ray cluster: actors that are handed entries, and the bell that ends them.

Nothing here needs Ray to be loaded: it makes actors of these classes.
"""

import asyncio
import signal
import threading
from dataclasses import dataclass
from typing import Any

from embedders.errors import EmbedderError, told_of
from embedders.jobs.runs import EmbedReport
from embedders.jobs.worker import HandedWorker
from registry import Registry, __version__
from registry.catalog import Catalog, EntryRecord
from registry.catalog.jobs import Worker
from registry.errors import RegistryError, StorageError
from registry.index.current import Indexes
from registry.location import Location

SHARED = "all nodes must reach it: in a folder that they share, at the same path, or in PostgreSQL."


@dataclass(frozen=True)
class Terms:
    """What every worker must know."""

    location: Location
    starter: Worker  # whose file shows that the registry is the same
    space: str
    device: str | None
    again: bool
    skip: bool
    take_over: bool
    release: str = __version__


class Bell:
    """Rings in all workers when the run is broken off. It is an actor of its own, for theirs are at work."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    async def wait(self) -> None:
        """Return when the bell rings."""
        await self._rung.wait()

    async def ring(self) -> None:
        """Let all that wait go on."""
        self._rung.set()


class Hand:
    """The actor: it opens the registry, and embeds what it is handed until the bell rings."""

    def __init__(self) -> None:
        self._worker: HandedWorker | None = None
        self._is_at_work = False

    def open(self, terms: Terms, bell: Any) -> str:  # noqa: ANN401 - Ray's handle of an actor
        """Return why this worker cannot work, "" where it can."""
        signal.signal(signal.SIGINT, self._interrupted)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # Ray's processes block it
        bell.wait.remote().future().add_done_callback(_interrupt)  # also where whoever has started it is gone
        worker = opened(terms)
        if isinstance(worker, str):
            return worker
        self._worker, self._terms = worker, terms
        return ""

    def embed(self, entry: EntryRecord, *, is_first: bool) -> EmbedReport | str | None:
        """Return what came of an entry; why this worker can embed none; or None where the bell rang.

        What is wrong with one entry is no reason for the worker to end.
        """
        assert self._worker is not None, "opened before"  # noqa: S101
        terms = self._terms
        self._is_at_work = True
        try:
            return self._worker.embed(entry, again=terms.again, skip=terms.skip, take_over=terms.take_over and is_first)
        except (StorageError, EmbedderError) as error:  # the registry is out of reach, or the surrogate is
            return f"cannot embed: {told_of(error)}"
        except RegistryError as error:
            return EmbedReport(terms.space, failed={entry.name: told_of(error)})
        except KeyboardInterrupt:
            return None
        finally:
            self._is_at_work = False

    def _interrupted(self, *_: object) -> None:
        if self._is_at_work:
            self._is_at_work = False  # what is in hand is put back: no second signal breaks into that
            raise KeyboardInterrupt


def opened(terms: Terms) -> HandedWorker | str:
    """Return a worker at the registry that is meant, or why there is none."""
    if terms.release != __version__:
        return f"has fute-registry {__version__}, and this is {terms.release}"
    try:
        catalog = Catalog.open(terms.location)
        if not catalog.jobs.sees(terms.starter):
            catalog.close()
            return f"finds another registry at {terms.location}: {SHARED}"
        registry = Registry(catalog, Indexes(catalog, terms.location.indexes))
        return HandedWorker(registry, space=terms.space, device=terms.device)
    except RegistryError as error:
        return f"cannot open the registry: {told_of(error)} {SHARED[0].upper()}{SHARED[1:]}"


def _interrupt(_: object) -> None:
    """Break into the main thread of this process, be it that it waits."""
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
