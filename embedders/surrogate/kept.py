"""Features of a corpus, kept in the user's cache: a further model on the same texts does not wait for the surrogate.

All black boxes of a space are observed on one corpus, whose features take the surrogate seconds, on a laptop half a
minute, and were worked out anew in each run. A file holds one table. Its name tells the texts and everything that the
numbers depend on, so what is found is what would be worked out here and now, to the last bit. Whoever deletes the
folder loses nothing but time; of what was not used for longest, so much is deleted that `MOST` remains.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from registry.data.inputs import Input
from registry.errors import StorageError
from registry.files.writing import written

MOST = 2**30  # bytes of all tables together
ENDING = ".features"
FORMAT = 1  # another number where the same texts get other features from the same surrogate
DIGEST = hashlib.sha256().digest_size  # bytes, before the numbers

Table = NDArray[np.float32]


def user_cache(what: str) -> Path | None:
    """Return the folder in the user's cache where something is kept that can be made again; None without a home."""
    try:
        return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fute" / what
    except RuntimeError:  # a user without a name, in a container
        return None


class KeptFeatures:
    """Tables of features, (texts, hidden), in a folder. What cannot be read or written is worked out."""

    def __init__(self, folder: Path, made_by: Mapping[str, object]) -> None:
        """`made_by`: all that the numbers depend on, beside the texts."""
        self._folder = folder
        self._made_by = dict(made_by)

    def table(self, texts: Sequence[Input], work_out: Callable[[], Table]) -> Table:
        """Return the features of texts, as they are kept, or else worked out and kept."""
        place = self._folder / f"{self._key(texts)}{ENDING}"
        found = _read(place, len(texts))
        if found is None:
            found = work_out()
            with contextlib.suppress(OSError, StorageError):
                self._write(place, found)
        return found

    def _key(self, texts: Sequence[Input]) -> str:
        told = json.dumps([FORMAT, self._made_by, [[text, pair] for text, pair in texts]], sort_keys=True)
        return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()

    def _write(self, place: Path, table: Table) -> None:
        body = np.ascontiguousarray(table, "<f4").tobytes()
        if len(body) > MOST // 4:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # features tell something of the texts
        self._make_room(len(body))
        with written(place) as draft:
            draft.touch(mode=0o600)
            draft.write_bytes(hashlib.sha256(body).digest() + body)

    def _make_room(self, more: int) -> None:
        """Delete what was not used for longest."""
        kept = sorted((path.stat().st_mtime, path.stat().st_size, path) for path in self._folder.glob(f"*{ENDING}"))
        total = more + sum(size for _, size, _ in kept)
        for _, size, path in kept:
            if total <= MOST:
                return
            path.unlink(missing_ok=True)
            total -= size


def _read(place: Path, count: int) -> Table | None:
    """Return a table of so many rows; None where there is none, or it is not what this user has written."""
    try:
        with place.open("rb") as file:
            is_own = not hasattr(os, "geteuid") or os.fstat(file.fileno()).st_uid == os.geteuid()  # else Windows
            whole = file.read() if is_own else b""
        body = whole[DIGEST:]
        if not count or not body or len(body) % (4 * count) or hashlib.sha256(body).digest() != whole[:DIGEST]:
            return None
        os.utime(place)
    except OSError:
        return None
    return np.frombuffer(body, "<f4").astype(np.float32).reshape(count, -1)
