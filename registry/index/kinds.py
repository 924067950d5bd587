"""Which kind of index a space has: by the number of its vectors, or as the registry's owner chose."""

import os
from pathlib import Path
from urllib.parse import urlsplit

from registry.errors import InputError, StorageError
from registry.files.writing import written
from registry.index.contract import FileIndex
from registry.index.faiss_compressed import FaissCompressed
from registry.index.faiss_flat import FaissFlat

KINDS: dict[str, type[FileIndex]] = {kind.kind: kind for kind in (FaissFlat, FaissCompressed)}
AUTOMATIC = "auto"
MILVUS, PGVECTOR = "milvus", "pgvector"
SERVED = (MILVUS, PGVECTOR)  # the kinds that lie in a server
NAMES = (AUTOMATIC, *KINDS, *SERVED)
MANY = 10_000  # vectors: among fewer every row is looked at in full, which takes 4 ms at most
CHOICE, ADDRESS = "kind", "milvus"  # the files of a choice, and of the server's address
ENVIRONMENT = "FUTE_MILVUS"  # the variable that holds an address, before the file does


class IndexChoice:
    """The choice of one registry, in the folder of its indexes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def chosen(self) -> str:
        """The kind that was chosen, or `auto`; what cannot be read is no choice."""
        found = self._read(CHOICE)
        return found if found in NAMES else AUTOMATIC

    @property
    def is_served(self) -> bool:
        """Whether indexes lie in a server."""
        return self.chosen in SERVED

    @property
    def address(self) -> str:
        """The address of the server: what $FUTE_MILVUS says, else what was chosen.

        Raises:
            InputError: there is none, or it is none.
        """
        return checked_address(os.environ.get(ENVIRONMENT) or self._read(ADDRESS))

    def choose(self, kind: str, address: str | None = None) -> None:
        """Keep a choice; raise `InputError` where there is no such kind, or it has no such address."""
        if kind not in NAMES:
            raise InputError(f"No kind of index {kind!r}: there are {', '.join(NAMES)}.")
        if address is not None and kind != MILVUS:
            where = "the registry's own database" if kind == PGVECTOR else "files"
            raise InputError(f"An index of the kind {kind!r} has no address: it lies in {where}.")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"Cannot write {self._folder}: {error.strerror}.") from error
        if address is not None:
            self._write(ADDRESS, checked_address(address))
        self._write(CHOICE, kind)

    def of(self, vectors: int) -> type[FileIndex]:
        """Return the kind of index in files that so many vectors get."""
        automatic = FaissCompressed if vectors >= MANY else FaissFlat
        return KINDS.get(self.chosen, automatic)

    def allows(self, kind: str) -> bool:
        """Say whether an index of this kind in files need not be made anew."""
        return self.chosen in (AUTOMATIC, *SERVED, kind)

    def _read(self, name: str) -> str:
        try:
            return (self._folder / name).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def _write(self, name: str, text: str) -> None:
        with written(self._folder / name) as draft:
            draft.write_text(text, encoding="utf-8")


def checked_address(text: str) -> str:
    """Return the address of a Milvus server, or the whole path of milvus-lite's file.

    Raises:
        InputError: it is neither, or it holds a password, which would be written down.
    """
    mend = "give http://HOST:PORT, or the path of a file that ends in .db, by --address or $FUTE_MILVUS."
    if not text:
        raise InputError(f"Where is Milvus? No address is known: {mend}")
    if "://" not in text:
        if "\0" in text or not text.endswith(".db") or not Path(text).absolute().parent.is_dir():
            raise InputError(f"{text[:60]!r} is no address of Milvus: {mend}")
        return str(Path(text).absolute())
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InputError(f"Not an address of Milvus ({error}): {mend}") from error
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise InputError(
            "The address of Milvus is kept in a file, and holds no secret: give a token by $FUTE_MILVUS_TOKEN."
        )
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise InputError(f"Not an address of Milvus: {mend}")
    return text
