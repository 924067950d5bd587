"""`fute mcp`: every tool, asked by the protocol's own client over standard input and output, of a real registry."""

import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from tiny_cli import FUTE, run, told
from tiny_pages import HTML, NAMES, fill
from waiting import LIMIT

mcp = pytest.importorskip("mcp")

from mcp import Client, StdioServerParameters  # noqa: E402
from mcp.client.stdio import stdio_client  # noqa: E402
from mcp.shared.exceptions import MCPError  # noqa: E402

from web.agents.server import _sendable  # noqa: E402

Call = tuple[str, dict[str, Any]]

SAME: list[tuple[str, dict[str, Any], str]] = [
    ("nearest", {"name": "t02"}, "nearest t02"),
    ("nearest", {"name": "t02", "k": 3, "kind": ["task"], "tag": ["many"]}, "nearest t02 -k 3 --kind task --tag many"),
    (
        "nearest",
        {"name": "t02", "by": "memory", "setting": "small/full"},
        "nearest t02 --by memory --setting small/full",
    ),
    ("nearest", {"name": "t02", "by": "gain", "own": True, "pack": False}, "nearest t02 --by gain --own --no-pack"),
    ("nearest", {"name": "t03", "k": None, "kind": None, "tag": None, "by": None, "own": None}, "nearest t03"),
    ("nearest", {"name": "opt@bad", "space": "prompts"}, "nearest opt@bad --space prompts"),
    ("compare", {"a": "t02", "b": "t03"}, "compare t02 t03"),
    (
        "best-prompt",
        {"task": "films", "model": "opt", "space": "prompts"},
        "best-prompt films --model opt --space prompts",
    ),
    (
        "best-prompt",
        {"task": "films", "model": "opt", "space": "prompts", "priors": "positive=80%"},
        "best-prompt films --model opt --space prompts --priors positive=80%",
    ),
    (
        "best-prompt",
        {"task": "films", "model": "opt", "space": "prompts", "by": "mi", "k": 2, "calibration": "batch"},
        "best-prompt films --model opt --space prompts --by mi -k 2 --calibration batch",
    ),
    ("best-model", {"task": "films", "space": "prompts", "k": 2}, "best-model films --space prompts -k 2"),
    ("list-entries", {"kind": "task", "limit": 1000}, "task list"),
    ("list-entries", {"kind": "model"}, "model list"),
    ("list-entries", {"kind": "prompt"}, "prompt list"),
    ("list-entries", {"kind": "corpus"}, "corpus list"),
    ("show-entry", {"name": "t01:first"}, "task show t01:first"),
    ("show-entry", {"name": "hostile", "kind": "task"}, "task show hostile"),
    ("show-entry", {"name": "opt"}, "model show opt"),
    ("show-entry", {"name": "opt@good/one"}, "model show opt@good/one"),
    ("show-entry", {"name": "good/one"}, "prompt show good/one"),
    ("show-entry", {"name": "texts"}, "corpus show texts"),
    ("status", {}, "status"),
]
LONG = "n" * 100_000
BAD: list[tuple[str, dict[str, Any], str]] = [
    ("nearest", {"name": "nobody"}, "No entry named 'nobody' in this registry."),
    ("nearest", {"name": "opt@bad"}, "'opt@bad' has no vector in space 'by-hand'"),
    ("nearest", {}, "'name': it is missing."),
    ("nearest", {"name": ""}, "'name': it is missing."),
    ("nearest", {"name": LONG}, "'name': string should have at most 300 characters."),
    ("nearest", {"name": 7}, "'name': input should be a valid string."),
    ("nearest", {"name": "t02", "k": 100_000}, "'k': input should be less than or equal to 200."),
    ("nearest", {"name": "t02", "weights": 1}, "'weights': it is not known here."),
    ("nearest", {"name": "t02", LONG: 1}, f"'{LONG[:60]}': it is not known here."),
    ("nearest", {"name": "t02", "space": "nowhere"}, "No space named 'nowhere'"),
    ("nearest", {"name": "../catalog.db"}, "'../catalog.db' is not a name: "),
    ("nearest", {"name": "a\x1b[2Jb\nc\u202e"}, r"'a\x1b[2Jb\nc\u202e' is not a name: "),
    ("nearest", {"name": "a\x00b"}, r"'a\x00b' is not a name: "),
    ("nearest", {"name": HTML}, r"'<script>alert(\'x\')</script>"),
    ("compare", {"a": "t02"}, "'b': it is missing."),
    ("best-prompt", {"task": "films", "model": "nobody"}, "No model named 'nobody' in this registry."),
    ("best-prompt", {"task": "films", "model": "opt", "space": "prompts", "by": "luck"}, "No method 'luck'"),
    ("best-prompt", {"task": "films", "model": "opt", "by": "self-select"}, "No model is asked here: "),
    ("best-model", {"task": "films", "space": "prompts", "priors": "a"}, "expected LABEL=SHARE,LABEL=SHARE"),
    ("best-model", {"task": "opt", "space": "prompts"}, "No task named 'opt' in this registry."),
    ("list-entries", {"kind": "tasks"}, "'kind': input should be "),
    ("show-entry", {"name": "opt", "kind": "task"}, "No task named 'opt' in this registry."),
    ("status", {"verbose": True}, "'verbose': it is not known here."),
]


@dataclass(frozen=True)
class Session:
    """What a client was told: the tools, and an answer for each call; and what the log says."""

    tools: dict[str, Any]
    answers: list[Any]
    errors: str
    found: dict[str, str] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)


def session(store: Path | str, calls: Sequence[Call], log: Path, *, mode: str = "auto") -> Session:
    """Start the program, ask it all of this at once, and end it."""

    async def ask() -> Session:
        answers: list[Any] = [None] * len(calls)
        with log.open("w", encoding="utf-8") as errors:
            program = StdioServerParameters(
                command=str(FUTE), args=["--registry", str(store), "mcp"], env={**os.environ}
            )
            async with Client(stdio_client(program, errors), mode=mode, read_timeout_seconds=LIMIT) as client:
                tools = {tool.name: tool for tool in (await client.list_tools()).tools}

                async def one(number: int, name: str, arguments: dict[str, Any]) -> None:
                    try:
                        answers[number] = await client.call_tool(name, arguments)
                    except MCPError as error:
                        answers[number] = error

                async with anyio.create_task_group() as group:
                    for number, (name, arguments) in enumerate(calls):
                        group.start_soon(one, number, name, arguments)
        return Session(tools, answers, log.read_text(encoding="utf-8"))

    return anyio.run(ask)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("agents"))


@pytest.fixture(scope="module")
def asked(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Everything asked at once of a registry whose indexes nobody has made yet, with the files it found and left."""
    calls = [(name, arguments) for name, arguments, _ in (*SAME, *BAD)]
    before = digests(store)
    answered = session(store, calls, tmp_path_factory.mktemp("log") / "errors.txt")
    return replace(answered, found=before, left=digests(store))


@pytest.mark.parametrize("number", range(len(SAME)), ids=[command for *_, command in SAME])
def test_an_answer_is_what_the_command_prints(asked: Session, store: Path, number: int) -> None:
    answer, command = asked.answers[number], SAME[number][2]
    printed = run("--registry", store, *shlex.split(command), "--json")

    assert printed.exit_code == 0, printed.output
    assert not answer.is_error, answer
    assert json.loads(answer.content[0].text) == json.loads(printed.stdout)
    assert answer.structured_content == json.loads(printed.stdout)


@pytest.mark.parametrize("number", range(len(BAD)), ids=[f"{name} {said[:40]}" for name, _, said in BAD])
def test_an_error_is_one_short_line_that_is_marked(asked: Session, number: int) -> None:
    answer = asked.answers[len(SAME) + number]
    text = answer.content[0].text

    assert answer.is_error
    assert answer.structured_content is None
    assert text.startswith(BAD[number][2])
    assert len(text) < 1000
    assert text.isprintable()


def test_the_questions_leave_the_registry_as_it_was(asked: Session) -> None:
    assert "catalog.db" in asked.found
    assert asked.left == asked.found


def test_an_agent_is_told_what_a_terminal_is_told_beside_the_table(asked: Session, store: Path) -> None:
    """Which tasks no answer can hold, for example: the JSON of an answer by similarity left it out."""
    (note,) = asked.answers[0].structured_content["notes"]

    assert note.startswith("3 tasks have no vector in space by-hand and cannot be found: films, hostile, t01;")
    assert note in run("--registry", store, "nearest", "t02").output.replace("\n", " ")


def test_the_log_says_where_the_answers_come_from(asked: Session, store: Path) -> None:
    first, *others = asked.errors.splitlines()

    assert first == f"Answering questions about {store} on standard input and output (Ctrl-C ends)"
    assert others  # nobody has asked for these indexes before, and none is kept here
    assert all(
        re.fullmatch(r"fute: Index of space '.+' was missing: rebuilt from the catalog\.", one) for one in others
    )


def test_every_tool_says_that_it_only_reads_and_describes_its_fields(asked: Session) -> None:
    assert set(asked.tools) == {name for name, *_ in SAME}
    for tool in asked.tools.values():
        assert tool.annotations.read_only_hint
        assert not tool.annotations.open_world_hint
        assert tool.input_schema["type"] == "object"
        assert tool.input_schema["additionalProperties"] is False
        assert all(field.get("description") for field in tool.input_schema["properties"].values())
    assert asked.tools["nearest"].input_schema["required"] == ["name"]
    assert asked.tools["best-prompt"].input_schema["required"] == ["task", "model"]


def test_a_list_goes_on_after_the_name_that_it_ends_with(store: Path, tmp_path: Path) -> None:
    names: list[str] = []
    after: dict[str, str] = {}
    for _ in range(4):
        (answer,) = session(store, [("list-entries", {"kind": "task", "limit": 20, **after})], tmp_path / "log").answers
        said = answer.structured_content
        names += [entry["name"] for entry in said["tasks"]]
        after = {"after": said.get("next")}

    assert names == sorted([*NAMES, "films", "hostile"])
    assert after == {"after": None}


def test_a_list_is_searched_by_a_text(store: Path, tmp_path: Path) -> None:
    calls: list[Call] = [
        ("list-entries", {"kind": "task", "text": "T05"}),
        ("list-entries", {"kind": "prompted-model", "text": "good"}),
        ("list-entries", {"kind": "task", "text": "nothing has this"}),
    ]
    found, pairs, nothing = [one.structured_content for one in session(store, calls, tmp_path / "log").answers]

    assert [entry["name"] for entry in found["tasks"]] == ["t05"]
    assert [entry["name"] for entry in pairs["prompted_models"]] == ["opt@good/one", "opt@good/two"]
    assert nothing == {"tasks": []}


def test_an_older_host_is_answered_and_an_unknown_tool_refused(store: Path, tmp_path: Path) -> None:
    calls: list[Call] = [("remove", {"name": "t01"}), (f"{LONG}\n\x1b", {}), ("compare", {"a": "t02", "b": "t03"})]
    older = session(store, calls, tmp_path / "log", mode="legacy")
    removed, strange, near = older.answers

    assert isinstance(removed, MCPError)
    assert (removed.error.code, removed.error.message.partition(";")[0]) == (-32602, "No tool 'remove'")
    assert isinstance(strange, MCPError)
    assert len(strange.error.message) < 200
    assert near.structured_content["a"] == "t02"


def test_a_teams_registry_gives_the_same_answers(asked: Session, store: Path, served: str, tmp_path: Path) -> None:
    copied = run("copy", store, served)
    assert copied.exit_code == 0, copied.output
    calls: list[Call] = [(name, arguments) for name, arguments, _ in SAME if name != "status"]

    answered = session(served, calls, tmp_path / "log")

    assert "postgresql://" in answered.errors.splitlines()[0]
    assert [one.structured_content for one in answered.answers] == [
        one.structured_content for one in asked.answers[: len(calls)]
    ]


def test_what_is_no_message_ends_nothing(store: Path) -> None:
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
    messages = [
        "no json",
        '{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "status"',
        "[" * 2000,
        "\ud800".encode("utf-8", "surrogatepass"),
        json.dumps({"jsonrpc": "2.0", "id": 2, "method": "initialize", "params": hello}),
        json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}),
        '{"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "nearest", '
        '"arguments": {"name": "\\ud800"}}}',
        json.dumps({"jsonrpc": "2.0", "id": 4, "method": "tools/call", "params": {"name": "status", "arguments": []}}),
        json.dumps({"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "status"}}),
    ]
    sent = b"".join((one if isinstance(one, bytes) else one.encode()) + b"\n" for one in messages)
    process = subprocess.Popen(
        [FUTE, "--registry", store, "mcp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(sent)
    process.stdin.flush()
    replies = {}
    while 5 not in replies:
        line = json.loads(process.stdout.readline())
        replies[line.get("id")] = line
    out, _ = process.communicate(timeout=LIMIT)

    assert replies[2]["result"]["serverInfo"]["name"] == "fute"
    assert replies[5]["result"]["structuredContent"]["entries"]["task"] == len(NAMES) + 2
    assert "error" in replies[4]
    assert process.returncode == 0
    assert out == b""


def test_ctrl_c_ends_it_while_it_waits(store: Path) -> None:
    process = subprocess.Popen(
        [FUTE, "--registry", store, "mcp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    assert process.stderr.readline().startswith(b"Answering questions about ")
    process.send_signal(signal.SIGINT)
    code = process.wait(timeout=LIMIT)
    out, errors = process.communicate(timeout=LIMIT)

    assert (code, out, errors) == (0, b"", b"")


def test_where_there_is_no_registry_or_no_package_is_told_in_one_line(tmp_path: Path, store: Path) -> None:
    code, text = told("--registry", tmp_path / "none", "mcp")

    assert (code, text.count("\n")) == (2, 1)
    assert "none" in text

    (tmp_path / "mcp.py").write_text("raise ModuleNotFoundError('not here')\n", encoding="utf-8")
    without = subprocess.run(
        [FUTE, "--registry", store, "mcp"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert (without.returncode, without.stdout) == (1, "")
    assert without.stderr == ("Error: Answers to agents need the package mcp: pip install 'fute-registry[mcp]'.\n")


def test_what_cannot_be_sent_becomes_a_question_mark_and_the_rest_is_sent() -> None:
    """Half of a surrogate pair, of a damaged text: no answer came at all, and the host waited for ever."""
    answer = {"text": "a film \ud83d", "k": 1}

    text, sent = _sendable(answer)

    assert sent == {"text": "a film ?", "k": 1}
    assert json.loads(text.encode()) == sent
    assert _sendable({"text": "é"}) == ('{"text": "é"}', {"text": "é"})
