"""Language models behind an HTTP endpoint: asked patiently, in the best way offered, and nowhere else."""

import json
import logging
import socket
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from loopback import CONNECT
from tiny import TOLERANCE
from tiny_families import tiny_family
from tiny_server import Offers, TinyServer, running

import cli
from embedders.black_boxes.entries import predictor_for
from embedders.black_boxes.loading import language_model
from embedders.black_boxes.registering import endpoint_model
from embedders.errors import BlackBoxError, EmbedderError, NotEmbeddableError, SettingError
from embedders.predictors.endpoint import addresses
from embedders.predictors.endpoint.client import Client, Limits
from embedders.predictors.endpoint.model import EndpointModel, Way
from embedders.predictors.endpoint.reading import LEAST
from embedders.predictors.language.contract import LanguageModel, Question
from embedders.predictors.language.prompted import PromptedPredictor
from registry import Registry
from registry.data.inputs import Input
from registry.data.models import HeadKind, ModelSpec
from registry.errors import RegistryError
from registry.prompts.prompt import Prompt

WORDS = ["great", "dull", "so say"]
ASKED = [Question(f"a fine film number {n}" + " indeed" * (n % 3) + ". it is") for n in range(8)]
QUICK: dict[str, Any] = {"first_pause": 0.01}
KEY, KEY_ENV = "sk-tiny-0123456789abcdef", "TINY_KEY"
CLOSE = max(1e-4, TOLERANCE)


@pytest.fixture(autouse=True)
def _no_network() -> None:
    """Replace the tests' own, which lets nothing through."""


@pytest.fixture(autouse=True)
def tried(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Let the tests reach loopback alone, and return the other addresses that were tried."""
    found: list[Any] = []

    def connect(self: socket.socket, address: Any) -> None:  # noqa: ANN401
        if not str(address[0]).startswith("127.0.0."):
            found.append(address)
            raise AssertionError("a test tried to use the network")
        CONNECT(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)
    return found


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Return one registry for all that is refused."""
    with Registry.create(tmp_path_factory.mktemp("empty") / "registry") as made:
        yield made
        assert list(made.models()) == []


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_family(tmp_path_factory.mktemp("served") / request.param, request.param)


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_family(tmp_path_factory.mktemp("served") / "gpt2", "gpt2")


@pytest.fixture
def server(gpt2: Path) -> Iterator[TinyServer]:
    with running(TinyServer(gpt2)) as served:
        yield served


@pytest.fixture
def mute() -> Iterator[TinyServer]:
    """A server that no request should reach, or that fails."""
    with running(TinyServer(None)) as served:
        yield served


def endpoint(server: TinyServer, *, key_env: str | None = None, **limits: Any) -> EndpointModel:  # noqa: ANN401
    return EndpointModel(Client(server.url, key_env=key_env, limits=Limits(**{**QUICK, **limits})), "tiny")


def local(folder: Path) -> LanguageModel:
    spec = ModelSpec.checkpoint(str(folder), head=HeadKind.CAUSAL_LM)
    return language_model(spec, device="cpu", name="tiny")


# -- what is offered -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lists", "way", "requests"), [(True, Way.ECHOES, 8), (False, Way.ECHO, 1 + 8 * 4)])
def test_completions_score_as_the_local_model_does(folder: Path, *, lists: bool, way: Way, requests: int) -> None:
    with running(TinyServer(folder, Offers(lists=lists))) as served:
        lm = endpoint(served)
        scored = lm.score(ASKED, WORDS)

    expected = local(folder).score(ASKED, WORDS)
    assert np.abs(scored.log_prob - expected.log_prob).max() < CLOSE
    assert scored.prompt_prob is not None
    assert expected.prompt_prob is not None
    assert scored.prompt_prob.tolist() == pytest.approx(expected.prompt_prob.tolist(), abs=CLOSE)
    assert lm.settings() == {
        "kind": "endpoint",
        "url": served.url,
        "model": "tiny",
        "offers": str(way),
        "chat_template": False,
    }
    assert len(served.seen) == requests


def test_nothing_is_asked_twice(server: TinyServer) -> None:
    lm = endpoint(server)

    lm.score(ASKED, WORDS)
    lm.score(ASKED[:2], ["awful", "poor"])

    sent = [json.dumps(one.body) for one in server.seen]
    assert (len(sent), len(set(sent))) == (10, 10)
    assert {one.body["model"] for one in server.seen} == {"tiny"}


@pytest.mark.parametrize("most", [20, 5])
def test_a_chat_scores_by_the_first_token(gpt2: Path, most: int) -> None:
    with running(TinyServer(gpt2, Offers(completions=False, most_likeliest=most))) as served:
        lm = endpoint(served)
        told = served._chat({"messages": [{"role": "user", "content": ASKED[0].text}], "max_tokens": 1})
        assert told[0] == 200
        body = {"messages": [{"role": "user", "content": ASKED[0].text}], "max_tokens": 1, "logprobs": True}
        _, reply = served._chat({**body, "top_logprobs": most})
        tokens = reply["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
        words = [tokens[0]["token"].strip().upper(), tokens[2]["token"].strip(), "~~no token begins so"]
        served.seen.clear()
        served.reply = words[0]

        scored = lm.score([ASKED[0]] * 3, words)
        kept = [one.body for one in served.answered]

    expected = [tokens[0]["logprob"], tokens[2]["logprob"], tokens[-1]["logprob"]]
    assert scored.log_prob[0].tolist() == pytest.approx(expected, abs=CLOSE)
    assert scored.prompt_prob is None
    assert (lm.settings()["offers"], lm.settings()["chat_template"]) == (str(Way.FIRST_TOKEN), True)
    assert [body["top_logprobs"] for body in kept] == [most] * 3
    assert [body["max_tokens"] for body in kept][1:] == [8, 8]


@pytest.mark.parametrize("takes", [True, False])
@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Great!", [0, LEAST, LEAST]),
        ("so SAY, all of us", [LEAST, LEAST, 0]),
        ("It is great. It is dull.", [0, 0, LEAST]),
    ],
)
def test_a_chat_without_log_probabilities_is_read(gpt2: Path, said: str, expected: list[float], *, takes: bool) -> None:
    offers = Offers(completions=False, logprobs=False, takes_logprobs=takes)
    with running(TinyServer(gpt2, offers, reply=said)) as served:
        lm = endpoint(served)
        scored = lm.score(ASKED[:3], WORDS)

    assert scored.log_prob.tolist() == [expected] * 3
    assert lm.settings()["offers"] == str(Way.TEXT)
    assert len(served.answered) == 3


def test_the_longest_of_the_words_that_stand_first_is_meant(gpt2: Path) -> None:
    with running(TinyServer(gpt2, Offers(completions=False, logprobs=False), reply="it is very good")) as served:
        scored = endpoint(served).score(ASKED[:1], ["good", "very", "very good"])

    assert scored.log_prob.tolist() == [[LEAST, LEAST, 0]]


def test_a_system_prompt_is_sent_as_one(gpt2: Path) -> None:
    with running(TinyServer(gpt2, Offers(completions=False))) as served:
        endpoint(served).score([Question("a film", "you think")], WORDS)

    assert served.answered[0].body["messages"] == [
        {"role": "system", "content": "you think"},
        {"role": "user", "content": "a film"},
    ]


PROMPT = Prompt(
    "{{ text }}", ("yes", "no"), (("great", "fine"), ("dull",)), style="chain-of-thought", conclusion="so it is"
)


@pytest.mark.parametrize("completions", [True, False])
def test_a_chain_of_thought_takes_two_turns(gpt2: Path, *, completions: bool) -> None:
    with running(TinyServer(gpt2, Offers(completions=completions), reply="i think it is fine")) as served:
        box = PromptedPredictor(endpoint(served), PROMPT, lambda inputs: [one.text for one in inputs], "tiny@thought")
        answers = box.predict([Input("a fine film"), Input("a dull film")])
        last = served.answered[-1].body

    assert answers.answers == ("yes", "no")
    assert answers.probabilities.sum(axis=1).tolist() == pytest.approx([1, 1], abs=1e-6)
    if completions:
        assert last["prompt"][0].endswith("\nso it is")
        assert answers.prompt_prob is not None
    else:
        assert [one["role"] for one in last["messages"]] == ["user", "assistant", "user"]
        assert [one["content"] for one in last["messages"][1:]] == ["i think it is fine", "so it is"]
        assert answers.prompt_prob is None


def test_what_is_written_is_what_the_local_model_writes(server: TinyServer, gpt2: Path) -> None:
    assert endpoint(server).write(ASKED[:4], most_tokens=6) == local(gpt2).write(ASKED[:4], most_tokens=6)


# -- faults ----------------------------------------------------------------------------------------------

FAULTS = ["429 0.1", "500", "503", "502 <html>bad gateway</html>", "408", "cut", "drop", "text {not json", "text []"]


def test_a_run_through_all_faults_completes_with_the_local_models_answers(server: TinyServer, gpt2: Path) -> None:
    lm = endpoint(server, concurrent=3, attempts=12)
    lm.score([Question("a song")], WORDS)
    server.faults = [*FAULTS]

    scored = lm.score(ASKED, WORDS)

    assert np.abs(scored.log_prob - local(gpt2).score(ASKED, WORDS).log_prob).max() < CLOSE
    sent = [json.dumps(one.body) for one in server.answered]
    assert (len(sent), len(set(sent))) == (9, 9), "what was answered was asked again"
    assert lm._client.attempts == 9 + len(FAULTS)


def test_a_reply_that_never_comes_is_asked_for_again(server: TinyServer, gpt2: Path) -> None:
    lm = endpoint(server, timeout=2.0, attempts=100)
    lm.score([Question("a song")], WORDS)
    server.faults = ["hang"]

    scored = lm.score(ASKED[:1], WORDS)

    assert np.abs(scored.log_prob - local(gpt2).score(ASKED[:1], WORDS).log_prob).max() < CLOSE
    assert lm._client.attempts >= 3


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_mended_by_asking_again(server: TinyServer, fault: str) -> None:
    server.faults = [fault, fault]
    lm = endpoint(server)

    lm.score(ASKED[:1], WORDS)

    assert lm._client.attempts == 3
    assert lm.settings()["offers"] == str(Way.ECHOES)


@pytest.mark.parametrize("fault", [*FAULTS, "hang"])
def test_attempts_end_with_one_line(mute: TinyServer, fault: str) -> None:
    mute.always = fault
    lm = endpoint(mute, attempts=3, timeout=0.3, first_pause=0.001)

    with pytest.raises(BlackBoxError) as told:
        lm.score(ASKED, WORDS)

    text = str(told.value)
    assert text.startswith(f"{mute.url} does not answer after 3 attempts (")
    assert text.endswith("): see that it runs and run this again; what was answered is kept.")
    assert "\n" not in text
    assert lm._client.attempts == 3


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_reply_that_trickles_ends_with_its_attempt(mute: TinyServer, part: str) -> None:
    mute.always = f"trickle {part}"

    told = pytest.raises(BlackBoxError, match=r"does not answer after 2 attempts \(no reply within 0\.3 seconds\)")
    with Client(mute.url, limits=Limits(timeout=0.3, attempts=2, **QUICK)) as client, told:
        client.post("/chat/completions", {})

    assert len(mute.seen) == 2


def test_a_server_that_is_not_there_is_told(mute: TinyServer) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    lm = EndpointModel(Client(url, limits=Limits(attempts=2, first_pause=0)), "tiny")

    with pytest.raises(BlackBoxError, match=r"does not answer after 2 attempts \(.*Connection refused\)"):
        lm.score(ASKED, WORDS)


@pytest.mark.parametrize("as_date", [False, True])
def test_a_server_is_left_alone_for_as_long_as_it_asks(server: TinyServer, *, as_date: bool) -> None:
    began = time.monotonic()
    server.faults = [f"429 {formatdate(time.time() + 2, usegmt=True)}" if as_date else "429 0.7"]

    endpoint(server, first_pause=0).score(ASKED[:1], WORDS)

    assert server.seen[1].at - began > 0.65


def test_a_server_that_asks_for_too_long_is_told(mute: TinyServer) -> None:
    mute.always = "429 86400"

    with pytest.raises(BlackBoxError, match=r"asks to be left alone for 86400 seconds: try again then\.$"):
        endpoint(mute).score(ASKED, WORDS)

    assert len(mute.seen) == 1


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "soon", "Sat, 99 Nov 2026 99:99:99 GMT"])
def test_an_odd_retry_after_is_passed_over(server: TinyServer, value: str) -> None:
    server.faults = [f"429 {value}"]

    assert endpoint(server).score(ASKED[:1], WORDS).log_prob.shape == (1, 3)


def test_a_bad_request_is_told_at_once_with_the_servers_words(server: TinyServer) -> None:
    lm = endpoint(server)
    lm.score(ASKED[:1], WORDS)
    server.always = "400 " + "the prompt\u0007 is bad " * 40

    with pytest.raises(BlackBoxError) as told:
        lm.score(ASKED[1:2], WORDS)

    assert str(told.value).startswith(f"{server.url} refuses with status 400 (the prompt is bad the prompt is bad")
    assert len(str(told.value)) < 300
    assert len(server.seen) == 2


def test_an_unknown_model_is_told_with_the_servers_words(mute: TinyServer) -> None:
    mute.always = "404 The model `tiny` does not exist."

    with pytest.raises(BlackBoxError, match=r"refuses with status 404 \(The model `tiny` does not exist\)\.$"):
        endpoint(mute).score(ASKED, WORDS)


@pytest.mark.parametrize("reply", ["{}", '{"choices": []}', '{"choices": [3]}', '{"choices": [{"logprobs": 1}]}'])
def test_what_is_no_such_endpoint_is_told(mute: TinyServer, reply: str) -> None:
    mute.always = f"text {reply}"

    with pytest.raises(BlackBoxError, match=r"/v1 answers in no form that is known\.$"):
        endpoint(mute).score(ASKED, WORDS)


def test_the_first_failure_ends_the_others(server: TinyServer) -> None:
    lm = endpoint(server, concurrent=2, first_pause=30)
    lm.score(ASKED[:1], WORDS)
    server.faults = ["500", "403 no"]

    with pytest.raises(BlackBoxError, match="refuses with status 403"):
        lm.score(ASKED, WORDS)

    sent = [json.dumps(request.body) for request in server.seen[1:]]  # but for that by which its ways were found out
    assert len(sent) == len(set(sent)), "it was waited for until it was asked again"
    assert lm.score(ASKED[:1], WORDS).log_prob.shape == (1, 3), "it can be asked again"


# -- limits ----------------------------------------------------------------------------------------------


def test_the_rate_is_held(server: TinyServer) -> None:
    began = time.monotonic()

    endpoint(server, requests_per_second=20, concurrent=8).score(ASKED, WORDS)

    assert len(server.seen) == 8
    assert max(one.at for one in server.seen) - began >= 7 / 20, "the eighth at 20 a second comes after 0.35 seconds"


@pytest.mark.parametrize("concurrent", [1, 3])
def test_so_many_requests_run_at_a_time(server: TinyServer, concurrent: int) -> None:
    server.together = concurrent
    lm = endpoint(server, concurrent=concurrent)

    lm.score(ASKED, WORDS)

    assert server.most_at_once == concurrent


@pytest.mark.parametrize(
    "limits",
    [
        {"requests_per_second": 0},
        {"requests_per_second": float("nan")},
        {"requests_per_second": -1},
        {"concurrent": 0},
        {"concurrent": 1000},
        {"timeout": 0},
        {"attempts": 0},
        {"first_pause": -1},
    ],
)
def test_limits_that_make_no_sense_are_refused(limits: dict[str, Any]) -> None:
    with pytest.raises(SettingError):
        Limits(**limits)


# -- the key ---------------------------------------------------------------------------------------------


def test_the_key_is_read_from_the_environment(gpt2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_ENV, f"{KEY}\n")
    with running(TinyServer(gpt2, key=KEY)) as served:
        assert endpoint(served, key_env=KEY_ENV).score(ASKED[:2], WORDS).log_prob.shape == (2, 3)


def test_a_key_that_is_not_set_is_told_before_anything_is_asked(mute: TinyServer) -> None:
    with pytest.raises(SettingError, match=r"^The endpoint's key is missing: set the environment variable TINY_KEY\.$"):
        endpoint(mute, key_env=KEY_ENV)

    assert mute.seen == []


@pytest.mark.parametrize(
    ("key_env", "mend"), [(KEY_ENV, "see what TINY_KEY holds"), (None, "name its key with --key-env")]
)
def test_a_refused_key_is_told_and_never_shown(
    gpt2: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    key_env: str | None,
    mend: str,
) -> None:
    monkeypatch.setenv(KEY_ENV, KEY)
    caplog.set_level(logging.DEBUG)
    with running(TinyServer(gpt2, key="another")) as served, pytest.raises(BlackBoxError) as told:
        endpoint(served, key_env=key_env).score(ASKED, WORDS)

    shown = f"{told.value!r} {told.value.__cause__!r} {caplog.text} {''.join(capfd.readouterr())}"
    assert f"refuses with status 401: {mend} (wrong key: " in shown
    assert KEY not in shown
    assert len(served.seen) == 1


@pytest.mark.parametrize("fault", ["307", "302", "301", "308"])
def test_a_redirect_is_not_followed(
    server: TinyServer, mute: TinyServer, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv(KEY_ENV, KEY)
    mute.always = f"{fault} {server.url}/completions"

    with pytest.raises(BlackBoxError, match=rf"sends elsewhere \(status {fault}\), which is not followed"):
        endpoint(mute, key_env=KEY_ENV).score(ASKED, WORDS)

    assert (len(mute.seen), server.seen) == (1, [])


def test_neither_proxies_nor_netrc_are_used(
    server: TinyServer, mute: TinyServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "netrc").write_text(f"machine 127.0.0.1 login me password {KEY}\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, mute.url)

    endpoint(server).score(ASKED[:1], WORDS)

    assert mute.seen == []
    assert "Authorization" not in server.seen[0].headers


@pytest.mark.parametrize("name", [KEY, "sk-1", "tiny_key", "A B", "", "1A", "KEY=x", "A\n"])
def test_a_key_in_the_place_of_its_name_is_neither_stored_nor_shown(empty: Registry, name: str) -> None:
    with pytest.raises(SettingError, match="is the NAME of an environment variable") as told:
        endpoint_model(empty, "lm", "http://localhost/v1", model="tiny", key_env=name)

    assert KEY not in str(told.value)
    assert list(empty.models()) == []


# -- addresses -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("http://localhost:8000/v1/", "http://localhost:8000/v1"),
        ("http://127.0.0.1:11434/v1", "http://127.0.0.1:11434/v1"),
        ("http://[::1]:8000/v1", "http://[::1]:8000/v1"),
        ("http://192.168.1.7:8080", "http://192.168.1.7:8080"),
        ("http://[fd12:3456::1]/v1", "http://[fd12:3456::1]/v1"),
        ("http://my_vllm-2:8000/v1", "http://my_vllm-2:8000/v1"),
        ("HTTPS://API.OpenAI.com/v1", "https://api.openai.com/v1"),
        ("https://xn--bcher-kva.example/openai/v1", "https://xn--bcher-kva.example/openai/v1"),
    ],
)
def test_an_honest_address_is_taken(registry: Registry, url: str, kept: str) -> None:
    assert endpoint_model(registry, "lm", url, model="tiny").spec["url"] == kept


def test_a_name_that_leads_to_a_refused_address_gets_no_request(
    mute: TinyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_ENV, KEY)
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", mute.port))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    metadata = {*addresses._METADATA, addresses.ipaddress.ip_address("127.0.0.1")}
    monkeypatch.setattr(addresses, "_METADATA", metadata)
    lm = EndpointModel(Client(f"http://innocent.example:{mute.port}/v1", key_env=KEY_ENV), "tiny")

    with pytest.raises(SettingError, match=r"^The endpoint's address 127\.0\.0\.1 is not to be asked"):
        lm.score(ASKED, WORDS)

    assert mute.seen == []


# -- the catalog and the program -------------------------------------------------------------------------


def test_registering_asks_nothing(registry: Registry, mute: TinyServer) -> None:
    limits = Limits(requests_per_second=2, concurrent=3)
    record = endpoint_model(registry, "lm", mute.url, model="tiny", key_env=KEY_ENV, limits=limits)

    assert record.spec == {
        "type": "endpoint",
        "url": mute.url,
        "model": "tiny",
        "key_env": KEY_ENV,
        "limits": {"requests_per_second": 2, "concurrent": 3, "timeout": 60.0, "attempts": 6, "first_pause": 0.5},
    }
    assert mute.seen == []


def test_an_entry_becomes_a_language_model(registry: Registry, server: TinyServer, gpt2: Path) -> None:
    record = endpoint_model(registry, "lm", server.url, model="tiny")

    scored = language_model(ModelSpec.from_document(record.spec), device=None, name="lm").score(ASKED[:2], WORDS)

    assert np.abs(scored.log_prob - local(gpt2).score(ASKED[:2], WORDS).log_prob).max() < CLOSE


def test_an_endpoint_is_embedded_through_its_prompts(registry: Registry, mute: TinyServer) -> None:
    record = endpoint_model(registry, "lm", mute.url, model="tiny")

    with pytest.raises(NotEmbeddableError, match=r"^'lm' cannot be asked by itself: embed its prompts, lm@PROMPT\.$"):
        predictor_for(registry, record, device="cpu")

    assert mute.seen == []


def test_another_address_makes_another_version(registry: Registry) -> None:
    endpoint_model(registry, "lm", "http://localhost:1/v1", model="tiny", key_env=KEY_ENV)

    with pytest.raises(RegistryError, match="other content: choose another name, or pass --replace"):
        endpoint_model(registry, "lm", "http://localhost:2/v1", model="tiny", key_env=KEY_ENV)


@pytest.mark.parametrize("model", ["", " ", "a\nb", "x" * 301])
def test_an_endpoint_without_a_model_is_refused(empty: Registry, model: str) -> None:
    with pytest.raises(EmbedderError, match=r"^An endpoint needs what it calls its model: --model-id ID\.$"):
        endpoint_model(empty, "lm", "http://localhost/v1", model=model)


def run(store: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli.main, ["--registry", str(store), "model", "add", "lm", *arguments])
    return result.exit_code, result.output


def test_the_program_registers_an_endpoint(tmp_path: Path) -> None:
    Registry.create(tmp_path / "store").close()
    given = ["--model-id", "tiny", "--key-env", KEY_ENV, "--requests-per-second", "2.5", "--concurrent", "3"]

    made = run(tmp_path / "store", "--endpoint", "http://localhost:8000/v1", *given)

    assert made == (0, "lm version 1\n")
    with Registry.open(tmp_path / "store") as registry:
        spec = registry.catalog.entries.get("lm").spec
    assert (spec["model"], spec["key_env"]) == ("tiny", KEY_ENV)
    assert (spec["limits"]["requests_per_second"], spec["limits"]["concurrent"]) == (2.5, 3)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--endpoint", "http://localhost/v1"], "An endpoint needs what it calls its model: --model-id ID."),
        (["--endpoint", "http://2852039166/v1", "--model-id", "x"], "The endpoint's address 169.254.169.254 is not"),
        (["--endpoint", "http://h/v1", "--model-id", "x", "--labels", "a,b"], "--revision go with --hf."),
        (["--endpoint", "http://h/v1", "--model-id", "x", "--concurrent", "0"], "--concurrent is 1 to 256 requests"),
        (["--function", "json:dumps", "--model-id", "x"], "--reasoning-tokens go with --endpoint."),
        (["--endpoint", "http://h/v1", "--hf", "minilm"], "Give one of --hf, --endpoint, --function and --recorded."),
    ],
)
def test_the_program_refuses_what_does_not_fit(tmp_path: Path, arguments: list[str], told: str) -> None:
    Registry.create(tmp_path / "store").close()

    code, text = run(tmp_path / "store", *arguments)

    assert code == 2
    assert told in text
