"""The packs that a registry uses: folders beside its catalog, so that nothing in them is mixed with its own."""

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from registry.errors import InputError, NotFoundError, StorageError
from registry.faults import point
from registry.files.stamps import Stamp, stamp_of
from registry.files.writing import scratch, sync_all, sync_folder, written
from registry.names import checked_name, folded
from registry.packs.pack import DESCRIPTION, TRANSFERS, VECTORS, Pack, read_pack
from registry.resources import resource

STARTER = "taskweb"  # what a new registry begins with


def supplied() -> list[str]:
    """Return the names of the packs that come with the program."""
    return sorted(path.parent.name for path in resource("packs").glob(f"*/{DESCRIPTION}"))


class Shelf:
    """The packs of one registry."""

    def __init__(self, folder: Path) -> None:
        """`folder`: the registry's."""
        self._folder = folder / "packs"
        self._former = self._folder / ".former"  # a pack stays here while another takes its place

    @property
    def are_new(self) -> bool:
        """Whether there never was a pack."""
        return not self._folder.exists()

    def decline(self) -> None:
        """Take note that no pack is wanted."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def names(self) -> list[str]:
        """Return the names of the packs in use, sorted."""
        return sorted(
            {
                path.parent.name
                for folder in ("[!.]*", ".former/*")
                for path in self._folder.glob(f"{folder}/{DESCRIPTION}")
            }
        )

    def all(self) -> list[Pack]:
        """Return the packs in use, by name; raise `DataError` where one is damaged."""
        return [self.get(name) for name in self.names()]

    def get(self, name: str) -> Pack:
        """Return a pack in use."""
        place = self.place(name)
        return _read_once(place, tuple(stamp_of(place / file) for file in (VECTORS, TRANSFERS, DESCRIPTION)))

    def place(self, name: str) -> Path:
        """Return the folder of a pack in use."""
        if name not in self.names():
            raise NotFoundError("pack", name, self.names())
        own = self._folder / name
        return own if _is_pack(own) else self._former / name

    def add(self, source: str) -> Pack:
        """Use a pack: one that comes with the program, by name, or a folder. One of the same name is replaced."""
        folder = resource("packs") / source if source in supplied() else Path(source)
        if not os.path.isfile(folder / DESCRIPTION):  # false too where it is no path at all
            known = ", ".join(supplied())
            raise InputError(f"{source!r} is neither a folder with a {DESCRIPTION} nor a supplied pack ({known}).")
        pack = read_pack(folder)
        other = namesake(pack.name, self.names())
        if other is not None:
            raise InputError(
                f"Pack {other!r} is in use, and case tells no names apart: 'fute pack remove {other}' first."
            )
        own = self._folder / pack.name
        if own.exists() and own.samefile(folder):
            return pack
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with written(own) as draft:
                _copy(folder, draft)
                self._set_aside(own)
            point("pack.placed")
            self._forget_former(pack.name)
        except OSError as error:
            raise StorageError(f"Cannot keep pack {pack.name!r}: {error.strerror or error}.") from error
        return self.get(pack.name)

    @contextmanager
    def made_ready(self, folders: Sequence[Path]) -> Iterator[list[Path]]:
        """Hand out copies of packs, each to be put in use by `take`; what is not taken goes when the block ends.

        They are of this file system, and synced: to take one needs no room.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"Cannot keep packs: {error.strerror or error}.") from error
        with scratch("packs", within=self._folder) as place:
            yield [_made_ready(folder, place) for folder in folders]

    def take(self, ready: Path) -> None:
        """Use a pack that was made ready. One of the same name is replaced."""
        own = self._folder / ready.name
        try:
            self._set_aside(own)
            ready.rename(own)
            sync_folder(self._folder)
            point("pack.taken")
            self._forget_former(own.name)
        except OSError as error:
            raise StorageError(f"Cannot keep pack {own.name!r}: {error.strerror or error}.") from error

    def remove(self, name: str) -> None:
        """Use a pack no longer."""
        if checked_name(name) not in self.names():
            raise NotFoundError("pack", name, self.names())
        try:
            self._forget_former(name)
            _delete(self._folder / name)
        except OSError as error:
            raise StorageError(f"Cannot remove pack {name!r}: {error.strerror or error}.") from error

    def _set_aside(self, own: Path) -> None:
        """Make room for a pack; the one that is there is used until the other is in place."""
        if _is_pack(own):
            self._forget_former(own.name)
            self._former.mkdir(exist_ok=True)
            own.rename(self._former / own.name)
            point("pack.aside")
        else:
            _delete(own)  # half of one, whose removal was broken off

    def _forget_former(self, name: str) -> None:
        _delete(self._former / name)
        with suppress(OSError):  # there is none, or another pack is in it
            self._former.rmdir()


def namesake(name: str, names: Iterable[str]) -> str | None:
    """Return the one of some packs that differs from a name in case alone: in many file systems they are one folder."""
    return next((other for other in names if other != name and folded(other) == folded(name)), None)


def _made_ready(folder: Path, place: Path) -> Path:
    ready = place / folder.name
    try:
        _copy(folder, ready)
        sync_all(ready)
        point("pack.ready")
    except OSError as error:
        raise StorageError(f"Cannot keep pack {folder.name!r}: {error.strerror or error}.") from error
    return ready


def _copy(folder: Path, target: Path) -> None:
    target.mkdir()
    for file in (VECTORS, TRANSFERS, DESCRIPTION):
        shutil.copyfile(folder / file, target / file)


@lru_cache(maxsize=8)
def _read_once(place: Path, _stamps: tuple[Stamp | None, ...]) -> Pack:
    """Read a pack, and again where one of its files is another than it was."""
    return read_pack(place)


def _is_pack(folder: Path) -> bool:
    return (folder / DESCRIPTION).exists()


def _delete(folder: Path) -> None:
    if folder.is_symlink():  # what it leads to is somebody else's
        folder.unlink()
    elif folder.exists():
        (folder / DESCRIPTION).unlink(missing_ok=True)  # from here on it is no pack
        point("pack.opened")
        shutil.rmtree(folder)
