"""What goes with a change of a space's vectors, in the same transaction: its mark, its log, the epoch of its centre."""

import contextlib
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Select, delete, func, insert, select, update
from sqlalchemy.orm import Session

from registry.catalog.queries import AT_ONCE, checked_numbers, is_newest, sealed, unsealed
from registry.catalog.tables import Embedding, Entry, Space, VectorChange, Version
from registry.errors import IntegrityError
from registry.kinds import EntryKind
from registry.spaces.centring import FEW, GROWN, LEAST_TO_CENTRE, Centring
from registry.spaces.spec import SpaceSpec

KEPT = 100_000  # changes, of all spaces: an index that has missed more is built anew
_VECTOR = (Entry.name, Embedding.vector, Embedding.sha256)
_NO_VECTOR = 0  # the id by which the log of an epoch begins: what is built now can be followed from here
_UNSEEN = {"synchronize_session": False}  # the objects in a session are not told of what a statement changes


def log_change(session: Session, space_id: int, embedding_ids: Iterable[int]) -> None:
    """Mark a space as changed, and say which vectors came, went or were replaced."""
    mark_changed(session, space_id)
    rows = [{**_row(session, space_id), "embedding_id": embedding_id} for embedding_id in embedding_ids]
    if rows:
        session.execute(insert(VectorChange), rows)
        trim_log(session)


def mark_changed(session: Session, space_id: int) -> None:
    """Mark a space as changed by this transaction."""
    session.execute(update(Space).where(Space.id == space_id).values(session.info), execution_options=_UNSEEN)


def trim_log(session: Session) -> None:
    """Forget the oldest changes, where there are more than are kept."""
    last = session.scalar(select(func.max(VectorChange.id))) or 0
    session.execute(delete(VectorChange).where(VectorChange.id <= last - KEPT))


def restart_logs(session: Session) -> None:
    """Forget what changed in every space: all indices are built anew, and followed from here."""
    session.execute(delete(VectorChange))
    for space_id in session.scalars(select(Space.id)).all():
        log_change(session, space_id, [_NO_VECTOR])


def log_change_of(session: Session, versions: Select[int]) -> None:
    """Log for each space that the vectors of these versions change, before they go or become old ones."""
    touched: dict[int, list[int]] = defaultdict(list)
    query = select(Embedding.space_id, Embedding.id).where(Embedding.version_id.in_(versions))
    for space_id, embedding_id in session.execute(query):
        touched[space_id].append(embedding_id)
    for space_id, ids in touched.items():
        log_change(session, space_id, ids)


def count_new(session: Session, space: Space, version_id: int) -> None:
    """Take note of a vector that has just come, and begin a new epoch if the tasks have grown enough."""
    kind = session.scalar(select(Entry.kind).join(Version).where(Version.id == version_id))
    count_tasks(session, space, int(kind is EntryKind.TASK))


def count_tasks(session: Session, space: Space, more: int) -> None:
    """Take note of so many tasks whose vectors have just come, and begin a new epoch if they have grown enough."""
    space.tasks_at_most += more
    if not more or not SpaceSpec.from_document(space.spec).facets.are_centred:
        return
    due = FEW if space.centred_on is None else GROWN * space.centred_on
    if space.tasks_at_most < due:
        return
    # The number was a bound, for tasks may have gone since; counting all of them each time would take ever longer.
    space.tasks_at_most = session.scalar(_tasks_of(space.id, func.count(Embedding.id))) or 0
    if space.tasks_at_most >= due:
        with contextlib.suppress(IntegrityError):  # of another vector: this one is kept, and its reader is told
            begin_epoch(session, space)


def begin_epoch(session: Session, space: Space) -> None:
    """Freeze the centre of a space at the mean of its tasks, or let it move again where these are few.

    The tasks are summed in the order of their names, so that it does not depend on which came first.
    """
    count, mean = _mean(session, space, _tasks_of(space.id, *_VECTOR).order_by(Entry.name))
    is_frozen = count >= FEW
    space.epoch += 1
    space.centre = sealed(mean.astype("<f4").tobytes()) if is_frozen else None
    space.centred_on = count if is_frozen else None
    space.tasks_at_most = count
    session.execute(delete(VectorChange).where(VectorChange.space_id == space.id))
    session.execute(insert(VectorChange), [{**_row(session, space.id), "embedding_id": _NO_VECTOR}])


def centring_of(session: Session, space: Space) -> Centring:
    """Return how the vectors of a space are compared now; raise `IntegrityError` where its centre is damaged."""
    facets = SpaceSpec.from_document(space.spec).facets
    if not facets.are_centred:
        return Centring(facets, np.zeros(space.dimension, np.float32), space.epoch)
    if space.centre is None:
        return Centring(facets, _moving_centre(session, space), space.epoch)
    body = unsealed(space.centre)
    if body is None or len(body) != 4 * space.dimension:
        raise IntegrityError(f"The centre of space {space.name!r} is damaged: run 'fute index rebuild --recentre'.")
    return Centring(facets, np.frombuffer(body, "<f4").astype(np.float32), space.epoch)


def _moving_centre(session: Session, space: Space) -> NDArray[np.float32]:
    """Return the mean of the tasks, which are few, else of all vectors; see `spaces.centring.centre_of`."""
    for query in (_tasks_of(space.id, *_VECTOR), _newest_of(space.id, *_VECTOR)):
        count, mean = _mean(session, space, query.order_by(Embedding.id))
        if count >= LEAST_TO_CENTRE:
            return mean
    return np.zeros(space.dimension, np.float32)


def _mean(session: Session, space: Space, query: Select[Any]) -> tuple[int, NDArray[np.float32]]:
    """Return how many vectors a query finds, and their mean, (dimension,), summed one by one in double precision."""
    total, count = np.zeros(space.dimension), 0
    for name, body, sha256 in session.execute(query.execution_options(yield_per=AT_ONCE)):
        total += checked_numbers(body, sha256, name, space.name)
        count += 1
    return count, np.asarray(total / max(count, 1), np.float32)


def _row(session: Session, space_id: int) -> dict[str, Any]:
    return {"space_id": space_id, "mark": session.info["mark"]}


def _newest_of(space_id: int, *columns: Any) -> Select[Any]:  # noqa: ANN401 - any columns
    return (
        select(*columns)
        .select_from(Embedding)
        .join(Version, Version.id == Embedding.version_id)
        .join(Entry, Entry.id == Version.entry_id)
        .where(Embedding.space_id == space_id, is_newest())
    )


def _tasks_of(space_id: int, *columns: Any) -> Select[Any]:  # noqa: ANN401 - any columns
    return _newest_of(space_id, *columns).where(Entry.kind == EntryKind.TASK)
