"""The pages that answer: an entry with its neighbours, which source, which prompt, which model, how near."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from jinja2 import Environment

from registry.catalog import SpaceRecord
from registry.choosing.asked import space_of_its_texts
from registry.choosing.best import BY, SELF_SELECT
from registry.choosing.scores import CALIBRATIONS
from registry.errors import InputError, NotEmbeddedError, NotFoundError, RegistryError
from registry.kinds import EMBEDDABLE, EntryKind
from registry.ranking.matches import Ranking
from web.pages import names_of
from web.questions import (
    BestModelForm,
    BestPromptForm,
    CompareForm,
    Desk,
    EntryForm,
    NearestForm,
    NearestOptions,
)
from web.reading import EntryView, answers_of
from web.rendering import page

NEIGHBOURS = 6  # on an entry's page
REPLIES = 8  # on an entry's page
ANSWERS = 25  # on the page of answers
METHODS = tuple(method for method in BY if method != SELF_SELECT)


def status_of(error: RegistryError) -> int:
    """Return the status of an answer that is this error."""
    if isinstance(error, NotFoundError):
        return 404
    return 400 if isinstance(error, InputError) else 500


def routes(desk: Desk, templates: Environment) -> APIRouter:
    """Return the pages that ask the registry."""
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
    _add_entry(router, desk, templates)
    _add_forms(router, desk, templates)
    return router


def _add_entry(router: APIRouter, desk: Desk, templates: Environment) -> None:
    registry = desk.registry

    @router.get("/entry/{name:path}")
    def entry(name: str, form: Annotated[EntryForm, Query()]) -> str:
        view = EntryView.of(registry, name)
        spaces = [line.space for line in view.vectors]
        known = registry.catalog.spaces.all()
        usual = next((space.name for space in known if space.current), None)
        named = _named(desk, form.space)
        space = named or (usual if usual in spaces else next(iter(spaces), usual))
        ranking, why_not = _neighbours(desk, view, space if space in spaces else None)
        answers = answers_of(registry, view.record, space, most=REPLIES)
        return page(
            templates,
            "entry.html",
            view=view,
            space=space,
            spaces=spaces,
            ranking=ranking,
            why_not=why_not,
            embed=None if spaces else _how_to_embed(desk, view),
            answers=answers,
            asked_in=_asked_in(known),
        )

    @router.get("/answers/{name:path}")
    def answers(name: str, form: Annotated[EntryForm, Query()]) -> str:
        record = registry.catalog.entries.get(name)
        space = _named(desk, form.space)
        found = answers_of(registry, record, space, most=ANSWERS, rendered=True)
        return page(templates, "answers.html", own=name, answers=found, space=space)


def _named(desk: Desk, space: str | None) -> str | None:
    """Return the name of a space as the catalog has it; raise `NotFoundError` where there is none."""
    return None if space is None else desk.registry.catalog.spaces.get(space).name


def _how_to_embed(desk: Desk, view: EntryView) -> str:
    """Return the command that makes a vector of an entry, of an LLM one under each prompt."""
    record = view.record
    asked = desk.registry.entry(view.related[0]) if record.kind is EntryKind.MODEL and view.related else record
    is_model = asked.kind in (EntryKind.MODEL, EntryKind.PROMPTED_MODEL)
    space = space_of_its_texts(desk.registry.catalog, asked) if is_model else None
    return f"fute embed {record.name}" + (f" --space {space.name}" if space is not None and not space.current else "")


def _asked_in(spaces: Sequence[SpaceRecord]) -> str | None:
    """Return the space in which models are asked: the current one if it has a corpus, else the first that has."""
    with_corpus = [space for space in spaces if space.corpus_version_id is not None]
    return min(with_corpus, key=lambda space: not space.current).name if with_corpus else None


def _neighbours(desk: Desk, view: EntryView, space: str | None) -> tuple[Ranking | None, str | None]:
    """Return what is nearest to an entry, or why that cannot be told."""
    if space is None:
        return None, None
    try:
        name = f"{view.record.name}:{view.record.version}"
        return desk.nearest(name, NearestOptions(k=NEIGHBOURS, space=space)), None
    except (InputError, NotEmbeddedError) as error:
        return None, str(error)


def _add_forms(router: APIRouter, desk: Desk, templates: Environment) -> None:
    def shown(name: str, form: Any, answer: Callable[[], dict[str, Any]], **given: Any) -> HTMLResponse:  # noqa: ANN401
        """Show a form, with the answer where it was filled in, or with what is wrong with it."""
        spaces = [space.name for space in desk.registry.catalog.spaces.all()]
        more: dict[str, Any] = {"ranking": None}
        error, status = None, 200
        try:
            more |= answer()
        except InputError as told:
            error, status = str(told), status_of(told)
        return HTMLResponse(page(templates, name, form=form, spaces=spaces, error=error, **given, **more), status)

    def tasks() -> list[str]:
        return names_of(desk, EntryKind.TASK)

    @router.get("/source")
    def source(form: Annotated[NearestForm, Query()]) -> HTMLResponse:
        return shown("source.html", form, lambda: _source(desk, form), names=names_of(desk, *EMBEDDABLE))

    @router.get("/prompt")
    def prompt(form: Annotated[BestPromptForm, Query()]) -> HTMLResponse:
        models = names_of(desk, EntryKind.MODEL)
        given = {"methods": METHODS, "calibrations": CALIBRATIONS, "tasks": tasks(), "models": models}
        return shown("prompt.html", form, lambda: _prompt(desk, form), **given)

    @router.get("/model")
    def model(form: Annotated[BestModelForm, Query()]) -> HTMLResponse:
        return shown("model.html", form, lambda: _model(desk, form), tasks=tasks())

    @router.get("/compare")
    def compare(form: Annotated[CompareForm, Query()]) -> HTMLResponse:
        return shown("compare.html", form, lambda: _compared(desk, form), names=names_of(desk, *EMBEDDABLE))


def _source(desk: Desk, form: NearestForm) -> dict[str, Any]:
    return {"ranking": desk.nearest(form.name, form)} if form.name else {}


def _prompt(desk: Desk, form: BestPromptForm) -> dict[str, Any]:
    if not form.task or not form.model:
        return {}
    ranking = desk.best_prompt(form.task, form.model, form)
    return {"ranking": ranking, "winner": desk.winner(ranking)}


def _model(desk: Desk, form: BestModelForm) -> dict[str, Any]:
    if not form.task:
        return {}
    return {"ranking": desk.best_model(form.task, form)}


def _compared(desk: Desk, form: CompareForm) -> dict[str, Any]:
    return {"ranking": desk.compare(form.a, form.b, form.space)} if form.a and form.b else {}
