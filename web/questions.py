"""The questions as they stand in an address, and how the registry is asked: the same for a page and a program."""

import gc
import shlex
import threading
from collections.abc import Hashable, Iterable, Mapping
from contextlib import suppress
from itertools import islice, product
from typing import Any, Literal, get_args
from urllib.parse import urlencode

from pydantic import BaseModel, ConfigDict, Field, model_validator

from registry import Registry
from registry.catalog import Filter
from registry.choosing.best import ACCURACY, SELF_SELECT, PromptQuery, PromptRanking, winner
from registry.choosing.given import Hints
from registry.choosing.models import ModelRanking
from registry.errors import InputError, RegistryError
from registry.kinds import EntryKind
from registry.ranking.matches import Comparison, Ranking
from registry.ranking.nearest import SIMILARITY
from registry.reading.pairs import shares_of
from web.drawing import entry_path
from web.reading import MapOfSpace, map_of

MOST = 200  # rows of an answer
LONGEST_TEXT = 300  # characters of a name, or of what is looked for
LISTED = 100  # entries, unless one says how many
PROBLEMS = {"missing": "it is missing", "extra_forbidden": "it is not known here"}
REMEMBERED = 100  # answers
POSITIONAL = ("name", "a", "b", "task", "space")  # fields that a command takes without an option, or is told anyway
By = Literal["similarity", "memory", "gain", "size"]
CHARTS = "/charts"  # where style and script of a map's page are


class AddressFields(BaseModel):
    """What an address, or an agent, asks. A field that is empty, or null, was not given; an unknown one is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_empty(cls, given: Any) -> Any:  # noqa: ANN401 - whatever was sent
        if not isinstance(given, dict):
            return given
        some = {key: _filled(value) for key, value in given.items()}
        return {key: value for key, value in some.items() if value not in ("", [], None)}


def command_of(form: AddressFields, *words: str, space: str) -> str:
    """Return the command that puts the question of a form, as a shell reads it.

    Args:
        form: what it says beside its names, and otherwise than it does by itself, is an option.
        words: the command and the names.
        space: where it was answered, which need not stay the current one.
    """
    told = [*words, "--space", space]
    for name, field in type(form).model_fields.items():
        value = getattr(form, name)
        if name in POSITIONAL or value == field.default:
            continue
        option = f"--{name.replace('_', '-')}" if len(name) > 1 else f"-{name}"
        if isinstance(value, bool):
            told.append(option if value else f"--no-{name}")
        else:
            told += [part for one in (value if isinstance(value, list) else [value]) for part in (option, str(one))]
    return f"fute {shlex.join(told)}"


def problems_of(errors: Iterable[Mapping[str, Any]]) -> str:
    """Say in a line what is wrong with fields, the first three of them."""
    return " ".join(_problem(error) for error in list(errors)[:3])


def _problem(error: Mapping[str, Any]) -> str:
    names = [part for part in error.get("loc") or () if isinstance(part, str)]  # the others number values of a field
    field = names[-1] if names else "address"
    told = PROBLEMS.get(str(error.get("type"))) or str(error.get("msg", "is not understood")).lower()
    return f"{field[:60]!r}: {told}."


def _filled(value: Any) -> Any:  # noqa: ANN401 - whatever was sent
    """Return what was sent, without what is empty of a list."""
    return [one for one in value if one != ""] if isinstance(value, list) else value


class NoFields(AddressFields):
    """An address that says all by itself."""


class NearestOptions(AddressFields):
    """Among which, and how, the nearest are looked for; as the options of `fute nearest`."""

    k: int = Field(default=10, ge=1, le=MOST, description="How many matches.")
    kind: list[Literal["task", "model", "prompted-model"]] = Field(default=[], description="Only these kinds of entry.")
    tag: list[str] = Field(default=[], max_length=10, description="Only entries with all of these tags.")
    task_kind: str | None = Field(default=None, max_length=40, description="Only tasks of this kind.")
    language: str | None = Field(default=None, max_length=20, description="Only entries in this language.")
    by: By = Field(default="similarity", description="What ranks.")
    setting: str | None = Field(default=None, max_length=260, description="MODEL/ADAPTATION, by memory or gain.")
    own: bool = Field(default=False, description="By memory or gain: use the target's own outcomes too.")
    duplicates: bool = Field(default=False, description="List near-duplicates of the target too.")
    pack: bool | None = Field(default=None, description="Only tasks of packs, or none.")
    space: str | None = Field(default=None, max_length=LONGEST_TEXT, description="The space; else the current one.")


class NearestQuestion(NearestOptions):
    """What is nearest to an entry?"""

    name: str = Field(min_length=1, max_length=LONGEST_TEXT, description="The entry; NAME:VERSION too.")


class NearestForm(NearestOptions):
    """The same, to be filled in."""

    name: str = Field(default="", max_length=LONGEST_TEXT)


class CompareQuestion(AddressFields):
    """How near are two entries?"""

    a: str = Field(min_length=1, max_length=LONGEST_TEXT, description="An entry.")
    b: str = Field(min_length=1, max_length=LONGEST_TEXT, description="Another.")
    space: str | None = Field(default=None, max_length=LONGEST_TEXT, description="The space; else the current one.")


class CompareForm(AddressFields):
    """The same, to be filled in."""

    a: str = Field(default="", max_length=LONGEST_TEXT)
    b: str = Field(default="", max_length=LONGEST_TEXT)
    space: str | None = Field(default=None, max_length=LONGEST_TEXT)


class BestOptions(AddressFields):
    """Among which, and where, the best is looked for."""

    space: str | None = Field(default=None, max_length=LONGEST_TEXT, description="The space; else the current one.")

    priors: str | None = Field(
        default=None, max_length=LONGEST_TEXT, description="How often answers are true, as LABEL=SHARE,LABEL=SHARE."
    )

    @property
    def told(self) -> Hints:
        """What is known beside the answers; raise `InputError` where it cannot be read."""
        return {} if self.priors is None else {"priors": shares_of(self.priors)}


class BestPromptOptions(BestOptions):
    """How prompts are ranked; as the options of `fute best-prompt`."""

    k: int = Field(default=5, ge=1, le=MOST, description="How many prompts.")
    by: str = Field(default=ACCURACY, max_length=40, description="The method that ranks: accuracy, fute, mi, ...")
    like: str | None = Field(default=None, max_length=LONGEST_TEXT, description="A labelled task like it.")
    calibration: str = Field(default="none", max_length=40, description="Of the answers: contextual, batch.")


class BestPromptQuestion(BestPromptOptions):
    """Which prompt of an LLM is best for a task?"""

    task: str = Field(min_length=1, max_length=LONGEST_TEXT, description="The task.")
    model: str = Field(min_length=1, max_length=LONGEST_TEXT, description="The LLM.")


class BestPromptForm(BestPromptOptions):
    """The same, to be filled in."""

    task: str = Field(default="", max_length=LONGEST_TEXT)
    model: str = Field(default="", max_length=LONGEST_TEXT)


class BestModelQuestion(BestOptions):
    """Which model is best for a task?"""

    task: str = Field(min_length=1, max_length=LONGEST_TEXT, description="The task.")
    k: int = Field(default=10, ge=1, le=MOST, description="How many models.")


class BestModelForm(BestOptions):
    """The same, to be filled in."""

    task: str = Field(default="", max_length=LONGEST_TEXT)
    k: int = Field(default=10, ge=1, le=MOST)


class AnswersQuestion(AddressFields):
    """What was a model asked, and what did it answer?"""

    name: str = Field(min_length=1, max_length=LONGEST_TEXT, description="A model, or MODEL@PROMPT.")
    prompt: str | None = Field(default=None, max_length=LONGEST_TEXT, description="Short for MODEL@PROMPT.")
    space: str | None = Field(default=None, max_length=LONGEST_TEXT, description="The space; else the current one.")


class ListQuestion(AddressFields):
    """Which entries of a kind are there?"""

    tag: list[str] = Field(default=[], max_length=10, description="Only entries with all of these tags.")
    after: str | None = Field(default=None, max_length=LONGEST_TEXT, description="Begin behind this name.")
    limit: int = Field(default=LISTED, ge=1, le=1000, description="How many; a header `link` leads to the next.")


class EntriesForm(AddressFields):
    """Which entries are to be shown?"""

    text: str | None = Field(default=None, max_length=LONGEST_TEXT)
    kind: EntryKind | None = None
    tag: str | None = Field(default=None, max_length=64)
    task_kind: str | None = Field(default=None, max_length=40)
    language: str | None = Field(default=None, max_length=20)
    after: str | None = Field(default=None, max_length=LONGEST_TEXT)
    before: str | None = Field(default=None, max_length=LONGEST_TEXT)

    def where(self) -> Filter:
        """Return it as the filter of a list."""
        kinds = () if self.kind is None else (self.kind,)
        return Filter(kinds, () if self.tag is None else (self.tag,), self.task_kind, self.language, self.text)


class EntryForm(AddressFields):
    """In which space is an entry to be looked at?"""

    space: str | None = Field(default=None, max_length=LONGEST_TEXT)


class SpaceForm(AddressFields):
    """Which space?"""

    space: str | None = Field(default=None, max_length=LONGEST_TEXT)


class TransfersQuestion(AddressFields):
    """Which transfers were measured?"""

    target: str | None = Field(default=None, max_length=LONGEST_TEXT, description="Only transfers to this task.")


class JobsForm(AddressFields):
    """Which jobs?"""

    state: Literal["running", "done", "failed"] | None = Field(default=None, description="Only jobs in this state.")


class NamesQuestion(AddressFields):
    """Which names begin so?"""

    begins: str = Field(default="", max_length=LONGEST_TEXT, description="How the names begin.")
    kind: list[EntryKind] = Field(default=[], description="Only of these kinds of entry.")


class Desk:
    """Asks a registry, from several threads."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._index = threading.Lock()  # an index follows the catalog while it is asked
        self._map, self._page_of_map = threading.Lock(), threading.Lock()
        self._drawn: tuple[Hashable, MapOfSpace] | None = None
        self._page: tuple[Hashable, str] | None = None
        self._answered: dict[Hashable, Ranking] = {}  # by memory, gain and size, which take seconds over many entries
        self._answered_at: Hashable = None

    def nearest(self, name: str, options: NearestOptions) -> Ranking:
        """Return the nearest; see `Registry.nearest` for the errors.

        Other answers than by similarity are remembered until the catalog or a pack changes.
        """
        if options.by == SIMILARITY:
            return self._nearest(name, options)
        now, key = self._now(), (name, options.model_dump_json())
        if self._answered_at != now or len(self._answered) >= REMEMBERED:
            self._answered_at, self._answered = now, {}
        held = self._answered
        if key not in held:
            held[key] = self._nearest(name, options)
        return held[key]

    def _now(self) -> Hashable:
        """Return what changes with the catalog and the packs."""
        packs = sorted(self.registry.folder.glob("packs/*/pack.json"))
        return self.registry.catalog.database.now(), *((path, path.stat().st_mtime_ns) for path in packs)

    def _nearest(self, name: str, options: NearestOptions) -> Ranking:
        kinds = tuple(EntryKind(kind) for kind in options.kind)
        where = Filter(kinds, tuple(options.tag), options.task_kind, options.language)
        with self._index:
            return self.registry.nearest(
                name,
                limit=options.k,
                where=where,
                space=options.space,
                by=options.by,
                setting=options.setting,
                own=options.own,
                duplicates=options.duplicates,
                packs=options.pack,
            )

    def compare(self, a: str, b: str, space: str | None) -> Comparison:
        """Return how near two entries are."""
        return self.registry.compare(a, b, space=space)

    def map(self, space: str | None) -> MapOfSpace:
        """Return the map of a space: drawn once for each change of its vectors."""
        record = self.registry.catalog.spaces.get(space)
        key = (record.id, record.generation, record.mark)
        with self._map:
            if self._drawn is None or self._drawn[0] != key:
                self._drawn = (key, map_of(self.registry, record.name))
            return self._drawn[1]

    def map_page(self, space: str | None) -> str:
        """Return the map of a space as a page to look around in: made once for each change of its vectors."""
        record = self.registry.catalog.spaces.get(space)
        key = (record.id, record.generation, record.mark)
        with self._page_of_map:
            if self._page is None or self._page[0] != key:
                leads = {"entry": entry_path(""), "back": f"/map?{urlencode({'space': record.name})}"}
                self._page = (key, self.registry.map(space=record.name).page(assets=CHARTS, leads=leads).text)
            return self._page[1]

    def warm(self) -> None:
        """Do what the first questions would wait for: read the index of the current space, draw its maps, and put each
        question once, of what is on the map."""
        current = next((space for space in self.registry.catalog.spaces.all() if space.current), None)
        if current is not None:
            with self._index:
                self.registry.refresh_index(current.name)
            points = self.map(current.name).points
            self.map_page(current.name)
            tasks = (point.name for point in points if point.kind == EntryKind.TASK)
            for asked, by in product(islice(tasks, 1), get_args(By)):
                with suppress(RegistryError):  # nothing may be measured
                    self._nearest(asked, NearestOptions(by=by))
        gc.collect()
        gc.freeze()  # what is loaded by now stays: to look through it again takes 90 ms, in the midst of a page

    def best_prompt(self, task: str, model: str, options: BestPromptOptions) -> PromptRanking:
        """Return the best prompts, by what was recorded; see `Registry.best_prompt` for the errors."""
        if options.by == SELF_SELECT:
            raise InputError("No model is asked here: 'fute best-prompt --by self-select' asks the LLM itself.")
        query = PromptQuery(task, model, options.by, options.like, options.calibration)
        return self.registry.best_prompt(query, limit=options.k, space=options.space, **options.told)

    def winner(self, ranking: PromptRanking) -> dict[str, Any]:
        """Return what the first prompt of a ranking asks."""
        return winner(self.registry.catalog, ranking)

    def best_model(self, task: str, options: BestModelQuestion | BestModelForm) -> ModelRanking:
        """Return the best models, by what was recorded; see `Registry.best_model` for the errors."""
        return self.registry.best_model(task, limit=options.k, space=options.space, **options.told)

    def best_prompt_told(self, question: BestPromptQuestion) -> dict[str, Any]:
        """Return the best prompts as `fute best-prompt --json` prints them."""
        ranking = self.best_prompt(question.task, question.model, question)
        return {**ranking.as_json(), "winner": self.winner(ranking)}

    def best_model_told(self, question: BestModelQuestion) -> dict[str, Any]:
        """Return the best models as `fute best-model --json` prints them."""
        return self.best_model(question.task, question).as_json()
