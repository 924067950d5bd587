"""The answers as JSON, under `/api`: the same objects as the commands print with `--json`."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Response

from registry.catalog import Filter
from registry.catalog.browsing.progress import job_counts, recent_jobs
from registry.choosing.answers import given_answers
from registry.packs.shelf import supplied
from web.questions import (
    AnswersQuestion,
    BestModelQuestion,
    BestPromptQuestion,
    CompareQuestion,
    Desk,
    JobsForm,
    ListQuestion,
    NamesQuestion,
    NearestQuestion,
    NoFields,
    SpaceForm,
    TransfersQuestion,
)

JOBS, NAMES = 200, 50  # that are listed
KINDS = {"tasks": "task", "models": "model", "prompts": "prompt", "corpora": "corpus"}


def _described(what: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"description": what, "content": {"application/json": {"schema": schema}}}


ERROR = {"type": "object", "properties": {"error": {"type": "string"}}, "required": ["error"]}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: _described("The answer.", {"type": "object"}),
    400: _described("What is asked does not make sense: `error` says why.", ERROR),
    404: _described("Nothing has this name: `error` says what may have been meant.", ERROR),
    422: _described("A field is missing, unknown or out of range: `error` says which.", ERROR),
    500: _described("Something is broken: `error` says what.", ERROR),
}


def no_fields(_given: Annotated[NoFields, Query()]) -> None:
    """Refuse whatever stands behind an address that says all by itself."""


BARE = [Depends(no_fields)]


def as_json(value: object, status: int = 200, *, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON value as an answer."""
    text = json.dumps(value, ensure_ascii=False)
    try:
        body = text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, of something damaged
        body = json.dumps(value).encode()
    return Response(body, status, headers, media_type="application/json")


def routes(desk: Desk) -> APIRouter:
    """Return what `/api` answers."""
    router = APIRouter(prefix="/api", responses=ANSWERS, default_response_class=Response)
    _add_lists(router, desk)
    _add_questions(router, desk)
    _add_state(router, desk)
    return router


def _add_lists(router: APIRouter, desk: Desk) -> None:
    registry = desk.registry

    def lists(plural: str, kind: str) -> Callable[..., Response]:
        def listed(question: Annotated[ListQuestion, Query()]) -> Response:
            rows = registry.entries(kind, tags=question.tag, after=question.after, limit=question.limit + 1)
            found = rows[: question.limit]
            headers = {}
            if len(rows) > len(found):
                more = {"tag": question.tag, "limit": question.limit, "after": found[-1].name}
                headers["link"] = f'</api/{plural}?{urlencode(more, doseq=True)}>; rel="next"'
            return as_json({plural: [row.as_json() for row in found]}, headers=headers)

        return listed

    def shows(kind: str) -> Callable[..., Response]:
        def shown(name: str) -> Response:
            return as_json(registry.show(name, "prompted-model" if kind == "model" and "@" in name else kind))

        return shown

    for plural, kind in KINDS.items():
        router.get(f"/{plural}", summary=f"List them, by name: as `fute {kind} list --json`.")(lists(plural, kind))
        one = router.get(
            f"/{plural}/{{name:path}}", dependencies=BARE, summary=f"Show one: as `fute {kind} show --json`."
        )
        one(shows(kind))


def _add_questions(router: APIRouter, desk: Desk) -> None:
    registry = desk.registry

    @router.get("/nearest", summary="What is nearest to an entry? As `fute nearest --json`.")
    def nearest(question: Annotated[NearestQuestion, Query()]) -> Response:
        return as_json(desk.nearest(question.name, question).as_json())

    @router.get("/compare", summary="How near are two entries? As `fute compare --json`.")
    def compare(question: Annotated[CompareQuestion, Query()]) -> Response:
        return as_json(desk.compare(question.a, question.b, question.space).as_json())

    @router.get("/best-prompt", summary="Which prompt is best? As `fute best-prompt --json`.")
    def best_prompt(question: Annotated[BestPromptQuestion, Query()]) -> Response:
        return as_json(desk.best_prompt_told(question))

    @router.get("/best-model", summary="Which model is best? As `fute best-model --json`.")
    def best_model(question: Annotated[BestModelQuestion, Query()]) -> Response:
        return as_json(desk.best_model_told(question))

    @router.get("/answers", summary="What was a model asked, and what did it answer? As `fute model answers --json`.")
    def answers(question: Annotated[AnswersQuestion, Query()]) -> Response:
        given = given_answers(registry.catalog, question.name, prompt=question.prompt, space=question.space)
        return as_json(given.as_json())

    @router.get("/transfers", summary="Which transfers were measured? As `fute transfer list --json`.")
    def transfers(question: Annotated[TransfersQuestion, Query()]) -> Response:
        records = registry.transfers(question.target)
        named = {name for record in records for name in (record.target, record.source)}
        unknown = sorted(named - registry.catalog.entries.existing(named))
        return as_json({"transfers": [record.as_json() for record in records], "not_registered": unknown})


def _add_state(router: APIRouter, desk: Desk) -> None:
    registry = desk.registry

    @router.get("/status", dependencies=BARE, summary="What does the registry hold? As `fute status --json`.")
    def status() -> Response:
        return as_json(asdict(registry.status()))

    @router.get("/spaces", dependencies=BARE, summary="Which spaces are there? As `fute space list --json`.")
    def spaces() -> Response:
        return as_json({"spaces": [row.as_json() for row in registry.spaces()]})

    @router.get("/spaces/{name:path}", dependencies=BARE, summary="Show one space: as `fute space show --json`.")
    def space(name: str) -> Response:
        return as_json(registry.space(name).as_json())

    @router.get("/packs", dependencies=BARE, summary="Which packs are in use? As `fute pack list --json`.")
    def packs() -> Response:
        return as_json({"packs": [pack.as_json() for pack in registry.packs.all()], "supplied": supplied()})

    @router.get("/packs/{name}", dependencies=BARE, summary="Show one pack: as `fute pack show --json`.")
    def pack(name: str) -> Response:
        return as_json(registry.packs.get(name).as_json())

    @router.get("/jobs", summary="How far are the embeddings? The last jobs, and how many are in each state.")
    def jobs(question: Annotated[JobsForm, Query()]) -> Response:
        database = registry.catalog.database
        rows = recent_jobs(database, question.state, limit=JOBS)
        return as_json({"counts": job_counts(database), "jobs": [row.as_json() for row in rows]})

    @router.get("/names", summary="Which names begin so? For forms that offer them.")
    def names(question: Annotated[NamesQuestion, Query()]) -> Response:
        where = Filter(tuple(question.kind))
        return as_json({"names": registry.catalog.entries.beginning(question.begins, where, limit=NAMES)})

    @router.get("/map", summary="Where do entries lie in a plane whose distances follow their similarities?")
    def space_map(question: Annotated[SpaceForm, Query()]) -> Response:
        return as_json(desk.map(question.space).as_json())
