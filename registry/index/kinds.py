"""Which kind of index a space has: by the number of its vectors, or as the registry's owner chose."""

from pathlib import Path

from registry.errors import InputError, StorageError
from registry.files.writing import written
from registry.index.contract import FileIndex
from registry.index.faiss_compressed import FaissCompressed
from registry.index.faiss_flat import FaissFlat

KINDS: dict[str, type[FileIndex]] = {kind.kind: kind for kind in (FaissFlat, FaissCompressed)}
AUTOMATIC = "auto"
MANY = 10_000  # vectors: among fewer every row is looked at in full, which takes 4 ms at most
CHOICE = "kind"  # the file of a choice


class IndexChoice:
    """The choice of one registry, in the folder of its indexes."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / CHOICE

    @property
    def chosen(self) -> str:
        """The kind that was chosen, or `auto`; what cannot be read is no choice."""
        try:
            found = self._path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return AUTOMATIC
        return found if found in KINDS else AUTOMATIC

    def choose(self, kind: str) -> None:
        """Keep a choice; raise `InputError` where there is no such kind."""
        if kind != AUTOMATIC and kind not in KINDS:
            raise InputError(f"No kind of index {kind!r}: there are {', '.join((AUTOMATIC, *KINDS))}.")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"Cannot write {self._path}: {error.strerror}.") from error
        with written(self._path) as draft:
            draft.write_text(kind, encoding="ascii")

    def of(self, vectors: int) -> type[FileIndex]:
        """Return the kind of index that so many vectors get."""
        automatic = FaissCompressed if vectors >= MANY else FaissFlat
        return KINDS.get(self.chosen, automatic)

    def allows(self, kind: str) -> bool:
        """Say whether an index of this kind need not be made anew."""
        return self.chosen in (AUTOMATIC, kind)
