"""A folder as a far end: each file is put in place whole, and whoever reads meanwhile finds the one before or after."""

import filecmp
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from registry.errors import InputError, StorageError
from registry.exchange.far_end import BUNDLE, CARDS, README, Sighting
from registry.faults import point
from registry.files.locks import locked
from registry.files.whole import check_regular
from registry.files.writing import made_for_all, written

LOCK = "lock"
PATIENCE = 60  # seconds that another push is waited for


class FarFolder:
    """A folder that others may read, and push to."""

    is_elsewhere = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __str__(self) -> str:
        return str(self._folder)

    @property
    def name(self) -> str:
        """The folder's own; what is no text in it is replaced, for a card is one."""
        return os.fsencode(self._folder.resolve().name).decode(errors="replace")

    def look(self) -> Sighting | None:
        """Say what lies directly in the folder."""
        try:
            about = {path.name: path.lstat() for path in self._folder.iterdir() if path.name != LOCK}
        except FileNotFoundError:
            return None
        except NotADirectoryError as error:
            raise InputError(f"{self} is a file: name a folder.") from error
        except OSError as error:
            raise StorageError(f"Cannot read {self}: {error.strerror or error}.") from error
        marks = (about[name] for name in (README, BUNDLE) if name in about)
        state = " ".join(f"{mark.st_ino} {mark.st_mtime_ns} {mark.st_size}" for mark in marks)  # each is put in anew
        return Sighting({name: mark.st_size for name, mark in about.items()}, state)

    def fetch(self, file: str, seen: Sighting, *, anew: bool = False) -> Path:
        """Return where the file lies."""
        path = self._folder / file
        try:
            check_regular(path)
        except OSError as error:
            raise StorageError(f"{path}: {error.strerror}.") from error
        return path

    def put(self, files: Mapping[str, Path], gone: Collection[str], seen: Sighting | None) -> Sighting:
        """Put the card of the whole in place, by which the folder is known as ours, then the cards, then the bundle.

        The bundle is there whole at any time, and who was stopped can push again.
        """
        with self._held():
            now = self.look() or Sighting()
            if now.state != (seen.state if seen is not None else ""):
                raise StorageError(f"Somebody else has pushed to {self} meanwhile: push again.")
            self._put_file(README, files[README])
            cards = {name: path for name, path in files.items() if name.startswith(f"{CARDS}/")}
            if not self._has_cards(cards):
                self._put_cards(cards)
            self._put_file(BUNDLE, files[BUNDLE])
            return self.look() or Sighting()

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Make the folder, and keep other pushes of this machine out of it until the block ends."""
        import filelock

        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            made_for_all(self._folder / LOCK, mode=self._folder.stat().st_mode & 0o666)  # as all that is pushed
            lock = locked(self._folder / LOCK, wait=PATIENCE)
        except filelock.Timeout as error:
            raise StorageError(f"Somebody else is pushing to {self}: push again.") from error
        except OSError as error:
            raise StorageError(f"Cannot write in {self}: {error.strerror or error}.") from error
        try:
            yield
        finally:
            lock.release()

    def _put_file(self, name: str, path: Path) -> None:
        own = self._folder / name
        if not _are_same(path, own):
            with written(own) as draft:
                shutil.copyfile(path, draft)
        point("push.placed")

    def _has_cards(self, cards: Mapping[str, Path]) -> bool:
        own = self._folder / CARDS
        found = {path.relative_to(self._folder).as_posix() for path in own.rglob("*") if path.is_file()}
        return found == set(cards) and all(_are_same(path, self._folder / name) for name, path in cards.items())

    def _put_cards(self, cards: Mapping[str, Path]) -> None:
        with written(self._folder / CARDS) as draft:
            draft.mkdir()
            for name, path in cards.items():
                target = draft / Path(name).relative_to(CARDS)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
            if (self._folder / CARDS).exists():
                shutil.rmtree(self._folder / CARDS)
            point("push.cards")


def _are_same(one: Path, other: Path) -> bool:
    return other.is_file() and filecmp.cmp(one, other, shallow=False)
