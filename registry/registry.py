"""The registry as its users see it: register tasks and models, ask what is near."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from registry.catalog import Catalog, EntryRecord, Filter, SpaceRecord
from registry.catalog.database import Database
from registry.catalog.new_entries import new_corpus
from registry.catalog.records import EmbeddingRecord, NewEntry
from registry.data.inputs import Input, parse_corpus, sample_inputs
from registry.data.recordings import RecordedPrompt
from registry.data.signatures import ROLE, Signature
from registry.data.tasks import SPLITS, TaskData, task_of
from registry.data.transfers import TransferRecord, checked_transfer
from registry.data.vectors import VectorFile
from registry.errors import InputError, NotEmbeddedError, SpaceMismatchError
from registry.formats.tasks import write_task
from registry.index.current import Indexes
from registry.index.verify import Verification
from registry.kinds import EntryKind
from registry.location import located
from registry.prompts.importing import PromptReport, import_prompts, new_prompt
from registry.prompts.pairs import is_language_model, recorded_llm
from registry.prompts.prompt import Prompt
from registry.ranking.matches import Comparison, Ranking
from registry.ranking.nearest import EMBEDDABLE, OUTSIDE, SIMILARITY, Asked, nearest
from registry.ranking.uncertainty import standard_error
from registry.results import Table
from registry.sources.likeness import Likeness
from registry.spaces.facets import facet_cosines, similarity_matrix, weights_between
from registry.spaces.spec import SpaceSpec
from registry.spaces.vectors import checked_vector
from registry.views.rows import EntryRow, SpaceRow, Status

if TYPE_CHECKING:
    from registry.prompts.best import Asked as PromptAsked
    from registry.prompts.best import PromptRanking
    from registry.prompts.files import PromptOptions


class Registry:
    """A registry in a folder. Use it as a context manager, or call `close`.

    >>> with Registry.open("fute-registry") as registry:
    ...     registry.nearest("movie_review", kind="task")[:3]
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.catalog = Catalog(folder)
        self._indexes = Indexes(self.catalog, folder / "index")

    @classmethod
    def create(cls, location: str | os.PathLike[str] | None = None) -> "Registry":
        """Make a registry, or open the one that is there. See `open` for the location."""
        folder = located(location)
        Database.create(folder).close()
        return cls(folder)

    @classmethod
    def open(cls, location: str | os.PathLike[str] | None = None) -> "Registry":
        """Open a registry folder: the one given, else $FUTE_REGISTRY, else ./fute-registry.

        Raises:
            NotARegistryError: there is none.
            SchemaError: it was written by another release.
        """
        return cls(located(location))

    def close(self) -> None:
        """Let go of the database. Nothing is lost without it: every change is committed when it returns."""
        self.catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- registering ---------------------------------------------------------------------------------

    def add_task(self, name: str, task: TaskData, *, tags: Sequence[str] = (), replace: bool = False) -> EntryRecord:
        """Register a task; its examples are copied into the catalog. Read one with `formats.tasks.read_task`."""
        return self.catalog.entries.add(
            NewEntry(
                kind=EntryKind.TASK,
                name=name,
                content_hash=task.content_hash(),
                spec=task.spec(),
                contents={**task.contents(), ROLE: Signature.of((*task.train, *task.test)).as_bytes()},
                task_kind=task.kind,
                language=task.language,
                description=task.description,
                tags=tuple(tags),
            ),
            replace=replace,
        )

    def add_model(
        self,
        name: str,
        spec: dict[str, Any],
        *,
        content_hash: str,
        contents: dict[str, bytes] | None = None,
        tags: Sequence[str] = (),
        replace: bool = False,
    ) -> EntryRecord:
        """Register a black box by its description, as `embedders.predictors` makes it."""
        return self.catalog.entries.add(
            NewEntry(EntryKind.MODEL, name, content_hash, spec, contents or {}, tags=tuple(tags)),
            replace=replace,
        )

    def add_prompt(self, name: str, prompt: Prompt, *, tags: Sequence[str] = (), replace: bool = False) -> EntryRecord:
        """Register a prompt; its template is checked, and tried. Raises `TemplateError`."""
        return self.catalog.entries.add(new_prompt(name, prompt, tags=tags), replace=replace)

    def import_prompts(
        self, path: Path, options: "PromptOptions | None" = None, *, tags: Sequence[str] = ()
    ) -> PromptReport:
        """Register the prompts of a file, all or none; see `registry.prompts.importing`."""
        return import_prompts(self.catalog, path, options, tags=tags)

    def add_recorded_llm(
        self,
        name: str,
        prompts: Sequence[RecordedPrompt],
        *,
        source: str,
        tags: Sequence[str] = (),
        replace: bool = False,
    ) -> list[EntryRecord]:
        """Register an LLM's recorded outputs, all or none: the model, its prompts, and every `MODEL@PROMPT`."""
        return recorded_llm(self.catalog, name, prompts, source=source, tags=tags, replace=replace)

    def add_corpus(self, name: str, inputs: Iterable[Input], *, source: str) -> EntryRecord:
        """Register unlabelled inputs. A corpus is pinned: other texts need another name."""
        return self.catalog.entries.add(new_corpus(name, inputs, source=source))

    def sample_corpus(
        self, name: str, *, per_task: int = 60, exclude: Sequence[str] = (), seed: int = 0
    ) -> EntryRecord:
        """Register a corpus drawn from the registered tasks' texts, those in `exclude` left out."""
        left_out = {self.catalog.entries.get(task, EntryKind.TASK).name for task in exclude}
        tasks = {r.name: self.task_data(r).train for r in self._all(EntryKind.TASK) if r.name not in left_out}
        inputs = sample_inputs(tasks, per_task=per_task, seed=seed)
        without = f", without {', '.join(sorted(left_out))}" if left_out else ""
        return self.add_corpus(name, inputs, source=f"{per_task} texts of each of {len(tasks)} tasks{without}")

    def add_space(self, name: str, spec: SpaceSpec, *, corpus: NewEntry | EntryRecord | None) -> SpaceRecord:
        """Register a space, with its corpus if that is new. `embedders.create_space` makes the settings of one."""
        return self.catalog.spaces.add(
            name,
            fingerprint=spec.fingerprint(),
            dimension=spec.dimension,
            spec=spec.as_document(),
            corpus=corpus,
        )

    # -- looking -------------------------------------------------------------------------------------

    def entries(self, kind: EntryKind | str, *, tags: Sequence[str] = ()) -> Table[EntryRow]:
        """Return the entries of a kind, by name."""
        return Table([EntryRow(record) for record in self._all(EntryKind(kind), tags)])

    def tasks(self, *, tags: Sequence[str] = ()) -> Table[EntryRow]:
        """Return the tasks, by name."""
        return self.entries(EntryKind.TASK, tags=tags)

    def models(self, *, tags: Sequence[str] = ()) -> Table[EntryRow]:
        """Return the models, by name."""
        return self.entries(EntryKind.MODEL, tags=tags)

    def spaces(self) -> Table[SpaceRow]:
        """Return the spaces, by name."""
        return Table([SpaceRow(space) for space in self.catalog.spaces.all()])

    def task_data(self, task: str | EntryRecord) -> TaskData:
        """Return a task's examples as they were registered."""
        record = self.catalog.entries.get(task, EntryKind.TASK) if isinstance(task, str) else task
        held = {
            split: self.catalog.entries.content(record.contents[split]) for split in SPLITS & record.contents.keys()
        }
        return task_of(record.spec, held, record.name)

    def prompt(self, name: str) -> Prompt:
        """Return a prompt as it was registered."""
        return Prompt.from_spec(self.catalog.entries.get(name, EntryKind.PROMPT).spec)

    def corpus_inputs(self, corpus: str | EntryRecord) -> list[Input]:
        """Return the inputs of a corpus."""
        record = self.catalog.entries.get(corpus, EntryKind.CORPUS) if isinstance(corpus, str) else corpus
        return parse_corpus(self.contents(record)["texts"], record.name)

    def contents(self, record: EntryRecord) -> dict[str, bytes]:
        """Return what a version consists of, by role."""
        return self._bodies(record.contents)

    def show(self, name: str, kind: EntryKind | str) -> dict[str, Any]:
        """Return all that is known of an entry, as JSON values, with the spaces it has vectors in."""
        record = self.catalog.entries.get(name, EntryKind(kind))
        spaces = self.catalog.embeddings.spaces_of(record.version_id)
        return {**EntryRow(record).as_json(), "embedded_in": spaces}

    def remove(self, name: str, kind: EntryKind | str) -> None:
        """Remove an entry with its versions, vectors and outputs; refuse where something is built on it."""
        self.catalog.entries.remove(name, EntryKind(kind))

    def export_task(self, name: str, folder: str | os.PathLike[str]) -> None:
        """Write a task as a folder that can be registered again."""
        record = self.catalog.entries.get(name, EntryKind.TASK)
        write_task(self.task_data(record), record.name, Path(folder))

    def status(self) -> Status:
        """Say what the registry holds."""
        spaces = self.catalog.spaces.all()
        return Status(
            location=str(self.folder),
            entries={kind.value: len(self._all(kind)) for kind in EntryKind},
            spaces={space.name: space.vectors for space in spaces},
            current_space=next((space.name for space in spaces if space.current), None),
            jobs=self.catalog.jobs.counts(),
            failures=self.catalog.jobs.failures(),
        )

    # -- asking --------------------------------------------------------------------------------------

    def nearest(  # noqa: PLR0913 - the one question that everybody asks, and what may be said with it
        self,
        query: str | VectorFile,
        *,
        limit: int = 10,
        kind: EntryKind | str | None = None,
        where: Filter | None = None,
        weights: Mapping[str, float] | None = None,
        space: str | None = None,
        by: str = SIMILARITY,
        setting: str | None = None,
        own: bool = False,
        duplicates: bool = False,
    ) -> Ranking:
        """Return the entries nearest to an entry, or to a vector that was exported from the same space.

        Similarity is the weighted mean of the facets' cosines after centring; by memory, gain or size the sources of
        a task are ranked, a `SourceRanking` (see docs/architecture.md).

        Args:
            limit: how many matches, at most.
            kind: only entries of this kind: `task`, `model` or `prompted-model`; short for `Filter(kinds=(kind,))`.
            where: only entries that pass this filter.
            weights: of the facets, such as `{"answers": 1, "map": 2}`; None for those that were measured to be right.
            space: the space's name; None for the current one.
            by: `similarity`; `memory` of what was measured on other tasks; a source's usual `gain`; its `size`.
            setting: MODEL/ADAPTATION, for which memory and gain answer; None for any.
            own: whether memory and gain may use the target's own outcomes.
            duplicates: whether near-duplicates of the target stay in the answer; else they are set aside.

        Raises:
            InputError: there is no such facet, method or setting, or what is asked does not make sense.
            NotEmbeddedError: the entry has no vector in the space.
            SpaceMismatchError: the vector belongs to another space.
        """
        where = where or Filter()
        where = where if kind is None else replace(where, kinds=(_kind(kind),))
        record = self.catalog.spaces.get(space)
        target, index = self._target(query, record), self._indexes.of(record)
        asked = Asked(by, setting, own, limit, where, weights, duplicates)
        if by == SIMILARITY and setting is None and not own:
            return nearest(self.catalog, index, record, target, asked)
        from registry.sources.rank import rank_sources

        return rank_sources(self.catalog, index, record, target, asked)

    def compare(
        self, a: str, b: str, *, weights: Mapping[str, float] | None = None, space: str | None = None
    ) -> Comparison:
        """Return how near two entries are, facet by facet; see `nearest` for the weights."""
        record = self.catalog.spaces.get(space)
        one, two = self._target(a, record), self._target(b, record)
        index = self._indexes.of(record)
        facets = SpaceSpec.from_document(record.spec).facets
        rows = index.centred(np.stack([one.vector, two.vector]))
        cosines = facet_cosines(rows[0], rows[1], facets)
        shares = weights_between(facets, one.kind, two.kind, chosen=weights)
        similarity = sum(shares[name] * cosine for name, cosine in cosines.items())
        error = standard_error(one, two, index, facets, shares)
        return Comparison(one.name, two.name, record.name, similarity, cosines, error)

    def best_prompt(
        self,
        asked: "PromptAsked",
        *,
        limit: int = 5,
        space: str | None = None,
        more: Mapping[str, Mapping[str, float]] | None = None,
    ) -> "PromptRanking":
        """Rank an LLM's prompts for a task, without labels; see `registry.prompts.best`."""
        from registry.prompts.best import best_prompt

        return best_prompt(self.catalog, asked, limit=limit, space=space, more=more)

    def vectors(self, *, space: str | None = None, entry: str | None = None) -> VectorFile:
        """Return the vectors of a space as stored, all or one entry's, with the space's fingerprint."""
        record = self.catalog.spaces.get(space)
        if entry is not None:
            one = self._target(entry, record)
            return VectorFile(record.fingerprint, (one.name,), (one.kind.value,), one.vector[None])
        held = self.catalog.embeddings.all(record.id)
        return VectorFile(record.fingerprint, held.names, tuple(kind.value for kind in held.kinds), held.matrix)

    def similarities(
        self, *, weights: Mapping[str, float] | None = None, space: str | None = None
    ) -> tuple[VectorFile, NDArray[np.float32]]:
        """Return the vectors of a space, and their similarities to one another, (n, n), 1 on the diagonal."""
        record = self.catalog.spaces.get(space)
        vectors = self.vectors(space=space)
        kinds = [EntryKind(kind) for kind in vectors.kinds]
        facets = SpaceSpec.from_document(record.spec).facets
        rows = self._indexes.of(record).centred(vectors.matrix)
        return vectors, similarity_matrix(rows, kinds, facets, weights)

    def likeness(self, *, space: str | None = None) -> Likeness:
        """Return how alike the tasks of a space are to one another, facet by facet, as `memory.Memory` needs it."""
        record = self.catalog.spaces.get(space)
        held = self.catalog.embeddings.all(record.id)
        rows = [number for number, kind in enumerate(held.kinds) if kind is EntryKind.TASK]
        facets = SpaceSpec.from_document(record.spec).facets
        centred = self._indexes.of(record).centred(held.matrix[rows])
        weights = weights_between(facets, EntryKind.TASK)
        return Likeness.of_rows([held.names[i] for i in rows], centred, facets, weights)

    # -- the index -----------------------------------------------------------------------------------

    def verify_index(self) -> list[Verification]:
        """Hold every space's index against the catalog."""
        return [self._indexes.verify(space) for space in self.catalog.spaces.all()]

    def refresh_index(self, space: str) -> None:
        """Bring a space's index up to date, so that the next question need not wait for it."""
        self._indexes.refresh(self.catalog.spaces.get(space))

    def rebuild_index(self) -> int:
        """Make every space's index anew; return how many vectors they hold."""
        return sum(len(self._indexes.rebuild(space)) for space in self.catalog.spaces.all())

    # -- transfers -----------------------------------------------------------------------------------

    def add_transfers(self, records: Iterable[TransferRecord]) -> int:
        """Keep measured transfers, all or none, a known run's in its place; return how many, or raise `InputError`."""
        return self.catalog.transfers.put([checked_transfer(record) for record in records])

    def transfers(self, target: str | None = None) -> list[TransferRecord]:
        """Return the measured transfers to a target, or all."""
        return self.catalog.transfers.all(target)

    def _bodies(self, held: Mapping[str, str]) -> dict[str, bytes]:
        return {role: self.catalog.entries.content(sha256) for role, sha256 in held.items()}

    def _all(self, kind: EntryKind, tags: Sequence[str] = ()) -> list[EntryRecord]:
        return self.catalog.entries.all(Filter(kinds=(kind,), tags=tuple(tags)))

    def _target(self, query: str | VectorFile, space: SpaceRecord) -> EmbeddingRecord:
        if isinstance(query, VectorFile):
            return _outside(query, space)
        entry = self.catalog.entries.get(query)
        found = self.catalog.embeddings.get(entry.version_id, space.id)
        if found is None and entry.kind not in EMBEDDABLE:
            raise InputError(f"{query!r} is a {entry.kind.value}: only tasks and models have vectors.")
        if found is None and entry.kind is EntryKind.MODEL and is_language_model(entry.spec):
            raise InputError(
                f"{query!r} answers under a prompt, and has a vector for each: name one, '{query}@PROMPT'."
            )
        if found is None:
            raise NotEmbeddedError(query, space.name, self.catalog.embeddings.spaces_of(entry.version_id))
        return found


def _kind(kind: EntryKind | str) -> EntryKind:
    try:
        return EntryKind(kind)
    except ValueError as error:
        raise InputError(f"No kind {kind!r}: there are {', '.join(EntryKind)}.") from error


def _outside(query: VectorFile, space: SpaceRecord) -> EmbeddingRecord:
    """Take a vector from a file as a query, if it is of this very space."""
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
    return EmbeddingRecord(OUTSIDE, query.names[0], _kind(query.kinds[0]), vector, {})
