"""The pages that lists are on: the start, entries, spaces, the map, jobs, packs."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse
from jinja2 import Environment

from registry.catalog import Filter
from registry.catalog.browsing.parts import common_tags, listing
from registry.catalog.browsing.progress import job_counts, recent_jobs, waiting
from registry.data.examples import KINDS as TASK_KINDS
from registry.kinds import EntryKind
from registry.packs.shelf import supplied
from web.json_api import BARE
from web.questions import Desk, EntriesForm, JobsForm, SpaceForm
from web.rendering import page

PAGE = 50  # entries
TAGS = 100  # that are offered to filter by
JOBS = 50


def routes(desk: Desk, templates: Environment) -> APIRouter:
    """Return the pages that show what there is."""
    router = APIRouter(default_response_class=HTMLResponse, include_in_schema=False)
    registry = desk.registry

    @router.get("/", dependencies=BARE)
    def start() -> str:
        return page(templates, "start.html", status=registry.status(), spaces=registry.spaces())

    @router.get("/entries")
    def entries(form: Annotated[EntriesForm, Query()]) -> str:
        database = registry.catalog.database
        found = listing(database, form.where(), after=form.after, before=form.before, limit=PAGE)
        asked = form.model_dump(exclude={"after", "before"}, exclude_none=True)
        tags = common_tags(database, limit=TAGS)
        return page(templates, "entries.html", form=form, asked=asked, found=found, tags=tags, task_kinds=TASK_KINDS)

    @router.get("/spaces/{name:path}", dependencies=BARE)
    def space(name: str) -> str:
        row = registry.space(name)
        lacking = waiting(registry.catalog.database, row.record)
        return page(templates, "space.html", row=row, said=row.as_json(), lacking=lacking)

    @router.get("/map")
    def space_map(form: Annotated[SpaceForm, Query()]) -> str:
        spaces = registry.spaces()
        found = desk.map(form.space) if spaces else None
        return page(templates, "map.html", spaces=spaces, found=found)

    @router.get("/map/page")
    def map_page(form: Annotated[SpaceForm, Query()]) -> str:
        return desk.map_page(form.space)

    @router.get("/jobs")
    def jobs(form: Annotated[JobsForm, Query()]) -> str:
        database = registry.catalog.database
        rows = recent_jobs(database, form.state, limit=JOBS)
        counts = job_counts(database)
        spaces = {row.name: (row, waiting(database, row.record)) for row in registry.spaces()}
        return page(templates, "jobs.html", form=form, rows=rows, counts=counts, spaces=spaces)

    _add_packs(router, desk, templates)
    return router


def _add_packs(router: APIRouter, desk: Desk, templates: Environment) -> None:
    @router.get("/packs", dependencies=BARE)
    def packs() -> str:
        known = desk.registry.packs.all()
        more = sorted(set(supplied()) - {pack.name for pack in known})
        return page(templates, "packs.html", packs=known, more=more)

    @router.get("/packs/{name}", dependencies=BARE)
    def pack(name: str) -> str:
        return page(templates, "pack.html", pack=desk.registry.packs.get(name))


def names_of(desk: Desk, *kinds: EntryKind, most: int = 200) -> list[str]:
    """Return the first names of entries of some kinds, to choose from."""
    return desk.registry.catalog.entries.beginning("", Filter(kinds=kinds), limit=most)
