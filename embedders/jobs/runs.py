"""The one door between embedders and registry: reads what is to be embedded, embeds it, writes vectors back.

One job per entry and space. A job's vector and its end are one transaction; a black box's answers are kept
chunk by chunk. Whatever is done is not done again, so an interrupted run is resumed by running it again.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from embedders.black_boxes.entries import Boxes
from embedders.errors import (
    ModelNotUsableError,
    NotCoveredError,
    NotEmbeddableError,
    SettingError,
    SurrogateError,
    told_of,
)
from embedders.hardware.threads import sleep_while_waiting
from embedders.jobs.asking import answers_of, told_missing, with_answers
from embedders.jobs.elsewhere import Elsewhere
from embedders.methods import Method, method_named
from embedders.methods.assembling import assemble, deviations
from embedders.methods.contract import Reading
from embedders.observed import Observed, from_answers, from_spans, from_task
from embedders.predictors.contract import Bounded, Form, Predictor
from embedders.predictors.functions import has_changed
from embedders.predictors.language.prompted import PromptedPredictor
from embedders.spaces import current_space
from embedders.surrogate.loading import SurrogateCache, surrogate_of
from registry import Registry
from registry.catalog import EmbeddingRecord, EntryRecord, Filter, SpaceRecord
from registry.choosing.scores import calibrated
from registry.data.inputs import Input
from registry.data.models import is_language_model
from registry.data.predictions import Predictions
from registry.data.vectors import check_data, has_data
from registry.errors import InputError, LeaseLostError
from registry.kinds import EMBEDDABLE, EntryKind
from registry.names import several, truth
from registry.prompts.pairs import all_meant, entered
from registry.shown import bars_off
from registry.spaces.spec import IMPORTED, SpaceSpec

if TYPE_CHECKING:
    from embedders.surrogate.model import Surrogate
    from registry.catalog.jobs import Shift, Worker


CHANGED = "{1} has changed since {0} was registered, its vector has not: 'fute model add {0} --function {1} --replace'"


@dataclass
class EmbedReport:
    """What came of a run."""

    space: str
    embedded: dict[str, float] = field(default_factory=dict)  # name -> seconds
    known: list[str] = field(default_factory=list)  # had a vector already
    busy: dict[str, str] = field(default_factory=dict)  # name -> HOST:PROCESS of another run that is at it
    skipped: dict[str, str] = field(default_factory=dict)  # name -> why this space cannot embed it
    failed: dict[str, str] = field(default_factory=dict)  # name -> why
    notes: list[str] = field(default_factory=list)  # what is to be said of the names that were given
    unanswered: dict[str, str] = field(default_factory=dict)  # name -> how many texts have no answer, and why
    not_read: dict[str, str] = field(default_factory=dict)  # name -> of how many texts the ends were not read


def embed(
    registry: Registry,
    names: Sequence[str] | None = None,
    *,
    space: str | None = None,
    device: str | None = None,
    again: bool = False,
    take_over: bool = False,
    on_done: Callable[[str, float], None] | None = None,
    surrogates: SurrogateCache | None = None,
) -> EmbedReport:
    """Embed entries that have no vector in a space yet: tasks as DTEs, models and prompted models as MTEs.

    Args:
        names: which entries; None for all that the space can embed.
        space: in which space; None for the current one. Where there is none, the default one is made.
        device: `cuda`, `cpu`, ...; None for the best there is.
        again: embed also what has a vector.
        take_over: take what another run is at, such as one that hangs; its result does not count any more.
        on_done: called with a name and seconds after its vector is committed.
        surrogates: that this run shares with others; None to load the space's own, on `device`.
    """
    sleep_while_waiting()
    again, take_over = truth(again, "again"), truth(take_over, "take_over")
    record, spec, report, todo = begun(registry, names, space=space, again=again)
    if todo:
        load = partial(surrogate_of, spec, device) if surrogates is None else partial(surrogates.for_space, spec)
        run = Run(registry, record, spec, report, load, boxes=Boxes(registry, device=device), on_done=on_done)
        run.embed(todo, again=again, skip=names is None, take_over=take_over)
    registry.refresh_index(record.name)
    return report


def begun(
    registry: Registry, names: Sequence[str] | None, *, space: str | None, again: bool
) -> tuple[SpaceRecord, SpaceSpec, EmbedReport, list[EntryRecord]]:
    """Return the space, its settings, a report in which nothing is done yet, and what is to be done.

    A new MODEL@PROMPT is entered, and the default space made where there is none. The arguments are those of `embed`.
    """
    names = None if names is None else several(names, "names")
    record = current_space(registry, space)
    spec = SpaceSpec.from_document(record.spec)
    notes: list[str] = []
    entries = _named(registry, names, spec, notes) if names is not None else embeddable(registry, spec)
    held = set() if again else registry.catalog.embeddings.known(record.id)
    changed = [entry for entry in entries if entry.version_id in held and has_changed(entry)]
    notes += [CHANGED.format(entry.name, entry.spec["source"]) for entry in changed]
    report = EmbedReport(record.name, notes=notes, known=[e.name for e in entries if e.version_id in held])
    return record, spec, report, [entry for entry in entries if entry.version_id not in held]


class Run:
    """One run over one space: its surrogate and language model stay loaded.

    `report` is what came of it so far; another may be put in its place between two calls.
    """

    def __init__(
        self,
        registry: Registry,
        space: SpaceRecord,
        spec: SpaceSpec,
        report: EmbedReport,
        load: "Callable[[], Surrogate]",
        *,
        boxes: Boxes,
        on_done: Callable[[str, float], None] | None,
    ) -> None:
        self._registry = registry
        self._space = space
        self._spec = spec
        self.report = report
        self._boxes = boxes
        self._on_done = on_done
        self._method: Method = method_named(spec.method)
        self._load = load
        self._elsewhere = Elsewhere(registry)

    @cached_property
    def _surrogate(self) -> "Surrogate":
        """The space's surrogate, looked for when it is first needed, and torch with it."""
        return self._load()

    def embed(self, todo: list[EntryRecord], *, again: bool, skip: bool, take_over: bool) -> None:
        """Embed entries one by one; one that fails, or is skipped, does not stop the others."""
        from tqdm.auto import tqdm

        if again or not all(self._copy_of(entry) for entry in todo):
            self._surrogate  # noqa: B018 - looked for before any job is claimed: its faults are those of the run
        with (
            self._registry.catalog.jobs.working() as shift,
            tqdm(todo, unit="entry", disable=bars_off(), dynamic_ncols=True) as bar,
        ):
            for entry in bar:
                bar.set_description(entry.name)
                self._embed_entry(entry, shift, again=again, skip=skip, take_over=take_over, clear=bar.clear)

    def _embed_entry(
        self,
        entry: EntryRecord,
        shift: "Shift",
        *,
        again: bool,
        skip: bool,
        take_over: bool,
        clear: Callable[[], None],
    ) -> None:
        """Embed an entry if its job can be had, and report what came of it."""
        report = self.report
        try:
            held_by = shift.claim(entry.version_id, self._space.id, again=again, take_over=take_over)
            if held_by:
                report.busy[entry.name] = held_by
                return
            if held_by is not None:
                report.known.append(entry.name)
                return
            seconds = self._embed_one(entry, shift.worker, again=again)
        except LeaseLostError:
            report.busy[entry.name] = "another run that has taken it over"
        except SurrogateError:
            raise
        except (Exception, SystemExit) as error:  # whatever a loader, a library or a function raises
            problem = told_of(error)
            if skip and isinstance(error, NotEmbeddableError):
                shift.drop(entry.version_id, self._space.id)
                report.skipped[entry.name] = problem
            else:
                shift.fail(entry.version_id, self._space.id, problem)
                report.failed[entry.name] = problem
        else:
            report.embedded[entry.name] = seconds
            if self._on_done is not None:
                clear()
                self._on_done(entry.name, seconds)

    def _embed_one(self, entry: EntryRecord, worker: "Worker", *, again: bool) -> float:
        began = time.perf_counter()
        if not again and self._copied(entry, worker):
            return time.perf_counter() - began
        observed, asked = self._observe(entry)
        reading = self._read(observed)
        vector = assemble(reading, self._spec)
        seconds = time.perf_counter() - began
        provenance = {
            "space": self._spec.fingerprint(),
            "content": entry.content_hash,
            "examples": len(observed.inputs),
            "seconds": round(seconds, 3),
            "device": str(self._surrogate.device),
            "versions": _versions(),
            **reading.provenance,
            **({"asked": asked} if asked else {}),
        }
        apart = deviations(reading, self._spec)
        self._registry.catalog.embeddings.put(entry.version_id, self._space, vector, provenance, apart, worker)
        return seconds

    def _read(self, observed: Observed) -> Reading:
        """Return what the method reads; a surrogate that cannot be loaded is the run's fault, not an entry's."""
        spec = self._spec
        try:
            return self._method.read(
                self._surrogate, observed, spec.parameters, seed=spec.seed, dimension=spec.dimension
            )
        except ModelNotUsableError as error:
            raise SurrogateError(str(error)) from error

    def _copied(self, entry: EntryRecord, worker: "Worker") -> bool:
        """Copy a task's vector from another space; say whether there was one."""
        found = self._copy_of(entry)
        if found is None:
            return False
        held, space = found
        provenance = {**held.provenance, "space": self._spec.fingerprint(), "copied_from": space}
        put = self._registry.catalog.embeddings.put
        put(entry.version_id, self._space, held.vector, provenance, held.deviations, worker)
        return True

    def _copy_of(self, entry: EntryRecord) -> tuple[EmbeddingRecord, str] | None:
        """Return a task's vector in a space that differs from this one in its corpus alone, and that space's name.

        A corpus is what models are observed on, so a task's vector does not depend on it.
        """
        if entry.kind is not EntryKind.TASK:
            return None
        for other in self._registry.catalog.spaces.all():
            spec = SpaceSpec.from_document(other.spec)
            if other.id == self._space.id or not spec.is_same_for_tasks(self._spec):
                continue
            held = self._registry.catalog.embeddings.get(entry.version_id, other.id)
            if held is not None:
                return held, other.name
        return None

    def _observe(self, entry: EntryRecord) -> tuple[Observed, dict[str, Any]]:
        """Return what an entry's vector is made of, and how a language model was asked for it."""
        parameters = self._spec.parameters
        if entry.kind is EntryKind.TASK:
            task = self._registry.task_data(entry)
            return from_task(task, examples=parameters["examples"], seed=self._spec.seed), {}
        predictor = self._boxes.for_entry(entry)
        observed = self._answered(entry, predictor)
        if not isinstance(predictor, PromptedPredictor):
            return observed, {}
        return observed, {**self._asked_before(entry), **predictor.settings()}

    def _asked_before(self, entry: EntryRecord) -> dict[str, Any]:
        """Return how the recorded answers were asked for, where another space was made of them; else nothing."""
        told = self._registry.catalog.embeddings.provenances(entry.version_id, self._corpus_id)
        asked: dict[str, Any] = next((one["asked"] for one in told if "asked" in one), {})
        return asked

    @property
    def _corpus_id(self) -> int:
        corpus_id = self._space.corpus_version_id
        assert corpus_id is not None, "checked before the run"  # noqa: S101
        return corpus_id

    @cached_property
    def _corpus(self) -> list[Input]:
        """The inputs on which the space observes black boxes."""
        return self._registry.corpus_inputs(self._registry.catalog.entries.by_version_id(self._corpus_id))

    def _answerable(self, predictor: Predictor) -> tuple[Input, ...]:
        """Return the inputs that a black box can answer; where they are too few, the error names a space of its own."""
        try:
            return tuple(predictor.answerable(self._corpus))
        except NotCoveredError as error:
            raise error.naming(self._elsewhere.spaces(predictor)) from None

    def _answered(self, entry: EntryRecord, predictor: Predictor) -> Observed:
        """Return a black box's answers on the space's corpus, asking only what is not recorded yet."""
        inputs, is_live = self._answerable(predictor), isinstance(predictor, PromptedPredictor)
        store = self._registry.catalog.predictions
        predictions = answers_of(store, entry, predictor, self._corpus_id, inputs, is_live=is_live)
        if isinstance(predictor, Bounded) and predictor.not_read is not None:
            self.report.not_read[entry.name] = predictor.not_read
        if predictions.counts():
            self.report.unanswered[entry.name] = told_missing(predictions)
        return self._made_of(*with_answers(inputs, predictions, entry.name, is_live=is_live), predictor.form)

    def _made_of(self, inputs: tuple[Input, ...], predictions: Predictions, form: Form) -> Observed:
        """Return what a vector is made of: answers that were given, certain, calibrated or as they are."""
        if form == "spans":
            return from_spans(inputs, predictions.likeliest(), seed=self._spec.seed)
        how, is_number = self._spec.parameters["answers"], form == "number"
        table = predictions.probabilities
        if how == "calibrated" and not is_number:
            table = calibrated(table[None].astype(np.float64), "batch")[0].astype(np.float32)
        made = from_answers(inputs, predictions.answers, table, hard=how == "hard", is_number=is_number)
        is_most = len(self._corpus) / 2 <= len(inputs)  # then it has the same features as all other models
        return replace(made, among=tuple(self._corpus)) if is_most else made


@cache
def _versions() -> dict[str, str]:
    """Return the releases that a vector depends on."""
    return {name: version(name) for name in ("torch", "transformers", "peft", "numpy", "fute-registry")}


def embeddable(registry: Registry, spec: SpaceSpec) -> list[EntryRecord]:
    """Return all entries that a space can embed; language models are embedded through their prompts."""
    _check_method(spec)
    kinds = EMBEDDABLE if _why_no_models(spec) is None else (EntryKind.TASK,)
    entries = registry.catalog.entries.all(Filter(kinds=kinds))
    return [entry for entry in entries if has_data(entry.spec) and not is_language_model(entry.spec)]


def _named(registry: Registry, names: Sequence[str], spec: SpaceSpec, notes: list[str]) -> list[EntryRecord]:
    """Return what names mean; a new MODEL@PROMPT is entered once nothing is wrong with any of them."""
    _check_method(spec)
    meant, told = all_meant(registry.catalog, names)
    notes += told
    problem = _why_no_models(spec)
    for one in meant:
        if one.kind not in EMBEDDABLE:
            raise InputError(f"{one.name!r} is a {one.kind}: only tasks and models are embedded.")
        check_data(one.spec, one.name)
        if one.kind is not EntryKind.TASK and problem is not None:
            raise SettingError(f"{one.name!r} cannot be embedded in this space: {problem}")
    return list({entry.version_id: entry for entry in entered(registry.catalog, meant)}.values())


def _check_method(spec: SpaceSpec) -> None:
    """Refuse a space whose vectors people bring."""
    if spec.method == IMPORTED:
        raise SettingError("Vectors of this space are brought in ('fute vectors import'): name another with --space.")


def _why_no_models(spec: SpaceSpec) -> str | None:
    if not method_named(spec.method).sees_answers:
        return f"{spec.method} sees no answers, so all models would get the same vector; use another method."
    if spec.corpus is None:
        return "it has no corpus to observe models on; make one with 'fute space create NAME --corpus CORPUS'."
    return None
