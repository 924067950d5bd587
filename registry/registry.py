"""The registry as its users see it: register tasks and models, ask what is near."""

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, Unpack

from registry.catalog import Catalog, EntryRecord, Filter, SpaceRecord
from registry.catalog.database import Database
from registry.catalog.incoming.bringing import BroughtReport
from registry.catalog.incoming.matrices import VectorOptions, add_vectors
from registry.catalog.incoming.new_entries import new_corpus, new_model, new_task
from registry.catalog.incoming.sampling import sampled
from registry.catalog.records import NewEntry, Upgraded
from registry.data.inputs import Input, parse_corpus
from registry.data.recordings import RecordedPrompt
from registry.data.tasks import SPLITS, TaskData, task_of
from registry.data.transfers import TransferRecord, checked_transfer
from registry.data.vectors import Similarities, VectorFile
from registry.formats.corpora import CorpusOptions, read_corpus
from registry.formats.tasks import TaskOptions, as_task, write_task
from registry.index.building import Verification
from registry.index.current import Indexes
from registry.kinds import EntryKind
from registry.location import located
from registry.names import kind_named, several, truth
from registry.packs.shelf import Shelf
from registry.prompts.importing.registering import PromptImportReport, import_prompts, new_prompt
from registry.prompts.pairs import RecordingOptions, recorded_llm
from registry.prompts.prompt import Prompt
from registry.ranking.compare import compare, similarities, vectors_of
from registry.ranking.matches import Comparison, Ranking
from registry.ranking.nearest import SIMILARITY, NearestQuery, nearest
from registry.results import Table
from registry.sources.likeness import Likeness
from registry.spaces.spec import SpaceSpec
from registry.views.notebook import Drawing, registry_html
from registry.views.rows import EntryRow, SpaceRow, Status

if TYPE_CHECKING:
    from registry.bundles.importing import ImportChoices
    from registry.bundles.part import BundlePart
    from registry.catalog.whole.merge import MergeReport
    from registry.choosing.best import PromptQuery, PromptRanking
    from registry.choosing.given import Hints
    from registry.choosing.models import ModelOptions, ModelRanking, Suggestion, SuggestOptions
    from registry.prompts.importing.contents import PromptOptions


class Registry(Drawing):
    """A registry, in a folder or in a PostgreSQL database. Use it as a context manager, or call `close`.

    Examples:
        >>> with Registry.open("fute-registry") as registry:
        ...     registry.nearest("movie_review", kind="task")[:3]
    """

    def __init__(self, catalog: Catalog, indexes: Indexes) -> None:
        """Put together what `create` and `open` find at a location."""
        self.catalog = catalog
        self._indexes = indexes

    @classmethod
    def create(cls, location: str | os.PathLike[str] | None = None) -> "Registry":
        """Make a registry, or open the one that is there. See `open` for the location."""
        place = located(location)
        catalog = Catalog.create(place)
        return cls(catalog, Indexes(catalog, place.indexes))

    @classmethod
    def open(cls, location: str | os.PathLike[str] | None = None) -> "Registry":
        """Open a registry: the folder or `postgresql://` URL given, else $FUTE_REGISTRY, else ./fute-registry.

        Raises:
            NotARegistryError: there is none.
            SchemaError: another release wrote it; `upgrade` brings up what is older.
            IntegrityError: it is damaged.
        """
        place = located(location)
        catalog = Catalog.open(place)
        return cls(catalog, Indexes(catalog, place.indexes))

    @staticmethod
    def upgrade(location: str | os.PathLike[str] | None = None) -> Upgraded | None:
        """Bring the database to this release; return from which schema, None where nothing was to be done."""
        return Database.upgrade_at(located(location))

    @property
    def folder(self) -> Path:
        """The folder that the registry lies in; of one in PostgreSQL, the user's own for indexes and packs."""
        return self.catalog.database.location.folder

    @property
    def packs(self) -> Shelf:
        """The packs in use: tasks and transfers that others measured."""
        return Shelf(self.folder)

    def close(self) -> None:
        """Let go of the database. Every change is committed when it returns; a later question opens it again."""
        self.catalog.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    # -- registering ---------------------------------------------------------------------------------

    def add_task(
        self, name: str, task: object, *, tags: Sequence[str] = (), replace: bool = False, **told: Unpack[TaskOptions]
    ) -> EntryRecord:
        """Register a task, or what holds one: a path, a data frame, ...; the options are `formats.tasks.as_task`'s."""
        return self.catalog.entries.add(new_task(name, as_task(task, **told), tags=tags), replace=replace)

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
        new = new_model(name, spec, content_hash=content_hash, contents=contents, tags=tags)
        return self.catalog.entries.add(new, replace=replace)

    def add_prompt(self, name: str, prompt: Prompt, *, tags: Sequence[str] = (), replace: bool = False) -> EntryRecord:
        """Register a prompt; its template is checked, and tried. Raises `TemplateError`."""
        return self.catalog.entries.add(new_prompt(name, prompt, tags=tags), replace=replace)

    def import_prompts(
        self, path: str | os.PathLike[str], options: "PromptOptions | None" = None, *, tags: Sequence[str] = ()
    ) -> PromptImportReport:
        """Register the prompts of a file, all or none; see `registry.prompts.importing.registering`."""
        return import_prompts(self.catalog, Path(path), options, tags=tags)

    def add_recorded_llm(
        self, name: str, prompts: Sequence[RecordedPrompt], **options: Unpack[RecordingOptions]
    ) -> list[EntryRecord]:
        """Register an LLM's recorded outputs, all or none; see `registry.prompts.pairs.recorded_llm`."""
        return recorded_llm(self.catalog, name, prompts, **options)

    def add_vectors(self, names: Iterable[str], matrix: object, **options: Unpack[VectorOptions]) -> BroughtReport:
        """Bring in vectors that were made elsewhere, (names, dimension); see `registry.catalog.incoming.matrices`."""
        report = add_vectors(self.catalog, names, matrix, **options)
        self.refresh_index(report.space)
        return report

    def add_corpus(self, name: str, inputs: object, *, source: str, **columns: Unpack[CorpusOptions]) -> EntryRecord:
        """Register unlabelled inputs, whatever `read_corpus` takes. A corpus is pinned: others need another name."""
        return self.catalog.entries.add(new_corpus(name, read_corpus(inputs, **columns), source=source))

    def sample_corpus(
        self, name: str, *, per_task: int = 60, exclude: Sequence[str] = (), seed: int = 0
    ) -> EntryRecord:
        """Register a corpus drawn from the registered tasks' texts, those in `exclude` left out."""
        inputs, source = sampled(self.catalog, per_task=per_task, exclude=exclude, seed=seed)
        return self.add_corpus(name, inputs, source=source)

    def add_space(self, name: str, spec: SpaceSpec, *, corpus: NewEntry | EntryRecord | None) -> SpaceRecord:
        """Register a space, with its corpus if that is new. `embedders.create_space` makes the settings of one."""
        return self.catalog.spaces.add(
            name, fingerprint=spec.fingerprint(), dimension=spec.dimension, spec=spec.as_document(), corpus=corpus
        )

    # -- looking -------------------------------------------------------------------------------------

    def entries(
        self, kind: EntryKind | str, *, tags: Sequence[str] = (), after: str | None = None, limit: int | None = None
    ) -> Table[EntryRow]:
        """Return the entries of a kind, by name: all of them, or so many after a name."""
        where = Filter(kinds=(kind_named(kind),), tags=several(tags, "tags"))
        return Table([EntryRow(record) for record in self.catalog.entries.all(where, after=after, limit=limit)])

    def tasks(self, *, tags: Sequence[str] = ()) -> Table[EntryRow]:
        """Return the tasks, by name."""
        return self.entries(EntryKind.TASK, tags=tags)

    def models(self, *, tags: Sequence[str] = ()) -> Table[EntryRow]:
        """Return the models, by name."""
        return self.entries(EntryKind.MODEL, tags=tags)

    def spaces(self) -> Table[SpaceRow]:
        """Return the spaces, by name."""
        counts = self.catalog.spaces.counts()
        return Table([SpaceRow(space, counts.get(space.name, 0)) for space in self.catalog.spaces.all()])

    def space(self, name: str | None = None) -> SpaceRow:
        """Return a space by name, or the current one."""
        record = self.catalog.spaces.get(name)
        return SpaceRow(record, self.catalog.spaces.counts().get(record.name, 0))

    def entry(self, name: str, kind: EntryKind | str | None = None) -> EntryRecord:
        """Return the version of an entry that `name`, `name:3` or `name:alias` means."""
        return self.catalog.entries.get(name, None if kind is None else kind_named(kind))

    def task_data(self, task: str | EntryRecord) -> TaskData:
        """Return a task's examples as they were registered."""
        record = task if isinstance(task, EntryRecord) else self.catalog.entries.get(task, EntryKind.TASK)
        return task_of(record.spec, self.contents(record, SPLITS), record.name)

    def prompt(self, name: str) -> Prompt:
        """Return a prompt as it was registered."""
        return Prompt.from_spec(self.catalog.entries.get(name, EntryKind.PROMPT).spec)

    def corpus_inputs(self, corpus: str | EntryRecord) -> list[Input]:
        """Return the inputs of a corpus."""
        record = corpus if isinstance(corpus, EntryRecord) else self.catalog.entries.get(corpus, EntryKind.CORPUS)
        return parse_corpus(self.contents(record)["texts"], record.name)

    def contents(self, record: EntryRecord, roles: Collection[str] | None = None) -> dict[str, bytes]:
        """Return what a version consists of, by role: all of it, or of some roles."""
        held = {role: sha256 for role, sha256 in record.contents.items() if roles is None or role in roles}
        return {role: self.catalog.entries.content(sha256) for role, sha256 in held.items()}

    def show(self, name: str, kind: EntryKind | str) -> dict[str, Any]:
        """Return all that is known of an entry, as JSON values, with the spaces it has vectors in."""
        record = self.catalog.entries.get(name, kind_named(kind))
        return {**EntryRow(record).as_json(), "embedded_in": self.catalog.embeddings.spaces_of(record.version_id)}

    def tag(
        self, name: str, kind: EntryKind | str | None = None, *, add: Sequence[str] = (), remove: Sequence[str] = ()
    ) -> EntryRecord:
        """Add tags to an entry, and take some away."""
        return self.catalog.entries.tag(name, None if kind is None else kind_named(kind), add=add, remove=remove)

    def set_alias(self, name: str, alias: str, kind: EntryKind | str | None = None) -> EntryRecord:
        """Let `alias` mean the version that `name` means (`name:3`), wherever it pointed before."""
        return self.catalog.entries.set_alias(name, alias, None if kind is None else kind_named(kind))

    def use_space(self, name: str) -> SpaceRow:
        """Make a space the current one."""
        return self.space(self.catalog.spaces.use(name).name)

    def remove_space(self, name: str) -> None:
        """Remove a space with all its vectors, and its index."""
        space = self.catalog.spaces.get(name)
        self.catalog.spaces.remove(name)
        self._indexes.remove(space)

    def remove(self, names: str | Sequence[str], kind: EntryKind | str) -> None:
        """Remove entries with their versions, vectors and outputs, all or none; refuse where something needs one."""
        self.catalog.entries.remove(names, kind_named(kind))

    def rename(self, name: str, new: str, kind: EntryKind | str) -> EntryRecord:
        """Give an entry another name, also in the `MODEL@PROMPT` made with it and in measured transfers."""
        return self.catalog.entries.rename(name, new, kind_named(kind))

    def export_task(self, name: str, folder: str | os.PathLike[str]) -> None:
        """Write a task as a folder that can be registered again."""
        record = self.catalog.entries.get(name, EntryKind.TASK)
        write_task(self.task_data(record), record.name, Path(folder))

    def export_bundle(self, path: str | os.PathLike[str], part: "BundlePart | None" = None) -> dict[str, int]:
        """Write all that is known, or a part, as a folder or a file that ends in .zip; return how many of each."""
        from registry.bundles.writing import export_bundle

        return export_bundle(self.catalog, self.packs, Path(path), part)

    def import_bundle(self, path: str | os.PathLike[str], **options: "Unpack[ImportChoices]") -> "MergeReport":
        """Merge a bundle with what is here, all of it or nothing; the options are `ImportOptions`'."""
        from registry.bundles.importing import ImportOptions, import_bundle

        return import_bundle(self.catalog, self.packs, Path(path), ImportOptions(**options))

    def status(self) -> Status:
        """Say what the registry holds."""
        return Status.of(self.catalog, packs=self.packs.names(), recall_of=self._indexes.recall_of)

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
        packs: bool | None = None,
    ) -> Ranking:
        """Return the entries nearest to an entry, or to a vector exported from the same space; see docs/methods.md.

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
            packs: True ranks the packs' tasks alone, False leaves packs out; None: memory and gain count them in.

        Raises:
            InputError: there is no such facet, method or setting, or what is asked does not make sense.
            NotEmbeddedError: the entry has no vector in the space.
            SpaceMismatchError: the vector belongs to another space.
        """
        asked = NearestQuery(by, setting, own, limit, Filter() if where is None else where, weights, duplicates, packs)
        asked = asked if kind is None else replace(asked, where=replace(asked.where, kinds=(kind_named(kind),)))
        if by == SIMILARITY and setting is None and not own and not packs:
            return nearest(self.catalog, self._indexes, query, space, asked)
        from registry.sources.rank import sources

        return sources(self.catalog, self._indexes, query, space, asked)

    def compare(
        self, a: str, b: str, *, weights: Mapping[str, float] | None = None, space: str | None = None
    ) -> Comparison:
        """Return how near two entries are, facet by facet; see `nearest` for the weights."""
        return compare(self.catalog, self.catalog.spaces.get(space), a, b, weights=weights)

    def best_prompt(
        self,
        query: "PromptQuery",
        *,
        limit: int = 5,
        space: str | None = None,
        more: Mapping[str, Mapping[str, float]] | None = None,
        **hints: "Unpack[Hints]",
    ) -> "PromptRanking":
        """Rank an LLM's prompts for a task, without labels or with some; see `registry.choosing.best`.

        What else may be known is told in `registry.choosing.given.Hints`.
        """
        from registry.choosing.best import best_prompt

        return best_prompt(self.catalog, query, limit=limit, space=space, more=more, **hints)

    def best_model(self, task: str, **options: "Unpack[ModelOptions]") -> "ModelRanking":
        """Rank every model that answered a space's texts; see `registry.choosing.models.best_model`."""
        from registry.choosing.models import best_model

        return best_model(self.catalog, task, **options)

    def suggest_labels(self, task: str, **options: "Unpack[SuggestOptions]") -> "Table[Suggestion]":
        """Return texts whose labels would settle the choice; see `registry.choosing.models.suggested_texts`."""
        from registry.choosing.models import suggested_texts

        return suggested_texts(self.catalog, task, **options)

    def vectors(self, *, space: str | None = None, entry: str | None = None, centred: bool = False) -> VectorFile:
        """Return vectors (n, dimension) as stored, or `centred`: of tasks, their dot products the similarities."""
        return vectors_of(self.catalog, self.catalog.spaces.get(space), entry=entry, centred=centred)

    def similarities(self, *, weights: Mapping[str, float] | None = None, space: str | None = None) -> Similarities:
        """Return vectors, and their similarities to one another, (n, n), 1 on the diagonal; beyond 5,000 a sample's."""
        return similarities(self.catalog, self.catalog.spaces.get(space), weights=weights)

    def likeness(self, *, space: str | None = None) -> Likeness:
        """Return how alike the tasks of a space are to one another, facet by facet, as `memory.Memory` needs it."""
        return Likeness.from_space(self.catalog, self.catalog.spaces.get(space))

    def _repr_html_(self) -> str:
        return registry_html(self.status(), self.spaces())

    # -- the index -----------------------------------------------------------------------------------

    def verify_index(self) -> list[Verification]:
        """Hold every space's index against the catalog."""
        return [self._indexes.verify(space) for space in self.catalog.spaces.all()]

    def refresh_index(self, space: str) -> None:
        """Bring a space's index up to date, so that the next question need not wait for it."""
        self._indexes.refresh(self.catalog.spaces.get(space))

    def use_index(self, kind: str, address: str | None = None) -> None:
        """Choose the kind of index (`auto`, `flat`, `pq`, `milvus`, `pgvector`), and make it anew."""
        self._indexes.use(kind, self.catalog.spaces.all(), address)

    def rebuild_index(self, *, recentre: bool = False) -> int:
        """Make every space's index anew, in a new epoch where it is to be centred anew; return how many vectors."""
        spaces, anew = self.catalog.spaces.all(), truth(recentre, "recentre")
        spaces = [self.catalog.spaces.recentre(space.name) for space in spaces] if anew else spaces
        return sum(len(self._indexes.rebuild(space, must_last=True).index) for space in spaces)

    # -- transfers -----------------------------------------------------------------------------------

    def add_transfers(self, records: Iterable[TransferRecord]) -> int:
        """Keep measured transfers, all or none, a known run's in its place; return how many, or raise `InputError`."""
        return self.catalog.transfers.put([checked_transfer(record) for record in records])

    def record_transfer(self, record: TransferRecord, *, anew: bool = True) -> TransferRecord:
        """Keep one measured transfer and return it as it was kept; see `catalog.transfers.TransferStore.add`."""
        return self.catalog.transfers.add(checked_transfer(record), anew=anew)

    def transfers(self, target: str | None = None) -> list[TransferRecord]:
        """Return the measured transfers to a target, or all."""
        return self.catalog.transfers.all(target)
