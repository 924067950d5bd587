"""`/api`: what it answers is what the command prints with `--json`, and its description is whole."""

import html
import json
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import get_origin
from urllib.parse import parse_qsl

import numpy as np
import pytest
from starlette.testclient import TestClient
from tiny_cli import run
from tiny_pages import NAMES, client_of, fill, fill_recorded

from registry import Registry
from registry.data.predictions import Predictions
from web import guard
from web.questions import AddressFields


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("answers"))


@pytest.fixture(scope="module")
def client(store: Path) -> Iterator[TestClient]:
    client, registry = client_of(store)
    with registry:
        yield client


SAME = [
    ("/api/status", "status"),
    ("/api/spaces", "space list"),
    ("/api/spaces/prompts", "space show prompts"),
    ("/api/tasks?limit=1000", "task list"),
    ("/api/tasks?tag=two+words&limit=3&after=t05", "task list --tag 'two words' --limit 3 --after t05"),
    ("/api/models", "model list"),
    ("/api/prompts", "prompt list"),
    ("/api/corpora", "corpus list"),
    ("/api/tasks/t01", "task show t01"),
    ("/api/tasks/t01:first", "task show t01:first"),
    ("/api/tasks/hostile", "task show hostile"),
    ("/api/models/opt", "model show opt"),
    ("/api/models/opt@good/one", "model show opt@good/one"),
    ("/api/prompts/good/one", "prompt show good/one"),
    ("/api/corpora/texts", "corpus show texts"),
    ("/api/nearest?name=t02", "nearest t02"),
    ("/api/nearest?name=t02&k=3&kind=task&tag=many", "nearest t02 -k 3 --kind task --tag many"),
    ("/api/nearest?name=t02&by=memory&setting=small/full", "nearest t02 --by memory --setting small/full"),
    ("/api/nearest?name=t02&by=gain&own=true&pack=false", "nearest t02 --by gain --own --no-pack"),
    ("/api/nearest?name=t02&by=size&duplicates=true", "nearest t02 --by size --duplicates"),
    ("/api/nearest?name=opt@bad&space=prompts", "nearest opt@bad --space prompts"),
    ("/api/compare?a=t02&b=t03", "compare t02 t03"),
    ("/api/best-prompt?task=films&model=opt&space=prompts", "best-prompt films --model opt --space prompts"),
    (
        "/api/best-model?task=films&space=prompts&priors=positive%3D0.8",
        "best-model films --space prompts --priors positive=0.8",
    ),
    (
        "/api/best-prompt?task=films&model=opt&space=prompts&by=mi&k=2&calibration=batch",
        "best-prompt films --model opt --space prompts --by mi -k 2 --calibration batch",
    ),
    ("/api/best-model?task=films&space=prompts&k=2", "best-model films --space prompts -k 2"),
    ("/api/answers?name=opt&prompt=bad&space=prompts", "model answers opt --prompt bad --space prompts"),
    ("/api/transfers", "transfer list"),
    ("/api/transfers?target=t01", "transfer list --target t01"),
    ("/api/packs", "pack list"),
    ("/api/packs/taskweb", "pack show taskweb"),
]


@pytest.mark.parametrize(("path", "command"), SAME, ids=[path for path, _ in SAME])
def test_the_answer_is_what_the_command_prints(client: TestClient, store: Path, path: str, command: str) -> None:
    import shlex

    answer = client.get(path)
    printed = run("--registry", store, *shlex.split(command), "--json")

    assert printed.exit_code == 0, printed.output
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == json.loads(printed.stdout)


@pytest.mark.parametrize(
    "question",
    [
        "nearest?name=t02",
        "nearest?name=t01:1&k=3&kind=task&kind=model&tag=many&tag=two+words&task_kind=classification",
        "nearest?name=opt@bad&space=prompts&language=en",
        "nearest?name=t02&by=memory&setting=small/full&own=true&pack=true",
        "nearest?name=t02&by=gain&pack=false",
        "nearest?name=t02&by=size&duplicates=true",
        "compare?a=films&b=opt@bad&space=prompts",
        "best-prompt?task=films&model=opt&space=prompts&by=mi&k=2&calibration=batch&like=t02",
        "best-prompt?task=films&model=opt&space=prompts&priors=positive%3D0.2,+negative%3D0.8",
        "best-model?task=films&space=prompts&k=2&priors=positive%3D0.2,+negative%3D0.8",
    ],
)
def test_the_command_that_a_page_names_prints_the_same_answer(client: TestClient, store: Path, question: str) -> None:
    """It left out the space, the filters and most other options, so that another question was answered."""
    import shlex

    address = question.replace("nearest", "source").replace("best-", "")
    named = html.unescape(client.get(f"/{address}").text.split("The same from the command line: <code>")[1])
    program, *command = shlex.split(named.partition("</code>")[0])
    printed = run("--registry", store, *command, "--json")

    assert program == "fute"
    assert printed.exit_code == 0, printed.output
    assert json.loads(printed.stdout) == client.get(f"/api/{question}").json()


class Fields(HTMLParser):
    """What a browser sends when the first form of a page is sent as it stands; empty fields stay out here."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.sent: list[tuple[str, str]] = []
        self.ids: list[str] = []
        self._select = ""
        self.feed(page.partition('<form class="question"')[2].partition("</form>")[0])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {key: value or "" for key, value in attrs}
        self.ids += [told["id"]] if "id" in told else []
        if tag == "select":
            self._select = told["name"]
        if tag == "option" and "selected" in told and self._select:
            self.sent.append((self._select, told["value"]))
        if tag == "input" and told["value"] and (told["type"] != "checkbox" or "checked" in told):
            self.sent.append((told["name"], told["value"]))

    def handle_endtag(self, tag: str) -> None:
        self._select = "" if tag == "select" else self._select


@pytest.mark.parametrize(
    "question",
    [
        "source?name=t01:1&k=3&kind=task&kind=model&tag=many&tag=two+words&task_kind=classification&by=similarity",
        "source?name=t02&by=memory&setting=small/full&own=true&pack=true&k=10",
        "source?name=t02&by=gain&pack=false&duplicates=true&language=en&space=by-hand&k=200",
        "prompt?task=films&model=opt&space=prompts&by=mi&k=2&calibration=batch&like=t02",
        "model?task=films&space=prompts&k=2&priors=positive%3D0.2,+negative%3D0.8",
        "compare?a=films&b=opt@bad&space=prompts",
    ],
)
def test_a_form_that_is_sent_again_asks_the_same(client: TestClient, question: str) -> None:
    """It left out packs, a calibration, and a second kind or tag: the answer was another, without a word."""
    form = Fields(client.get(f"/{question}").text)

    assert sorted(form.sent) == sorted(parse_qsl(question.partition("?")[2]))
    assert len(set(form.ids)) == len(form.ids)


def test_a_list_leads_to_its_next_part(client: TestClient) -> None:
    names, path = [], "/api/tasks?limit=25"
    while path:
        answer = client.get(path)
        names += [task["name"] for task in answer.json()["tasks"]]
        path = answer.headers.get("link", "").partition(">")[0].removeprefix("<")

    assert names == sorted([*NAMES, "films", "hostile"])


def test_jobs_say_how_far_they_are(client: TestClient) -> None:
    everything, failed = (client.get(f"/api/jobs{query}").json() for query in ("", "?state=failed"))

    assert everything["counts"] == {"by-hand": {"failed": 1, "running": 1}}
    assert [(job["name"], job["state"]) for job in failed["jobs"]] == [("hostile", "failed")]
    assert {job["name"] for job in everything["jobs"]} == {"films", "hostile"}


def test_the_map_has_a_place_for_every_vector(client: TestClient) -> None:
    found = client.get("/api/map").json()
    names = [point["name"] for point in found["points"]]

    assert set(names) == set(NAMES) - {"t01"}  # whose latest version has none
    assert found["vectors"] == len(names)
    assert all(0 <= point[axis] <= 1 for point in found["points"] for axis in ("x", "y"))
    assert all(point["nearest"] in names and point["nearest"] != point["name"] for point in found["points"])


def test_names_are_offered_by_how_they_begin(client: TestClient) -> None:
    assert client.get("/api/names?begins=opt@g").json() == {"names": ["opt@good/one", "opt@good/two"]}
    assert client.get("/api/names?begins=t&kind=model").json() == {"names": []}


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/api/nearest", 422, "'name': it is missing."),
        ("/api/nearest?name=t02&kinds=task", 422, "'kinds': it is not known here."),
        ("/api/answers?name=opt@bad&priors=nonsense", 422, "'priors': it is not known here."),
        ("/api/nearest?name=t02&k=100000", 422, "'k': input should be less than or equal to 200."),
        ("/api/nearest?name=nobody", 404, "No entry named 'nobody' in this registry."),
        ("/api/nearest?name=opt@bad", 400, "'opt@bad' has no vector in space 'by-hand'"),
        ("/api/tasks/opt", 404, "No task named 'opt' in this registry."),
        ("/api/best-prompt?task=films&model=opt&space=prompts&by=luck", 400, "No method 'luck'"),
        ("/api/nothing", 404, "There is no such page."),
        ("/api/tasks/t02?space=prompts", 422, "'space': it is not known here."),
        ("/api/status?jobs=1", 422, "'jobs': it is not known here."),
        ("/api/packs/taskweb?k=3", 422, "'k': it is not known here."),
        ("/api/nearest?name=t02&k=1&k=2", 400, "This address says 'k' twice."),
        ("/api/names?begins=%00", 400, "This is not the address of a page."),
    ],
)
def test_an_error_is_one_line_under_its_name(client: TestClient, path: str, status: int, told: str) -> None:
    answer = client.get(path)

    assert answer.status_code == status
    assert list(answer.json()) == ["error"]
    assert answer.json()["error"].startswith(told)


def test_the_description_names_every_address_and_its_fields(client: TestClient) -> None:
    described = client.get("/api/openapi.json").json()
    paths = {path.partition("/{")[0] for path in described["paths"]}
    nearest = {field["name"] for field in described["paths"]["/api/nearest"]["get"]["parameters"]}

    assert {path.partition("?")[0] for path, _ in SAME if path.count("/") == 2} <= paths
    assert nearest == {
        *("name", "k", "kind", "tag", "task_kind", "language", "by", "setting", "own", "duplicates", "pack", "space")
    }
    assert all(set(methods) == {"get"} for methods in described["paths"].values())
    assert all(path.startswith("/api/") for path in described["paths"])
    answers = [methods["get"]["responses"] for methods in described["paths"].values()]
    assert all(set(answer) == {"200", "400", "404", "422", "500"} for answer in answers)
    assert all(list(one["content"]) == ["application/json"] for answer in answers for one in answer.values())


@pytest.mark.parametrize("page", ["/api/nearest?name=t02&space=by-hand", "/?"])
def test_a_field_of_one_value_that_is_given_twice_is_refused(client: TestClient, page: str) -> None:
    """The last was taken without a word."""
    answer = client.get(f"{page}&k=1&%6b=2")

    assert answer.status_code == 400
    assert "This address says 'k' twice." in answer.text


def test_the_fields_that_may_be_given_several_times_are_those_that_hold_several() -> None:
    def all_of(kind: type) -> list[type]:
        return [kind, *(one for child in kind.__subclasses__() for one in all_of(child))]

    fields = {
        name
        for kind in all_of(AddressFields)
        for name, field in kind.model_fields.items()
        if get_origin(field.annotation) is list
    }

    assert fields == guard.SEVERAL


def test_a_page_says_that_answers_are_damaged_and_not_that_none_were_asked(tmp_path: Path) -> None:
    client, registry = client_of(fill_recorded(tmp_path))
    with registry, Registry.open(registry.folder) as other:
        corpus = other.catalog.spaces.get("its").corpus_version_id or 0
        more = Predictions(("negative", "positive"), np.eye(2, dtype=np.float32)[np.zeros(41, np.int64)])
        other.catalog.predictions.put(other.entry("llm@p").version_id, corpus, start=0, predictions=more)
        answer = client.get("/answers/llm@p?space=its")

    assert answer.status_code == 500
    assert "Recorded answers of &#39;llm@p&#39; have no texts" in answer.text
