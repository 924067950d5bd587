"""An index on disk: a base, and behind it what has changed since. Nothing is read before its checksum is verified.

`FINGERPRINT.idx` is the base: an index, whole, with the centre that its rows were made with. `FINGERPRINT.log` holds
records, each with the rows that were added and the ids that were removed between two changes of the space. A record is
appended in the time that its own rows take, whatever the base holds. Base and records name the change they stand at by
its mark; a record follows only what stands at the mark that it begins with. docs/formats.md has the bytes.
"""

import hashlib
import json
import os
import struct
import time
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from registry.faults import point
from registry.files.writing import sync_folder
from registry.index.contract import DamagedIndexError, FileIndex, Ids, Rows

_BASE, _RECORD = b"FUTEIDX7", b"FUTELOG1"  # not 3, 5 or 6, which one flipped bit would make old
_OLD = (
    b"FUTEIDX1",  # of 0.3, which had no epochs
    b"FUTEIDX2",  # centred every facet
    b"FUTEIDX4",  # held rows to a CRC-32
)
_FRAME = struct.Struct("<8sI32s")  # magic, length of the head, sha256 of the head
_END = struct.Struct("<Q8s")  # behind a record: its length with this, and its magic again, to be found from the end
ROWS = ".rows"
BEING_MADE = 6 * 3600  # seconds: what is younger may belong to a snapshot that another process is about to put in place
_MOST_HEAD = 64_000_000  # bytes: a removal of millions of ids


class SnapshotDamagedError(DamagedIndexError):
    """The file is not a whole snapshot. Caught where the index is rebuilt; never shown to a user."""


class SnapshotOutdatedError(Exception):
    """The file is of a former release. Caught as the other is."""


@dataclass(frozen=True)
class SnapshotHeader:
    """What a snapshot stands for."""

    fingerprint: str  # of the space
    dimension: int
    kind: str  # of the index
    epoch: int
    centre: str  # the sha256 of the centre that the rows were made with
    generation: int  # of the change that it stands at
    mark: str | None  # of that change alone, also after a backup was restored
    recall: float | None = field(default=None, compare=False)  # as it was measured when the index was made
    files: Sequence[str] = field(default=(), compare=False)  # that the index lies in beside its snapshot


@dataclass(frozen=True)
class Change:
    """What happened to a space's vectors between two changes: an id that was replaced is among the added."""

    generation: int
    mark: str | None
    removed: Ids
    ids: Ids
    rows: Rows  # (len(ids), dimension), as they are indexed


@dataclass
class Snapshot:
    """A snapshot as it was read: the base with all records that follow it."""

    header: SnapshotHeader
    centre: NDArray[np.float32]
    index: FileIndex
    is_whole: bool = True  # no record was cut off or damaged


class SnapshotFiles:
    """The two files of one space's snapshot."""

    def __init__(self, folder: Path, fingerprint: str) -> None:
        self.base = folder / f"{fingerprint}.idx"
        self.log = folder / f"{fingerprint}.log"

    def write(self, index: FileIndex, centre: NDArray[np.float32], header: SnapshotHeader) -> None:
        """Put a base in place, whole or not at all, and drop the log, which belongs to the former base."""
        payload = _bytes_of(centre) + index.as_bytes()
        self.base.parent.mkdir(parents=True, exist_ok=True)
        for stale in self.base.parent.glob(f"{self.base.name}.*.tmp"):  # left by a process that was killed
            point("index.base.sweep")
            stale.unlink(missing_ok=True)
        draft = self.base.with_name(f"{self.base.name}.{uuid.uuid4().hex}.tmp")
        former = self._files()
        try:
            with draft.open("wb") as file:
                file.write(_framed(_BASE, asdict(header), payload))
                file.flush()
                point("index.base.written")
                os.fsync(file.fileno())
            point("index.base.synced")
            draft.replace(self.base)
            point("index.base.placed")
            self.log.unlink(missing_ok=True)
            self._remove_rows(former)
            point("index.base.cut")
            sync_folder(self.base.parent)
            point("index.base.after")
        finally:
            draft.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the snapshot, which nobody asks for any more, but no rows that another process may be writing."""
        former = self._files()
        for file in (self.base, self.log, *self.base.parent.glob(f"{self.base.name}.*.tmp")):
            file.unlink(missing_ok=True)
        self._remove_rows(former)

    def discard(self, index: FileIndex) -> None:
        """Remove what was made for an index that will not be put in place."""
        for rows in index.files:
            (self.base.parent / rows).unlink(missing_ok=True)

    def append(self, change: Change, since: SnapshotHeader) -> None:
        """Write down a change behind the snapshot that stands at `since`; a killed process leaves a record cut off."""
        fields = {
            "since": since.mark,
            "generation": change.generation,
            "mark": change.mark,
            "removed": change.removed.tolist(),
            "added": change.ids.tolist(),
        }
        record = _framed(_RECORD, fields, _bytes_of(change.rows))
        is_new = not self.log.exists()
        with self.log.open("ab") as file:
            point("index.log.before")
            file.write(record + _END.pack(len(record) + _END.size, _RECORD))
            file.flush()
            point("index.log.written")
            os.fsync(file.fileno())
        point("index.log.synced")
        if is_new:
            sync_folder(self.log.parent)
        point("index.log.after")

    def place_for_rows(self) -> Path:
        """Return a new file's name, for rows that an index keeps beside its snapshot."""
        return self.base.with_name(f"{self.base.stem}.{uuid.uuid4().hex}{ROWS}")

    def head(self) -> SnapshotHeader | None:
        """Return where the files stand by their first and last heads alone; None where that cannot be told.

        It takes the same time whatever they hold, and is good to append by: who reads the rows checks all of them.
        """
        try:
            with self.base.open("rb") as file:
                header = _base_header(_read_head(file, _BASE)[0])
            if not self.log.exists():
                return header
            with self.log.open("rb") as file:
                first, _ = _read_head(file, _RECORD)
                last = _last_record(file)
        except (SnapshotDamagedError, OSError, struct.error, ValueError, KeyError):
            return None
        if first.get("since") != header.mark:
            return None  # the log of a former base
        return replace(header, generation=last["generation"], mark=last["mark"])

    def _remove_rows(self, former: Collection[str]) -> None:
        """Remove files of rows that no snapshot names any more, and those that nobody can be making."""
        kept = self._files()
        for rows in self.base.parent.glob(f"{self.base.stem}.*{ROWS}"):
            is_old = rows.name in former or time.time() - rows.stat().st_mtime > BEING_MADE
            if is_old and rows.name not in kept:
                rows.unlink(missing_ok=True)

    def _files(self) -> Sequence[str]:
        """Return the files of the snapshot that is there, if one is, also of a former release."""
        try:
            with self.base.open("rb") as file:
                return _base_header(_read_head(file, _BASE, *_OLD)[0]).files
        except (SnapshotDamagedError, OSError, struct.error, ValueError, KeyError):
            return ()

    def log_size(self) -> int:
        """Return the bytes of the log."""
        return self.log.stat().st_size if self.log.exists() else 0

    def base_size(self) -> int:
        """Return the bytes of the base."""
        return self.base.stat().st_size if self.base.exists() else 0

    def read(self, kinds: Mapping[str, type[FileIndex]]) -> Snapshot:
        """Return the snapshot, every byte of it checked; a log is followed as far as it is whole.

        Raises:
            SnapshotDamagedError: the base is not whole.
            SnapshotOutdatedError: it is of a former release.
            OSError: there is none.
        """
        body = memoryview(self.base.read_bytes())
        if bytes(body[: len(_BASE)]) in _OLD:
            raise SnapshotOutdatedError
        fields, payload = _checked(body, _BASE)
        header = _base_header(fields)
        width = 4 * header.dimension
        if header.kind not in kinds or len(payload) < width:
            raise SnapshotDamagedError(f"an index of the kind {header.kind}")
        centre = np.frombuffer(payload[:width], "<f4").astype(np.float32)
        if hash_of(centre) != header.centre:
            raise SnapshotDamagedError("another centre than its header says")
        snapshot = Snapshot(header, centre, kinds[header.kind].from_bytes(bytes(payload[width:]), self.base.parent))
        if self.log.exists():
            self._follow(snapshot)
        return snapshot

    def _follow(self, snapshot: Snapshot) -> None:
        """Bring a snapshot to where its log ends: the last word on each id counts."""
        latest: dict[int, NDArray[np.float32] | None] = {}  # None: removed
        header = snapshot.header
        try:
            for fields, payload in _records(memoryview(self.log.read_bytes())):
                if fields["since"] != header.mark:
                    break  # of a former base, or by a writer that had not seen what came between
                rows = np.frombuffer(payload, "<f4").reshape(len(fields["added"]), header.dimension)
                latest |= dict.fromkeys(fields["removed"])
                latest |= dict(zip(fields["added"], rows, strict=True))
                header = replace(header, generation=fields["generation"], mark=fields["mark"])
        except (SnapshotDamagedError, ValueError, KeyError, TypeError):
            snapshot.is_whole = False
        removed = [i for i, row in latest.items() if row is None]
        added = {i: row for i, row in latest.items() if row is not None}
        snapshot.index.remove(np.array(removed, np.int64))
        if added:
            snapshot.index.add(np.array(list(added), np.int64), np.stack(list(added.values())).astype(np.float32))
        snapshot.header = header


def hash_of(centre: NDArray[np.float32]) -> str:
    """Return what tells a centre from others, to the last bit."""
    return hashlib.sha256(_bytes_of(centre)).hexdigest()


def _bytes_of(numbers: NDArray[np.float32]) -> bytes:
    return np.ascontiguousarray(numbers, "<f4").tobytes()


def _framed(magic: bytes, fields: dict[str, Any], payload: bytes) -> bytes:
    head = json.dumps({**fields, "sha256": hashlib.sha256(payload).hexdigest(), "size": len(payload)}).encode()
    return _FRAME.pack(magic, len(head), hashlib.sha256(head).digest()) + head + payload


def _read_head(file: Any, *magic: bytes) -> tuple[dict[str, Any], int]:  # noqa: ANN401 - an open file
    """Return the fields of the frame that a file stands at, and how long its payload is."""
    found, size, sha256 = _FRAME.unpack(file.read(_FRAME.size))
    if found not in magic or size > _MOST_HEAD:
        raise SnapshotDamagedError("not a snapshot")
    return _head_fields(file.read(size), sha256)


def _head_fields(head: bytes | memoryview, sha256: bytes) -> tuple[dict[str, Any], int]:
    if hashlib.sha256(head).digest() != sha256:
        raise SnapshotDamagedError("header does not match its checksum")
    fields: dict[str, Any] = json.loads(bytes(head))
    return fields, int(fields["size"])


def _checked(body: memoryview, magic: bytes) -> tuple[dict[str, Any], memoryview]:
    """Return the fields and the payload of a frame; raise `SnapshotDamagedError` where it is not whole."""
    try:
        found, size, sha256 = _FRAME.unpack(body[: _FRAME.size])
        if found != magic:
            raise SnapshotDamagedError("not a snapshot")
        fields, length = _head_fields(body[_FRAME.size : _FRAME.size + size], sha256)
        payload = body[_FRAME.size + size :]
        if len(payload) != length or hashlib.sha256(payload).hexdigest() != fields["sha256"]:
            raise SnapshotDamagedError("content does not match its checksum")
    except (struct.error, ValueError, KeyError, TypeError) as error:
        raise SnapshotDamagedError(str(error)) from error
    return fields, payload


def _last_record(file: Any) -> dict[str, Any]:  # noqa: ANN401 - an open file
    """Return the fields of the record that ends a log."""
    end = file.seek(-_END.size, os.SEEK_END)
    length, magic = _END.unpack(file.read(_END.size))
    if magic != _RECORD or not _END.size < length <= end + _END.size:
        raise SnapshotDamagedError("a record is cut off")
    file.seek(end + _END.size - length)
    return _checked(memoryview(file.read(length - _END.size)), _RECORD)[0]


def _records(body: memoryview) -> Iterator[tuple[dict[str, Any], memoryview]]:
    """Yield the records of a log; raise `SnapshotDamagedError` at the first that is not whole."""
    start = 0
    while start < len(body):
        try:
            magic, size, sha256 = _FRAME.unpack(body[start : start + _FRAME.size])
            if magic != _RECORD:
                raise SnapshotDamagedError("not a record")
            _, length = _head_fields(body[start + _FRAME.size : start + _FRAME.size + size], sha256)
        except (struct.error, ValueError, KeyError, TypeError) as error:
            raise SnapshotDamagedError(str(error)) from error
        end = start + _FRAME.size + size + length
        if bytes(body[end : end + _END.size]) != _END.pack(end + _END.size - start, _RECORD):
            raise SnapshotDamagedError("a record is cut off")
        yield _checked(body[start:end], _RECORD)
        start = end + _END.size


def _base_header(fields: dict[str, Any]) -> SnapshotHeader:
    try:
        return SnapshotHeader(**{key: value for key, value in fields.items() if key not in ("sha256", "size")})
    except TypeError as error:
        raise SnapshotDamagedError(str(error)) from error
