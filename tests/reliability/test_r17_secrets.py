"""R17: a key that is given in the wrong place, or answered by a server, is nowhere to be found afterwards."""

import base64
import hashlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from goals import Goal
from loopback import reach_loopback_alone
from reply_modes import Json, choice, reply
from tiny_cli import run, tiny_bert, write_rows, write_task
from tiny_server import Offers, TinyServer, running

from embedders.black_boxes.registering import endpoint_model
from embedders.predictors.endpoint.client import Limits
from registry import Registry

COMMIT = "0" * 40
ENDPOINT = ("model", "add", "lm", "--model-id", "m", "--endpoint")
SPELLINGS: tuple[Callable[[str], str], ...] = (
    lambda body: f"sk-proj-{body}",
    lambda body: f"hf_{body}",
    lambda body: f"ghp_{body}",
    lambda body: f"AIza{body}",
    lambda body: f"gsk_{body}",
    lambda body: f"eyJ{body}.{body}.{body}",
    lambda body: f"sk-ant-api03-{body}-AA",
    lambda body: f"github_pat_{body}",
)
TYPED: tuple[Callable[[str], tuple[str, ...]], ...] = (
    lambda key: (*ENDPOINT, f"https://{key}@host.example/v1"),
    lambda key: (*ENDPOINT, f"https://user:{key}@host.example/v1"),
    lambda key: (*ENDPOINT, f"https://host.example/v1?key={key}"),
    lambda key: (*ENDPOINT, f"https://host.example/v1?api-version=1&key={key}"),
    lambda key: (*ENDPOINT, f"https://host.example/v1#{key}"),
    lambda key: (*ENDPOINT, f"https://host.example/v1/{key}/chat"),
    lambda key: (*ENDPOINT, f"https://host.example/{key}"),
    lambda key: (*ENDPOINT, f"ftp://user:{key}@host.example/v1"),
    lambda key: ("model", "add", "lm", "--endpoint", "https://host.example/v1", "--model-id", key),
    lambda key: (*ENDPOINT, "https://host.example/v1", "--key-env", key),
    lambda key: (*ENDPOINT, "https://host.example/v1", "--concurrent", key),
    lambda key: (*ENDPOINT, "https://host.example/v1", f"--api-key={key}"),
    lambda key: (*ENDPOINT, "https://host.example/v1", f"Bearer {key}"),
    lambda key: ("model", "add", "bert", "--hf", f"https://user:{key}@hub.example/org/bert", "--revision", COMMIT),
    lambda key: ("model", "add", "bert", "--hf", f"https://hub.example/org/bert?token={key}", "--revision", COMMIT),
    lambda key: ("model", "add", "bert", "--hf", f"https://user:{key}@hub.example/org/bert"),
    lambda key: ("model", "add", "f", "--function", f"{key}:ask"),
    lambda key: ("model", "add", "f", "--recorded", f"https://user:{key}@data.example/answers.csv"),
    lambda key: ("task", "add", "t", "--data", f"https://user:{key}@data.example/t.csv"),
    lambda key: ("task", "add", "t", "--data", f"https://data.example/t.csv?access_token={key}"),
    lambda key: ("prompt", "import", f"https://user:{key}@data.example/p.jsonl"),
    lambda key: ("transfer", "import", f"https://data.example/t.csv?X-Signature={key}"),
    lambda key: ("pack", "add", f"https://user:{key}@data.example/pack"),
    lambda key: ("push", f"https://user:{key}@hub.example/team"),
    lambda key: ("pull", f"hf://datasets/{key}@ann/team"),
    lambda key: ("nearest", "films", "--space", f"https://user:{key}@x.example"),
    lambda key: ("status", "--registry", f"https://user:{key}@registry.example/"),
)
IN_THE_ENVIRONMENT = "PLANTED_API_KEY"
ANSWERED: tuple[Callable[[str], tuple[int, Json]], ...] = (  # what a server says that repeats the key it was sent
    lambda key: (401, {"error": {"message": f"Incorrect API key provided: {key}."}}),
    lambda key: (400, {"error": {"message": f"bad header Authorization: Bearer {key}"}}),
    lambda key: (200, {"error": {"message": f"no quota for {key}", "code": 403}}),
    lambda key: (200, {"object": "error", "message": key}),
    lambda key: reply(choice(f"positive, said the one with {key}")),
)


def planted(number: int) -> str:
    body = hashlib.sha256(f"planted {number}".encode()).hexdigest()[:36]
    return SPELLINGS[number % len(SPELLINGS)](body)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    reach_loopback_alone(monkeypatch)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    place = tmp_path / "store"
    with Registry.create(place) as registry:
        registry.add_task("films", str(write_task(tmp_path / "films", 0)))
    words = ("--choice", "negative=negative", "--choice", "positive=positive")
    prompt = ("prompt", "add", "ask", "--template", "{{ text }} is", *words)
    texts = write_rows(tmp_path / "texts.jsonl", [{"text": f"a film of {n}"} for n in range(6)])
    space = ("space", "create", "tiny", "--surrogate", tiny_bert(tmp_path / "bert"), "--corpus", "texts")
    for made in (prompt, ("corpus", "create", "texts", "--data", texts), (*space, "--dimension", "64")):
        assert run("--registry", place, *made).exit_code == 0
    return place


@pytest.fixture
def server() -> Iterator[TinyServer]:
    with running(TinyServer(None, Offers(completions=False))) as served:
        yield served


def asked(store: Path, server: TinyServer, number: int) -> Iterator[str]:
    """Ask a server that repeats the key that it is sent; yield all that is said of it."""
    key, name = planted(number), f"lm{number}"
    server.says = lambda _: ANSWERED[number % len(ANSWERED)](key)
    with Registry.open(store) as registry:
        limits = Limits(attempts=1, first_pause=0)
        endpoint_model(registry, name, server.url, model="m", key_env=IN_THE_ENVIRONMENT, limits=limits)
    for command in (("model", "test", f"{name}@ask"), ("embed", f"{name}@ask"), ("model", "answers", f"{name}@ask")):
        yield run("--registry", store, *command).output


def all_that_is_kept(place: Path) -> dict[str, bytes]:
    return {str(path.relative_to(place)): path.read_bytes() for path in place.rglob("*") if path.is_file()}


def spellings(key: str) -> set[bytes]:
    return {key.encode(), quote(key, safe="").encode(), base64.b64encode(key.encode()), key[4:24].encode()}


@pytest.mark.goal("R17", "30 planted keys: 0 in the database, exports, what is printed, logs, errors of jobs")
def test_a_planted_key_is_found_nowhere(
    goal: Goal,
    store: Path,
    server: TinyServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    keys = [planted(number) for number in range(len(TYPED) + len(ANSWERED))]
    said: dict[str, str] = {}
    for number, typed in enumerate(TYPED):
        result = run("--registry", store, *typed(keys[number]))
        assert result.exit_code == 2, f"{typed('KEY')}: {result.output}"
        said[" ".join(typed("KEY"))] = result.output
    for number in range(len(TYPED), len(keys)):
        monkeypatch.setenv(IN_THE_ENVIRONMENT, keys[number])
        said[f"answer {number}"] = "".join(asked(store, server, number))
    assert len(server.seen) >= len(ANSWERED)
    assert {one.headers["Authorization"] for one in server.seen} == {f"Bearer {key}" for key in keys[len(TYPED) :]}
    assert sum("***" in text for text in said.values()) > len(said) / 2  # they were on the way out

    monkeypatch.delenv(IN_THE_ENVIRONMENT)
    for command in (
        *(("status", "--json"), ("model", "list", "--json"), ("task", "export", "--all", tmp_path / "exported")),
        *(("space", "list", "--json"), ("prompt", "show", "ask", "--json"), ("transfer", "export", tmp_path / "t.csv")),
    ):
        said[str(command[:2])] = run("--registry", store, *command).output

    places = all_that_is_kept(tmp_path) | {name: text.encode() for name, text in said.items()}
    places["log"] = caplog.text.encode()
    hits = [
        f"key {number} in {name}"
        for number, key in enumerate(keys)
        for name, body in places.items()
        if any(form in body for form in spellings(key))
    ]
    assert hits == []
    assert len(keys) >= 30
    goal.reached(f"{len(keys)} keys, {len(places)} places: {len(hits)} found")
