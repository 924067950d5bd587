"""A language model behind an endpoint, from `model add` to `best-prompt`: through faults, kills and an outage."""

import json
import os
import shutil
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from click.testing import CliRunner
from loopback import CONNECT, reach_loopback_alone
from nursery import EMBEDDING, INTERRUPTED, Nursery
from reply_modes import NOT_READABLE, Says, choice, reply
from test_prompted import ANSWERS, done, embedded, held, recorded, told
from tiny import BAD, GOOD, sentences
from tiny_cli import dump, tiny_bert, write_rows
from tiny_families import tiny_family
from tiny_server import TinyServer, running
from waiting import LIMIT, until

import cli
from commands import embedding
from embedders.black_boxes.registering import endpoint_model
from embedders.predictors.endpoint.client import Limits
from registry import Registry
from registry.catalog.predictions import CONTENT_FREE, joined

TEXTS = sentences(GOOD + BAD, 72)  # two whole runs, and a bit of one
TEMPLATES = {"ask": "{{ text }} is it", "say": "it is a {{ text }} so it is"}
BATCH = 32
ROWS = [{"text": f"the film is {word} a song", "label": ANSWERS[word == "good"]} for word in ("good", "bad")]
QUICK = Limits(attempts=5, first_pause=0.01)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    reach_loopback_alone(monkeypatch)


class Remembering(TinyServer):
    """A server that computes each answer once: all tests ask it the same."""

    known: ClassVar[dict[str, tuple[int, Any]]] = {}

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        request = json.dumps([path, body])
        if request not in self.known:
            self.known[request] = super().answer(path, body)
        return self.known[request]


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_family(tmp_path_factory.mktemp("served") / "gpt2", "gpt2")


@pytest.fixture
def server(gpt2: Path) -> Iterator[TinyServer]:
    with running(Remembering(gpt2)) as served:
        yield served


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with prompts, a task, a corpus and a space, but no model."""
    place = tmp_path_factory.mktemp("made")
    store, surrogate = place / "store", tiny_bert(place / "surrogate")
    done(store, "init")
    done(store, "task", "add", "films", "--data", write_rows(place / "films.jsonl", ROWS))
    for name, template in TEMPLATES.items():
        done(store, "prompt", "add", name, "--template", template, *WORDS)
    data = write_rows(place / "texts.jsonl", [{"text": text} for text in TEXTS])
    done(store, "corpus", "create", "texts", "--data", data)
    space = ("--surrogate", surrogate, "--corpus", "texts", "--dimension", "768", "--set", "answers=probabilities")
    done(store, "space", "create", "tiny", *space)
    return store


WORDS = ("--choice", "negative=dull,awful", "--choice", "positive=great,so say")


@pytest.fixture
def store(tmp_path: Path, made: Path) -> Path:
    return shutil.copytree(made, tmp_path / "store")


def register(store: Path, url: str, name: str = "lm") -> None:
    """Register an endpoint that is given up sooner than the program would."""
    with Registry.open(store) as registry:
        endpoint_model(registry, name, url, model="tiny", limits=QUICK)


def asked(server: TinyServer) -> Counter[str]:
    """Return how often each prompt reached the server."""
    return Counter(one.body["prompt"][0] for one in server.seen)


def rendered(name: str) -> list[str]:
    return [TEMPLATES[name].replace("{{ text }}", text) for text in (*TEXTS, "", "N/A", "[MASK]")]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, made: Path, gpt2: Path) -> dict[str, bytes]:
    """Return the vectors of a run that nothing disturbed."""
    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", CONNECT)
    store = shutil.copytree(made, tmp_path_factory.mktemp("undisturbed") / "store")
    with running(Remembering(gpt2)) as served:
        register(store, served.url)
        embedded(store, "lm@*")
    patch.undo()
    return vectors(store)


def vectors(store: Path) -> dict[str, bytes]:
    return {f"lm@{name}": held(store, f"lm@{name}").vector.tobytes() for name in TEMPLATES}


# -- as typed ----------------------------------------------------------------------------------------


def test_an_endpoint_is_registered_embedded_and_asked_for_its_best_prompt(store: Path, server: TinyServer) -> None:
    server.together = 2
    done(store, "model", "add", "lm", "--endpoint", server.url, "--model-id", "tiny", "--concurrent", "2")
    assert server.seen == []

    assert embedded(store, "lm@*", "films") == ["films", "lm@ask", "lm@say"]

    assert asked(server) == Counter([*rendered("ask"), *rendered("say")])  # each once
    assert server.most_at_once == 2
    ranking = done(store, "best-prompt", "films", "--model", "lm", "--json")
    assert sorted(row["name"] for row in ranking["prompts"]) == ["ask", "say"]
    done(store, "best-prompt", "films", "--model", "lm", "--calibration", "contextual", "--json")
    by_own = done(store, "best-prompt", "films", "--model", "lm", "--by", "perplexity", "--json")
    own = {name: joined(recorded(store, f"lm@{name}")).prompt_prob for name in TEMPLATES}
    assert {row["name"]: row["score"] for row in by_own["prompts"]} == pytest.approx(
        {name: -float(np.mean(1 / its)) for name, its in own.items() if its is not None}, rel=1e-5
    )
    assert len(server.seen) == 2 * (len(TEXTS) + 3)
    assert held(store, "lm@ask").provenance["asked"] == {
        "style": "vanilla",
        "kind": "endpoint",
        "url": server.url,
        "model": "tiny",
        "offers": "completions, all words of a prompt in one request",
        "chat_template": False,
    }


def test_a_run_gets_through_faults(store: Path, server: TinyServer, undisturbed: dict[str, bytes]) -> None:
    register(store, server.url)
    faults = ["429 0", "500", "", "cut", "drop", "503", "text {bad", "text []", ""]
    server.faults = [*faults, *[""] * 40, *faults]

    assert embedded(store, "lm@*") == ["lm@ask", "lm@say"]

    assert vectors(store) == undisturbed
    assert len(server.answered) == 2 * (len(TEXTS) + 3)
    assert len(server.seen) == len(server.answered) + 2 * 7


# -- resumed -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    made = Nursery(*EMBEDDING)
    yield made
    made.close()


def test_a_killed_run_goes_on_and_asks_nothing_twice_that_was_kept(
    store: Path, tmp_path: Path, server: TinyServer, nursery: Nursery, undisturbed: dict[str, bytes]
) -> None:
    register(store, server.url)
    server.holds_after = BATCH + 8
    process = nursery.start(tmp_path / "said", "--registry", store, "embed", "lm@*")
    until(lambda: len(server.seen) > BATCH + 8)
    os.kill(process, signal.SIGKILL)
    assert nursery.wait() == -signal.SIGKILL
    server.holds_after = None
    until(lambda: server.at_once == 0)
    kept = sum(len(one.probabilities) for one in recorded(store, "lm@ask").values())
    before = asked(server)
    assert kept == BATCH
    assert kept < sum(before.values()) < len(TEXTS), "killed in the middle of a run"

    assert embedded(store, "lm@*") == ["lm@ask", "lm@say"]

    counts = asked(server)
    assert set(counts) == {*rendered("ask"), *rendered("say")}
    assert [text for text in rendered("ask")[:kept] if counts[text] > 1] == []
    twice = {text: count for text, count in counts.items() if count > 1}
    assert set(twice.values()) <= {2}
    assert 0 < len(twice) <= BATCH
    assert vectors(store) == undisturbed


def test_an_interrupted_run_says_so_and_goes_on(
    store: Path, tmp_path: Path, server: TinyServer, nursery: Nursery, undisturbed: dict[str, bytes]
) -> None:
    register(store, server.url)
    server.holds_after = BATCH + 8
    process = nursery.start(tmp_path / "said", "--registry", store, "embed", "lm@*")
    until(lambda: len(server.seen) > BATCH + 8)
    os.kill(process, signal.SIGINT)

    assert nursery.wait() == 130
    server.holds_after = None
    until(lambda: server.at_once == 0)
    assert (tmp_path / "said").read_text() == INTERRUPTED
    assert sum(len(one.probabilities) for one in recorded(store, "lm@ask").values()) >= BATCH
    assert embedded(store, "lm@*") == ["lm@ask", "lm@say"]
    assert sum(count - 1 for count in asked(server).values()) <= BATCH
    assert vectors(store) == undisturbed


def test_an_interruption_does_not_wait_for_an_endpoint_that_hangs(
    store: Path, tmp_path: Path, server: TinyServer, nursery: Nursery
) -> None:
    with Registry.open(store) as registry:
        endpoint_model(registry, "lm", server.url, model="tiny", limits=Limits(timeout=1000 * LIMIT))
    server.faults, server.always = [""], "hang"
    process = nursery.start(tmp_path / "said", "--registry", store, "embed", "lm@ask")
    until(lambda: server.at_once == 4)
    os.kill(process, signal.SIGINT)

    assert nursery.wait() == 130
    assert (tmp_path / "said").read_text() == INTERRUPTED


# -- an outage ---------------------------------------------------------------------------------------


def test_an_endpoint_that_is_down_is_one_line_with_the_mend_and_the_run_is_taken_up_later(
    store: Path, gpt2: Path, undisturbed: dict[str, bytes]
) -> None:
    with running(TinyServer(None)) as gone:
        register(store, gone.url)

    code, error = told(store, "embed", "lm@*")

    assert code == 1, error
    first, second = error.splitlines()
    assert first.startswith(f"failed lm@ask and 1 more: {gone.url} does not answer after 5 attempts (")
    assert first.endswith("): see that it runs and run this again; what was answered is kept.")
    assert second == "0 embedded, 0 known already, 2 failed in space tiny"
    assert (recorded(store, "lm@ask"), recorded(store, "lm@say")) == ({}, {})
    with Registry.open(store) as registry:
        assert registry.vectors().names == ()
    with running(Remembering(gpt2, port=gone.port)):
        assert embedded(store, "lm@*") == ["lm@ask", "lm@say"]
    assert vectors(store) == undisturbed


def test_an_endpoint_that_goes_down_on_the_way_keeps_what_it_answered(
    store: Path, server: TinyServer, undisturbed: dict[str, bytes]
) -> None:
    register(store, server.url)
    server.faults, server.always = [""] * (BATCH + 10), "500"

    code, error = told(store, "embed", "lm@ask")

    assert code == 1, error
    assert error.splitlines()[0].startswith(
        f"failed lm@ask: {server.url} does not answer after 5 attempts (status 500)"
    )
    assert {start: len(one.probabilities) for start, one in recorded(store, "lm@ask").items()} == {0: BATCH}
    server.seen, server.always = [], None
    assert embedded(store, "lm@*") == ["lm@ask", "lm@say"]
    assert asked(server) == Counter([*rendered("ask")[BATCH:], *rendered("say")])
    assert CONTENT_FREE in recorded(store, "lm@ask")
    assert vectors(store) == undisturbed


@pytest.mark.parametrize(
    ("fault", "told_of"), [("401", "name its key with --key-env"), ("404 no such model", "(no such model)")]
)
def test_a_refusal_is_one_line_at_once(store: Path, server: TinyServer, fault: str, told_of: str) -> None:
    register(store, server.url)
    server.always = fault

    code, error = told(store, "embed", "lm@ask", "films")

    assert code == 1, error
    assert told_of in error.splitlines()[0]
    assert error.splitlines()[1:] == ["1 embedded, 0 known already, 1 failed in space tiny"]
    assert len(server.seen) <= 6


def test_a_missing_key_is_one_line_and_no_request(store: Path, server: TinyServer) -> None:
    given = ("--endpoint", server.url, "--model-id", "tiny", "--key-env", "FUTE_TEST_NO_KEY")
    done(store, "model", "add", "lm", *given)

    code, error = told(store, "embed", "lm@ask")

    assert code == 1, error
    assert error.splitlines()[0] == (
        "failed lm@ask: The endpoint's key is missing: set the environment variable FUTE_TEST_NO_KEY."
    )
    assert server.seen == []


def test_a_second_space_asks_the_endpoint_nothing(store: Path, server: TinyServer, made: Path) -> None:
    register(store, server.url)
    embedded(store, "lm@*")
    server.seen = []
    space = ("--surrogate", made.parent / "surrogate", "--corpus", "texts", "--dimension", "768", "--seed", "1")
    done(store, "space", "create", "second", *space)

    assert embedded(store, "lm", "--space", "second") == ["lm@ask", "lm@say"]

    assert server.seen == []
    assert held(store, "lm@ask", "second").provenance["asked"] == held(store, "lm@ask").provenance["asked"]
    before = dump(store)
    assert done(store, "embed", "lm", "--json")["known"] == ["lm@ask", "lm@say"]
    assert dump(store) == before


# -- replies that are not understood -----------------------------------------------------------------


def saying(good: str, other: str) -> Says:
    """Return a mode that says this of texts that praise, and that of all others."""
    return lambda body: reply(choice(good if praises(body["messages"][-1]["content"]) else other))


def praises(text: str) -> bool:
    return any(word in text for word in GOOD)


@pytest.fixture
def chatting() -> Iterator[TinyServer]:
    with running(TinyServer(None)) as server:
        server.offers.completions = False
        yield server


def test_replies_that_are_not_understood_are_counted_and_left_out(store: Path, chatting: TinyServer) -> None:
    register(store, chatting.url)
    few = iter(range(1000))
    chatting.says = lambda body: (
        reply(choice("Who knows?")) if next(few) % 4 == 3 else saying("great", "dull")(body)  # every fourth
    )

    code, error = told(store, "embed", "lm@ask")

    assert code == 0, error
    assert f"lm@ask: {len(TEXTS) // 4} of {len(TEXTS)} texts have no answer ({len(TEXTS) // 4} no answer)" in error
    shown = done(store, "model", "answers", "lm@ask", "--json")
    assert shown["counts"]["none: no answer"] == len(TEXTS) // 4
    assert [row["asked"] for row in shown["answers"]] == rendered("ask")[: len(TEXTS)]
    for row in shown["answers"]:
        right = "positive" if praises(row["text"]) else "negative"
        assert (row["answer"], row["why"]) in ((right, None), (None, "no answer"))
        assert bool(row["probabilities"]) == (row["why"] is None)
        assert (row["reply"] == "Who knows?") == (row["why"] is not None), "what it wrote is shown beside what was read"


def test_a_model_whose_replies_say_nothing_fails_in_one_line_and_the_others_go_on(
    store: Path, chatting: TinyServer
) -> None:
    register(store, chatting.url)
    chatting.says = NOT_READABLE["still reasoning"][0]

    code, error = told(store, "embed", "lm@ask", "films")

    assert code == 1
    assert error.splitlines() == [
        f"failed lm@ask: Of 'lm@ask', {BATCH} of {BATCH} texts have no answer ({BATCH} cut off): give a model that "
        "thinks room, 'fute model add ... --reasoning-tokens 2000 --replace', or let the prompt ask for one word.",
        "1 embedded, 0 known already, 1 failed in space tiny",
    ]
    assert len(chatting.answered) == BATCH, "no more was asked, and paid for"
    assert done(store, "model", "answers", "lm", "--prompt", "ask", "--json")["counts"] == {"none: cut off": BATCH}

    chatting.says = saying("great", "dull")
    assert embedded(store, "lm@ask") == ["lm@ask"], "what told nothing is asked once more"
    shown = done(store, "model", "answers", "lm", "--prompt", "ask", "--json")
    assert set(shown["counts"]) == {"negative", "positive"}
    assert (len(shown["answers"]), shown["texts"]) == (len(TEXTS), len(TEXTS))


def test_a_model_whose_every_text_is_kept_back_by_a_filter_gets_no_vector(store: Path, chatting: TinyServer) -> None:
    register(store, chatting.url)
    chatting.always = "400 content_filter: this text is not let through"

    code, error = told(store, "embed", "lm@ask")

    assert code == 1
    assert error.startswith(f"failed lm@ask: Of 'lm@ask', {BATCH} of {BATCH} texts have no answer ({BATCH} refused)")
    with Registry.open(store) as registry:
        assert registry.show("lm@ask", "prompted-model")["embedded_in"] == []


def test_room_for_reasoning_is_given_where_the_model_is_registered(store: Path, chatting: TinyServer) -> None:
    given = ("--endpoint", chatting.url, "--model-id", "tiny", "--reasoning-tokens", "500")
    done(store, "model", "add", "lm", *given)
    chatting.says = lambda body: (
        saying("<think>dull?</think>great", "<think>great?</think>dull")(body)
        if body["max_tokens"] > 500
        else NOT_READABLE["still reasoning"][0](body)
    )

    assert embedded(store, "lm@ask") == ["lm@ask"]

    for row in done(store, "model", "answers", "lm@ask", "--json")["answers"]:
        assert row["answer"] == ("positive" if praises(row["text"]) else "negative")
        assert row["reply"].startswith("<think>"), "reasoning is shown as it came"
    assert held(store, "lm@ask").provenance["asked"]["reasoning_tokens"] == 500


def test_answers_are_shown_as_a_table(store: Path, chatting: TinyServer) -> None:
    register(store, chatting.url)
    chatting.says = saying("great", "dull")
    embedded(store, "lm@ask")

    result = CliRunner().invoke(cli.main, ["--registry", str(store), "model", "answers", "lm@ask", "-n", "2"])

    assert result.exit_code == 0
    assert result.stdout.startswith(f"asked, of the first text:\n{rendered('ask')[0]}\n")
    assert sum("positive" in line or "negative" in line for line in result.stdout.splitlines()) == 2
    assert f"{len(TEXTS)} of {len(TEXTS)} texts asked: " in result.stderr


@pytest.mark.parametrize(
    ("asked_of", "problem"),
    [
        (["lm"], "'lm' answers under a prompt: it was asked under none so far."),
        (["lm@none"], "No answers under a prompt named 'none'"),
        (["films"], "No model named 'films'"),
        (["nobody"], "No model named 'nobody'"),
    ],
)
def test_answers_of_what_gave_none_are_refused(
    store: Path, chatting: TinyServer, asked_of: list[str], problem: str
) -> None:
    register(store, chatting.url)

    code, error = told(store, "model", "answers", *asked_of)

    assert code == 2
    assert problem in error


def test_a_model_that_was_not_asked_yet_shows_that(store: Path, chatting: TinyServer) -> None:
    register(store, chatting.url)
    chatting.always = "401"
    told(store, "embed", "lm@ask")

    code, error = told(store, "model", "answers", "lm@ask")

    assert (code, error.splitlines()[0]) == (0, "lm@ask was not asked in space tiny yet.")


# -- before a run ------------------------------------------------------------------------------------


def test_what_a_run_would_ask_is_told_before_and_nothing_is_written(store: Path, chatting: TinyServer) -> None:
    done(store, "model", "add", "lm", "--endpoint", chatting.url, "--model-id", "tiny", "--requests-per-second", "0.5")
    before = dump(store)

    plan = done(store, "embed", "lm@*", "films", "--dry-run", "--json")
    code, error = told(store, "embed", "lm@*", "films", "--dry-run")

    requests = len(TEXTS) + 3
    assert plan == {
        "requests": 2 * requests,
        "entries": [
            {
                "name": f"lm@{name}",
                "kind": "prompted-model",
                "texts": len(TEXTS),
                "requests": requests,
                "seconds": 150.0,
            }
            for name in TEMPLATES
        ]
        + [{"name": "films", "kind": "task", "texts": 0, "requests": 0, "seconds": None}],
    }
    assert (code, error.splitlines()) == (
        0,
        [f"2 prompts x {len(TEXTS)} texts: {2 * requests} requests or more, 5 minutes or more at the rate that is set"],
    )
    assert (chatting.seen, dump(store)) == ([], before)


def test_what_is_recorded_is_not_among_what_would_be_asked(store: Path, chatting: TinyServer) -> None:
    register(store, chatting.url)
    chatting.says = saying("great", "dull")
    embedded(store, "lm@ask")

    plan = done(store, "embed", "lm@*", "--dry-run", "--json")

    assert [row["name"] for row in plan["entries"]] == ["lm@say"]
    sent = len(chatting.answered)
    embedded(store, "lm@say")
    assert len(chatting.answered) - sent == plan["requests"]


def test_what_is_embedded_again_is_planned_and_asks_nothing_that_is_recorded(store: Path, chatting: TinyServer) -> None:
    register(store, chatting.url)
    chatting.says = saying("great", "dull")
    embedded(store, "lm@ask", "films")
    sent = len(chatting.answered)

    assert done(store, "embed", "lm@ask", "films", "--dry-run", "--json")["entries"] == []
    plan = done(store, "embed", "lm@ask", "films", "--again", "--dry-run", "--json")
    done(store, "embed", "lm@ask", "films", "--again", "--json")

    told = {row["name"]: (row["texts"], row["requests"]) for row in plan["entries"]}
    assert told == {"films": (0, 0), "lm@ask": (0, 0)}
    assert len(chatting.answered) == sent


def test_of_a_registry_without_a_space_the_one_that_would_be_made_is_told(tmp_path: Path) -> None:
    store = tmp_path / "store"
    done(store, "init")
    done(store, "task", "add", "films", "--data", write_rows(tmp_path / "films.jsonl", ROWS))
    done(store, "model", "add", "f", "--function", "json:dumps")
    before = dump(store)

    plan = done(store, "embed", "--all", "--dry-run", "--json")

    assert [(row["name"], row["texts"] > 100) for row in plan["entries"]] == [("f", True), ("films", False)]
    assert dump(store) == before


@pytest.mark.parametrize(("answer", "flags", "sent"), [("n\n", (), 0), ("y\n", (), 250), ("", ("--yes",), 250)])
def test_on_a_terminal_many_requests_are_asked_about(
    store: Path, chatting: TinyServer, monkeypatch: pytest.MonkeyPatch, answer: str, flags: tuple[str, ...], sent: int
) -> None:
    register(store, chatting.url)
    chatting.says = saying("great", "dull")
    monkeypatch.setattr(embedding, "FEW", 100)
    monkeypatch.setattr(embedding, "_is_terminal", lambda: True)

    result = CliRunner().invoke(cli.main, ["--registry", str(store), "embed", "lm@*", *flags], input=answer)

    assert ("Go on?" in result.stderr) == (not flags)
    assert result.exit_code == (0 if sent else 1)
    assert (len(chatting.answered) > 100) == bool(sent)
