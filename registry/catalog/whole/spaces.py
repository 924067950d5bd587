"""Merges spaces and their vectors: a space is known by its fingerprint, whatever it is called."""

import hashlib

import numpy as np
from sqlalchemy import select, update

from registry.catalog.changes import count_new, log_change
from registry.catalog.queries import named, new_id, sealed
from registry.catalog.tables import Embedding, Space, State, Version
from registry.catalog.whole.fields import Fields
from registry.catalog.whole.merge import Merge
from registry.catalog.whole.pieces import Piece, Section
from registry.errors import InputError
from registry.kinds import EMBEDDABLE, EntryKind
from registry.names import checked_name
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import checked_vector


def merge_space(merge: Merge, piece: Piece) -> None:
    """Merge a space; a new one brings its epoch and its centre, a known one keeps its own."""
    fields = Fields.of(piece)
    name, fingerprint = _checked_name(fields), fields.sha256("fingerprint")
    corpus = None if fields.document.get("corpus") is None else fields.version("corpus")
    if corpus is not None and merge.leaves_out(Section.SPACES, corpus[0]):
        merge.clashing.add(f"space {name}".casefold())
        return
    known = merge.session.scalar(select(Space).where(Space.fingerprint == fingerprint))
    if known is not None:
        merge.spaces[name] = known
        merge.report.known[Section.SPACES] += 1
        return
    if named(merge.session, Space, name) is not None:
        merge.clash(Section.SPACES, f"space {name!r} is here with other settings", f"space {name}")
        return
    settings = _settings(fields, fingerprint)
    space = Space(
        id=new_id(merge.session, Space),
        name=name,
        corpus_version_id=None if corpus is None else _corpus(merge, fields, corpus),
        created_at=fields.time("created_at"),
        epoch=fields.count("epoch"),
        centre=_centre(fields, piece),
        centred_on=None if piece.document.get("centred_on") is None else fields.count("centred_on"),
        tasks_at_most=fields.count("tasks_at_most"),
        **settings,
        **merge.session.info,
    )
    merge.session.add(space)
    merge.session.flush()
    merge.spaces[name] = space
    merge.new_spaces.add(space.id)
    merge.report.added[Section.SPACES] += 1
    if fields.one("current", bool):
        unused = State.current_space.is_(None)
        merge.session.execute(update(State).where(unused).values(current_space=name))


def merge_vector(merge: Merge, piece: Piece) -> None:
    """Merge the vector of a version, with its deviations and provenance."""
    fields = Fields.of(piece)
    (entry, number), name = fields.version("entry"), fields.one("space", str)
    if merge.leaves_out(Section.VECTORS, entry, f"space {name}"):
        return
    if name not in merge.spaces:
        raise fields.fault(f"the space {name[:60]!r} is missing.")
    space, version_id = merge.spaces[name], merge.version_id(fields, (entry, number), *EMBEDDABLE)
    body, apart = _bodies(fields, piece, space)
    held = select(Embedding.sha256).where(Embedding.version_id == version_id, Embedding.space_id == space.id)
    sha256, known = hashlib.sha256(body).hexdigest(), merge.session.scalar(held)
    if known is not None:
        if known == sha256:
            merge.report.known[Section.VECTORS] += 1
        else:
            merge.clash(Section.VECTORS, f"the vector of '{entry}:{number}' in space {name!r} is another here")
        return
    row = Embedding(
        id=new_id(merge.session, Embedding),
        version_id=version_id,
        space_id=space.id,
        vector=body,
        sha256=sha256,
        provenance=fields.one("provenance", dict),
        created_at=fields.time("created_at"),
        deviations=apart,
    )
    merge.session.add(row)
    merge.session.flush()
    merge.vectors.setdefault(space.id, []).append(row.id)
    if space.id not in merge.new_spaces:
        count_new(merge.session, space, version_id)
    merge.report.added[Section.VECTORS] += 1


def log_vectors(merge: Merge) -> None:
    """Tell the indexes of each space which vectors have come."""
    for space_id, ids in merge.vectors.items():
        log_change(merge.session, space_id, ids)


def _checked_name(fields: Fields) -> str:
    name = fields.one("name", str)
    try:
        is_name = checked_name(name) == name
    except InputError as error:
        raise fields.fault(str(error)) from error
    if not is_name:
        raise fields.fault(f"{name[:60]!r} is not the name of a space.")
    return name


def _corpus(merge: Merge, fields: Fields, corpus: tuple[str, int]) -> int:
    """Return the id here of a space's corpus, if the settings are of no other texts: models would be asked those."""
    version_id = merge.version_id(fields, corpus, EntryKind.CORPUS)
    if fields.one("spec", dict)["corpus"] not in (None, merge.session.get_one(Version, version_id).content_hash):
        raise fields.fault(f"{corpus[0]}:{corpus[1]} is not the corpus of these settings.")
    return version_id


def _settings(fields: Fields, fingerprint: str) -> dict[str, object]:
    """Return the columns of a space's settings, if its fingerprint and dimension are of them."""
    document = fields.one("spec", dict)
    try:
        spec = SpaceSpec.from_document(document)
        is_same = spec.fingerprint() == fingerprint and spec.dimension == fields.count("dimension", least=1)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise fields.fault("spec does not have the form of a space's settings.") from error
    if not is_same:
        raise fields.fault("its fingerprint, or its dimension, is not of these settings.")
    return {"fingerprint": fingerprint, "dimension": spec.dimension, "spec": document}


def _centre(fields: Fields, piece: Piece) -> bytes | None:
    centre = piece.arrays.get("centre")
    if centre is None:
        return None
    if centre.dtype != np.float32 or centre.shape != (fields.count("dimension"),) or not np.isfinite(centre).all():
        raise fields.fault("centre is not a vector of the space.")
    return sealed(centre.astype("<f4").tobytes())


def _bodies(fields: Fields, piece: Piece, space: Space) -> tuple[bytes, bytes | None]:
    """Return a vector and its deviations as they are stored."""
    vector, deviations = piece.arrays.get("vector"), piece.arrays.get("deviations")
    if vector is None or vector.dtype != np.float32:
        raise fields.fault("has no vector.")
    try:
        body = checked_vector(vector, space.dimension).astype("<f4").tobytes()
    except InputError as error:
        raise fields.fault(str(error)) from error
    if deviations is None:
        return body, None
    is_sound = deviations.dtype == np.float16 and deviations.ndim == 2 and deviations.shape[1] == space.dimension
    if not is_sound or not len(deviations) or not np.isfinite(deviations).all():
        raise fields.fault("deviations are not numbers of the space.")
    return body, sealed(deviations.astype("<f2").tobytes())
