"""An index on disk: a header that says what it belongs to, a checksum, and FAISS's own bytes.

FAISS's format has no checksum and loads damaged files in silence, so nothing is read before it is verified.
"""

import contextlib
import hashlib
import json
import os
import struct
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from registry.index.faiss_flat import VectorIndex, load_faiss
from registry.spaces.spec import Facet

_MAGIC = b"FUTEIDX1"


class SnapshotDamagedError(Exception):
    """The file is not a whole snapshot. Caught where the index is rebuilt; never shown to a user."""


@dataclass(frozen=True)
class SnapshotHeader:
    """What a snapshot must match to be used."""

    fingerprint: str
    generation: int
    count: int
    dimension: int
    mark: str | None = None  # of the change, unknown of what an older release wrote


def write_snapshot(path: Path, index: VectorIndex, header: SnapshotHeader) -> None:
    """Put a snapshot in place, whole or not at all: temporary file, fsync, replace, fsync of the folder."""
    payload = index.centre.astype("<f4").tobytes() + load_faiss().serialize_index(index.faiss_index).tobytes()
    head = json.dumps({**asdict(header), "sha256": hashlib.sha256(payload).hexdigest()}).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    for stale in path.parent.glob(f"{path.name}.*.tmp"):  # left by a process that was killed
        stale.unlink(missing_ok=True)
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with draft.open("wb") as file:
            file.write(_MAGIC + struct.pack("<I", len(head)) + hashlib.sha256(head).digest() + head + payload)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def read_snapshot(path: Path, facets: Sequence[Facet]) -> tuple[SnapshotHeader, VectorIndex]:
    """Return a snapshot's header and index; raise `SnapshotDamagedError`, or OSError where it is not there."""
    body = path.read_bytes()
    try:
        if body[:8] != _MAGIC:
            raise SnapshotDamagedError("not a snapshot")
        (size,) = struct.unpack("<I", body[8:12])
        head, payload = body[44 : 44 + size], body[44 + size :]
        if hashlib.sha256(head).digest() != body[12:44]:
            raise SnapshotDamagedError("header does not match its checksum")
        fields = json.loads(head)
        if hashlib.sha256(payload).hexdigest() != fields.pop("sha256"):
            raise SnapshotDamagedError("content does not match its checksum")
        header = SnapshotHeader(**fields)
    except (struct.error, ValueError, TypeError, KeyError) as error:
        raise SnapshotDamagedError(str(error)) from error
    width = 4 * header.dimension
    centre = np.frombuffer(payload[:width], "<f4").astype(np.float32)
    index = load_faiss().deserialize_index(np.frombuffer(payload[width:], np.uint8))
    return header, VectorIndex(index, centre, facets)


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError):  # some file systems cannot sync a folder; the rename stands anyway
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
