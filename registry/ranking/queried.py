"""Which vector does a query mean? An entry's, or one from a file."""

from dataclasses import replace

from registry.catalog import Catalog, EmbeddingRecord, EntryRecord, SpaceRecord
from registry.data.models import is_language_model
from registry.data.vectors import VectorFile
from registry.errors import InputError, NotEmbeddedError, SpaceMismatchError
from registry.kinds import EMBEDDABLE, EntryKind
from registry.names import Reference, checked_text, kind_named
from registry.packs.shelf import Shelf
from registry.spaces.spec import IMPORTED
from registry.spaces.vectors import checked_vector

OUTSIDE = -1  # the id of a vector that comes from a file


def embedding_of(catalog: Catalog, query: str | VectorFile, space: SpaceRecord) -> EmbeddingRecord:
    """Return the vector of a space that a query means: an entry's, or one that was exported from the same space.

    Raises:
        InputError: the entry is nothing that has a vector, or the file holds several.
        NotEmbeddedError: the entry has no vector in the space.
        SpaceMismatchError: the vector is of another space.
    """
    if isinstance(query, VectorFile):
        return _outside(query, space)
    reference = Reference.parse(checked_text(query, "query"))
    found = catalog.embeddings.newest(reference.name, space.id) if reference.version is None else None
    if found is not None:
        return found
    entry = _entry_of(catalog, query)
    embedding = catalog.embeddings.get(entry.version_id, space.id)
    if embedding is not None:
        return embedding
    if entry.kind not in EMBEDDABLE:
        raise InputError(f"{query!r} is a {entry.kind.value}: only tasks and models have vectors.")
    if entry.kind is EntryKind.MODEL and is_language_model(entry.spec):
        one = f"{entry.name}@PROMPT"
        raise InputError(f"{query!r} answers under a prompt, and has a vector for each: name one, {one!r}.")
    if space.spec["method"] == IMPORTED:
        raise InputError(f"{query!r} has no vector in space {space.name!r}: bring it in with 'fute vectors import'.")
    raise NotEmbeddedError(query, space.name, catalog.embeddings.spaces_of(entry.version_id))


def _entry_of(catalog: Catalog, query: str) -> EntryRecord:
    """Return the version of an entry that a query means; a pack may be called as an entry is, and gives way."""
    try:
        return catalog.entries.get(query)
    except InputError as error:
        pack, colon, task = query.partition(":")
        if not colon or pack not in Shelf(catalog.database.location.folder).names():
            raise
        told = f"{query!r} is a task of the pack {pack!r}: as a query it has to be registered ({task})."
        raise InputError(told) from error


def as_asked(catalog: Catalog, query: str | VectorFile, target: EmbeddingRecord) -> EmbeddingRecord:
    """Return a target under `NAME:VERSION` where an older version of it was asked for, else as it is."""
    if not isinstance(query, str) or Reference.parse(query).version is None:
        return target
    entry, newest = catalog.entries.get(query), catalog.entries.get(target.name)
    is_older = entry.version != newest.version
    return replace(target, name=f"{entry.name}:{entry.version}") if is_older else target


def _outside(query: VectorFile, space: SpaceRecord) -> EmbeddingRecord:
    """Take a vector from a file as a query, if it is of this very space."""
    if query.fingerprint.startswith(f"{space.fingerprint},"):
        raise SpaceMismatchError("The vector is centred, and no query: export it without --centred.")
    if query.fingerprint != space.fingerprint:
        raise SpaceMismatchError(
            f"The vector is of space {query.fingerprint[:12]}, not of {space.name!r} ({space.fingerprint[:12]}): "
            "vectors of different spaces cannot be compared; embed it in this space, or name its own with --space."
        )
    if len(query.names) != 1:
        raise InputError(
            f"One vector is needed as a query, not {len(query.names)}: write it with 'space export --entry NAME'."
        )
    vector = checked_vector(query.matrix[0], space.dimension)
    return EmbeddingRecord(OUTSIDE, query.names[0], kind_named(query.kinds[0]), vector, {})
