"""The tables of the catalog. Tables only: no session, no query, no rule."""

import enum
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    Dialect,
    Enum,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeEngine

from registry.errors import IntegrityError
from registry.kinds import EntryKind

NAMING = {  # SQLite can only alter a table whose constraints have names
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


def _folded(column: str) -> Callable[[Any], str]:
    """Return the default of a column: what another holds, in the one case in which names are compared."""

    def fold(context: Any) -> str:  # noqa: ANN401 - of the statement that is executed
        said: str = context.get_current_parameters()[column]
        return said.casefold()

    return fold


class _Stored(TypeDecorator[Any]):
    """A value that is made of what is stored; where none can be made, that is damage."""

    impl: type[TypeEngine[Any]] = Text
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """Return what makes a value of what is stored; it raises `IntegrityError`."""
        make = super().result_processor(dialect, coltype)

        def read(stored: Any) -> Any:  # noqa: ANN401 - whatever is stored
            try:
                return stored if make is None else make(stored)
            except (ValueError, LookupError, TypeError) as error:
                told = f"The catalog holds {str(stored)[:60]!r}, which cannot be read"
                raise IntegrityError(f"{told}: run 'fute repair'.") from error

        return read


class _Json(_Stored):
    impl = JSON
    cache_ok = True


class _DateTime(_Stored):
    impl = DateTime
    cache_ok = True


class _Choice(_Stored):
    impl = Enum
    cache_ok = True


Name = Annotated[str, mapped_column(String(260))]
Sha256 = Annotated[str, mapped_column(String(64))]
Document = Annotated[dict[str, Any], mapped_column(_Json)]
Time = Annotated[datetime, mapped_column(_DateTime(timezone=True))]


class JobState(enum.StrEnum):
    """How far an embedding job is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


def _by_value(kind: type[enum.StrEnum], name: str) -> _Choice:
    return _Choice(
        kind,
        name=name,
        native_enum=False,
        length=20,
        values_callable=lambda k: [member.value for member in k],
    )


class Base(DeclarativeBase):
    """Base of all tables."""

    metadata = MetaData(naming_convention=NAMING)

    checksum: Mapped[int | None] = mapped_column(deferred=True)  # of the row; the engine writes it, and reads it


class State(Base):
    """One row: who this registry is, and the counter that every change raises."""

    __tablename__ = "state"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(String(32))
    generation: Mapped[int]
    current_space: Mapped[Name | None]  # by name: spaces refer to entries, so a key here would be a cycle
    layout: Mapped[int | None]  # the checksum of the tables as they were made
    last_ids: Mapped[dict[str, int] | None] = mapped_column(_Json)  # by table: an id that was given never comes again


class Entry(Base):
    """A task, model, prompt, prompted model or corpus, by name."""

    __tablename__ = "entries"
    __table_args__ = (Index("ix_entries_kind_name", "kind", "name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[Name] = mapped_column(unique=True)
    folded: Mapped[Name | None] = mapped_column(index=True, default=_folded("name"))  # a name is found in any case
    kind: Mapped[EntryKind] = mapped_column(_by_value(EntryKind, "entry_kind"))
    task_kind: Mapped[str | None] = mapped_column(String(40))
    language: Mapped[str | None] = mapped_column(String(20))
    description: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[Time]


class Tag(Base):
    """A word on an entry, to filter by."""

    __tablename__ = "tags"

    entry_id: Mapped[int] = mapped_column(ForeignKey("entries.id", ondelete="CASCADE"), primary_key=True)
    tag: Mapped[str] = mapped_column(String(64), primary_key=True, index=True)


class Version(Base):
    """One immutable version of an entry."""

    __tablename__ = "versions"
    __table_args__ = (UniqueConstraint("entry_id", "number"), CheckConstraint("number >= 1", name="from_one"))

    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("entries.id", ondelete="CASCADE"))
    number: Mapped[int] = mapped_column(index=True)  # few are more than 1
    content_hash: Mapped[Sha256]
    spec: Mapped[Document]
    created_at: Mapped[Time]


class Alias(Base):
    """A movable name for one version of an entry."""

    __tablename__ = "aliases"

    entry_id: Mapped[int] = mapped_column(ForeignKey("entries.id", ondelete="CASCADE"), primary_key=True)
    alias: Mapped[str] = mapped_column(String(128), primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id", ondelete="CASCADE"), index=True)


class Content(Base):
    """Bytes by the hash of what they hold: examples and corpora, compressed."""

    __tablename__ = "contents"

    sha256: Mapped[Sha256] = mapped_column(primary_key=True)
    size: Mapped[int]  # bytes before compression
    body: Mapped[bytes] = mapped_column(LargeBinary)  # zlib


class VersionContent(Base):
    """Which contents a version consists of, by role: train, test, texts."""

    __tablename__ = "version_contents"

    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(String(20), primary_key=True)
    sha256: Mapped[Sha256] = mapped_column(ForeignKey("contents.sha256"), index=True)


class Space(Base):
    """A vector space: everything that two vectors must share to be compared."""

    __tablename__ = "spaces"
    __table_args__ = (CheckConstraint("dimension >= 1", name="has_dimension"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[Name] = mapped_column(unique=True)
    fingerprint: Mapped[Sha256] = mapped_column(unique=True)
    dimension: Mapped[int]
    spec: Mapped[Document]
    corpus_version_id: Mapped[int | None] = mapped_column(ForeignKey("versions.id"))
    generation: Mapped[int]  # of the last change to this space's vectors: what a snapshot must match
    created_at: Mapped[Time]
    mark: Mapped[str | None] = mapped_column(String(32))  # of that change alone, also after a backup was restored
    # What is subtracted before vectors are compared, see registry/spaces/centring.py:
    epoch: Mapped[int] = mapped_column(server_default="0")
    centre: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)  # float32, little endian; None: it moves
    centred_on: Mapped[int | None]  # how many tasks a frozen centre is the mean of
    tasks_at_most: Mapped[int] = mapped_column(server_default="0")  # that have vectors: counted when it matters


class VectorChange(Base):
    """One vector that came, went or was replaced, in the order of the changes: what an index follows.

    A new epoch begins with one row, of no vector: no index of the former epoch can be followed.
    """

    __tablename__ = "vector_changes"
    __table_args__ = (Index("ix_vector_changes_space_id_mark", "space_id", "mark"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    space_id: Mapped[int] = mapped_column(ForeignKey("spaces.id", ondelete="CASCADE"))
    mark: Mapped[str] = mapped_column(String(32))  # of the change that it was part of
    embedding_id: Mapped[int]  # which may be gone by now


class Embedding(Base):
    """The vector of one version in one space, with its provenance, in one row."""

    __tablename__ = "embeddings"
    __table_args__ = (
        UniqueConstraint("version_id", "space_id"),
        CheckConstraint("length(vector) > 0 AND length(vector) % 4 = 0", name="vector_is_float32"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id", ondelete="CASCADE"))
    space_id: Mapped[int] = mapped_column(ForeignKey("spaces.id", ondelete="CASCADE"), index=True)
    vector: Mapped[bytes] = mapped_column(LargeBinary)  # float32, little endian
    sha256: Mapped[Sha256]
    provenance: Mapped[Document]
    created_at: Mapped[Time]
    # How the vector differs on halves of its data, float16 (splits, dimension), little endian:
    deviations: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)


class PredictionChunk(Base):
    """What a black box answered on a run of a corpus: one chunk, kept as soon as it is known."""

    __tablename__ = "predictions"
    __table_args__ = (UniqueConstraint("version_id", "corpus_version_id", "start"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id", ondelete="CASCADE"))
    corpus_version_id: Mapped[int] = mapped_column(ForeignKey("versions.id", ondelete="CASCADE"), index=True)
    start: Mapped[int]  # row of the corpus where the chunk begins; -1: inputs that say nothing
    count: Mapped[int]
    answers: Mapped[list[str]] = mapped_column(_Json)  # the texts of the answers, one per column
    probabilities: Mapped[bytes] = mapped_column(LargeBinary)  # float32 (count, answers), little endian
    prompt_prob: Mapped[bytes | None] = mapped_column(LargeBinary)  # float32 (count), where a prompt's own is known
    # Why a row has no answer, uint8 (count), see registry/data/predictions.py; None where all have one:
    unanswered: Mapped[bytes | None] = mapped_column(LargeBinary)
    # What was written to each row, a JSON list of texts and nulls, zlib; None where nothing was written:
    replies: Mapped[bytes | None] = mapped_column(LargeBinary)
    sha256: Mapped[Sha256]  # of the four


class Job(Base):
    """One embedding to be made: who works on it, or what came of it."""

    __tablename__ = "jobs"
    __table_args__ = (UniqueConstraint("version_id", "space_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id", ondelete="CASCADE"))
    space_id: Mapped[int] = mapped_column(ForeignKey("spaces.id", ondelete="CASCADE"), index=True)
    state: Mapped[JobState] = mapped_column(_by_value(JobState, "job_state"), index=True)
    owner: Mapped[str] = mapped_column(String(200))  # the worker, see catalog/jobs.py
    lease_until: Mapped[Time | None]  # of a running job; None where it is free, and of an older release
    attempts: Mapped[int]
    error: Mapped[str | None] = mapped_column(Text)
    updated_at: Mapped[Time]


class Transfer(Base):
    """A measured outcome: the score on the target after starting from the source, once for each run of it."""

    __tablename__ = "transfers"
    __table_args__ = (UniqueConstraint("model", "adaptation", "target", "source", "run"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    model: Mapped[str] = mapped_column(String(128))
    adaptation: Mapped[str] = mapped_column(String(128))
    target: Mapped[Name] = mapped_column(index=True)
    source: Mapped[Name]
    folded_target: Mapped[Name | None] = mapped_column(index=True, default=_folded("target"))
    folded_source: Mapped[Name | None] = mapped_column(index=True, default=_folded("source"))
    score_mean: Mapped[float]
    score_std: Mapped[float | None]
    seeds: Mapped[int | None]
    run: Mapped[str] = mapped_column(String(128), server_default="")  # an older release's rows are first runs
    recorded_at: Mapped[Time | None]  # unknown of what an older release recorded
