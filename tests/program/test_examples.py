"""Every command's help ends with an example that can be typed, and works."""

import csv
import shlex
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from loopback import CONNECT
from tiny_cli import run, told, write_rows
from tiny_server import TinyServer
from typed_commands import adapted

import cli
from commands.examples import EXAMPLES
from docs.reference import PATH, commands
from registry.bundles.differences import differences

LEAVES = {" ".join(words[1:]): command for words, command in commands() if not isinstance(command, click.Group)}
ONLY_PARSED = {  # examples, by what they hold, and why nothing comes of them here
    "fute demo": "downloads nothing, and takes minutes: tests/program/test_documents.py",
    "fute mcp": "answers until it is stopped",
    "fute --registry ~/team mcp": "the same",
    "fute serve": "the same",
    "fute worker": "the same",
    "fute evaluate": "needs measured data, and minutes: tests/embedders/test_evaluate_*.py",
    "--setting t5l/finetune": "needs the surrogate of the pack: tests/embedders/test_memory_real.py",
    "hf://": "a hub: tests/registry/test_hub.py",
    "postgresql://": "a server: tests/registry/test_postgresql.py",
}
# The commands in an order in which their examples work; `+` is typed between them.
FILLING = (
    *("init", "+corpus create everyday --data few.txt", "+space create default --corpus everyday"),
    *("task import", "task add", "corpus create", "space create", "prompt add", "prompt import", "model add"),
    *("+space use default", "embed", "+embed product_reviews film_reviews triage llama@* llama@short --space tickets"),
    *("+model add table --recorded answers.csv --text review --space table",),
    *("+embed table@* product_reviews --space table", "+best-prompt product_reviews --model table --space table"),
    *("+space use tickets", "best-model", "label suggest", "best-prompt", "+space use default"),
    *("transfer import", "transfer record", "vectors import", "pack make", "pack add", "model alias", "model tag"),
    *("corpus tag", "prompt tag", "task tag", "index use", "index rebuild", "space use"),
)
READING = (
    *("backup", "bundle export", "bundle import", "card", "compare", "config show", "corpus list", "corpus show"),
    *("db upgrade", "diff", "doctor", "heatmap", "index verify", "map", "model answers", "model list"),
    *("model show", "model test", "+space use default", "nearest", "pack list", "pack show", "path", "prompt list"),
    *("prompt render", "prompt show", "prompt test", "space export", "space list", "space show", "status"),
    *("task export", "task list", "task show", "transfer export", "transfer list", "transfer show", "vectors export"),
    "verify",
)
ENDING = (
    *("model rename", "prompt rename", "task rename", "corpus rename", "transfer remove", "pack remove"),
    *("+task rename shop/reviews reviews", "task remove", "+model rename triage-2025 triage", "model remove"),
    *("+prompt rename films/short short", "+model remove llama --yes", "prompt remove", "space remove"),
    *("+corpus rename tickets-2026 tickets", "corpus remove", "repair", "restore"),
)
ELSEWHERE = ("copy", "demo", "evaluate prompts", "evaluate transfer", "evaluate unify", "mcp", "pull", "push", "serve")
LINES = [(name, line) for name, lines in EXAMPLES.items() for line in lines]


def test_every_command_has_an_example_and_every_example_a_command() -> None:
    assert len(LEAVES) > 60
    assert set(EXAMPLES) == set(LEAVES)


@pytest.mark.parametrize(("name", "line"), LINES, ids=[line for _, line in LINES])
def test_an_example_is_of_its_command_and_can_be_typed(name: str, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(PATH.parents[1])  # where the folder `examples` is
    words = shlex.split(line.removeprefix('ls "$(').removesuffix(')"'))
    assert words[0] == "fute"
    rest = words[3:] if words[1] == "--registry" else words[1:]
    path = name.split()

    assert rest[: len(path)] == path
    LEAVES[name].make_context(name, rest[len(path) :], parent=click.Context(cli.main))  # reads it, and runs nothing


@pytest.mark.parametrize("name", LEAVES)
def test_the_help_and_the_document_end_with_it(name: str) -> None:
    command = LEAVES[name]

    told = command.get_help(click.Context(command, info_name=name))
    assert [line.strip() for line in told.splitlines()[-len(EXAMPLES[name]) :]] == list(EXAMPLES[name])
    assert all(f"\n    {line}\n" in PATH.read_text(encoding="utf-8") for line in EXAMPLES[name])


def typed_lines(*names: str) -> Iterator[str]:
    """Yield the lines of commands, and those that are typed between them."""
    for name in names:
        lines = (f"fute {name[1:]}",) if name.startswith("+") else EXAMPLES[name]
        yield from (line for line in lines if not any(part in line for part in ONLY_PARSED))


def typing(server: TinyServer, *names: str) -> None:
    """Type lines, each of which must work."""
    for line in typed_lines(*names):
        words = shlex.split(line.removeprefix('ls "$(').removesuffix(')"'))[1:]
        result = run(*adapted(words, server.url))
        assert result.exit_code == 0 or words[0] == "diff", f"`{line}`: {result.output}"
        if words[:2] == ["label", "suggest"]:
            fill_in(Path("few.csv"))


def fill_in(table: Path) -> None:
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "label": ("negative", "positive")[number % 2]} for number, row in enumerate(rows))


@pytest.fixture
def folder(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = Path(shutil.copytree(place, tmp_path / "typed"))
    write_rows(made / "spam.jsonl", [{"text": f"text {number}", "label": str(number % 2)} for number in range(8)])
    vectors = np.random.default_rng(0).normal(size=(3, 512)).astype(np.float32)
    np.savez(made / "vectors.npz", names=["first", "second", "third"], vectors=vectors)
    monkeypatch.setattr(socket.socket, "connect", CONNECT)
    monkeypatch.chdir(made)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.syspath_prepend(str(made))
    monkeypatch.delitem(sys.modules, "mycode", raising=False)
    return made


def test_every_command_is_typed_once() -> None:
    typed = [name for name in (*FILLING, *READING, *ENDING) if not name.startswith("+")]

    assert sorted((*typed, *ELSEWHERE, "worker")) == sorted(LEAVES)


def test_the_examples_work_and_what_they_wrote_can_be_moved(folder: Path, server: TinyServer) -> None:
    typing(server, *FILLING)
    store = folder / "fute-registry"
    moves = (
        ("copy", store, folder / "copied"),
        ("bundle", "export", folder / "all.zip"),
        ("bundle", "export", folder / "all"),
        ("push", folder / "team"),
    )
    for words in moves:
        assert told(*words)[0] == 0
    assert not differences(store, folder / "copied")
    for number, words in enumerate((("bundle", "import", "all.zip"), ("bundle", "import", "all"), ("pull", "team"))):
        assert told("--registry", folder / f"moved{number}", "init", "--no-pack")[0] == 0
        assert told("--registry", folder / f"moved{number}", *words, "--trust")[0] == 0
        assert not differences(store, folder / f"moved{number}")
    for ask in (
        "best-model product_reviews --space tickets",
        "best-prompt product_reviews --model table --space table",
    ):
        answers = {run("--registry", it, *ask.split(), "--json").stdout for it in (store, "copied", "moved0", "moved2")}
        assert len(answers) == 1
        assert "" not in answers

    typing(server, *READING)
    typing(server, *ENDING)
