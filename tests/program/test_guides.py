"""Every guide can be typed from its first command to its last, in a folder of its own."""

import csv
import re
import shutil
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from loopback import CONNECT
from served import url_of
from tiny_cli import run
from tiny_hub import TinyHub, let_library_ask, running_hub
from tiny_server import TinyServer
from typed_commands import FENCE, INLINE, ROOT, Typed, adapted, typed

GUIDES = sorted(set((ROOT / "docs" / "guides").glob("*.md")) - {ROOT / "docs" / "guides" / "README.md"})
ONLY_PARSED = {"--device cuda": "needs a GPU; test_documents.py holds it against the command's options"}
NAMED_IN_A_SENTENCE = re.compile(r"\b[A-Z]\b|'\w+'|\d+%?|\.\.\.|, but|[():;,]|neg and pos")
TEAM = "postgresql://ann@db.example/team"


def blocks(guide: Path) -> list[Typed]:
    """Return the commands in a guide's blocks that are run, in their order."""
    fenced = [one for one in typed(guide) if one.block is not None and one.words[0] in ("fute", "export")]
    return [one for one in fenced if not any(part in one.text for part in ONLY_PARSED)]


def write_code(guide: Path, folder: Path) -> None:
    """Write the function that a guide shows to the module that it names."""
    for _, block in FENCE.findall(guide.read_text(encoding="utf-8")):
        if block.startswith("def "):
            (folder / "mycode.py").write_text(block)


def fill_in(table: Path, answers: tuple[str, str]) -> None:
    """Fill in the column `label`, as a person would, with the task's answers in turn; `own.csv` has labels alone."""
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows({**row, "label": answers[number % 2]} for number, row in enumerate(rows))
    with table.with_name("own.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *((row["text"], answers[0]) for row in rows[:3])])


def small_space(url: str) -> None:
    """Make the default space with the tiny surrogate, in the place of the one that the first embedding makes."""
    for words in (
        ["corpus", "create", "few", "--data", "few.txt"],
        ["space", "create", "default", "--corpus", "few"],
    ):
        made = run(*adapted(words, url))
        assert made.exit_code == 0, made.output


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TinyHub]:
    with running_hub() as running:
        let_library_ask(running, tmp_path / "cache", monkeypatch)
        yield running


@pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")  # the hub's library's own call
@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.stem)
def test_a_guide_runs_from_its_first_command_to_its_last(
    guide: Path, place: Path, server: TinyServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(place, tmp_path / "typed")
    write_code(guide, folder)
    monkeypatch.setattr(socket.socket, "connect", CONNECT)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "mycode", raising=False)
    commands = blocks(guide)
    assert commands[0].text.startswith("fute init")
    assert len(commands) > 3

    for one in commands:
        team = url_of(str(tmp_path)) if TEAM in one.text else ""
        words = [word.replace(TEAM, team) for word in one.words]
        if words[0] == "export":
            monkeypatch.setenv(*words[1].split("=", 1))
            continue
        result = run(*adapted(words[1:], server.url))
        assert result.exit_code == 0, f"`{one.text}`: {result.output}"
        if words[1] == "init":
            small_space(server.url)
        if words[1:3] == ["label", "suggest"]:
            fill_in(folder / words[words.index("--out") + 1], ("negative", "positive"))

    assert '"failures": {}' in " ".join(run("status", "--json").stdout.split())


def test_what_a_guide_says_that_answers_say_is_what_they_say() -> None:
    rows = [line for line in (ROOT / "docs/guides/reading-an-answer.md").read_text().splitlines() if line[:3] == "| `"]
    quoted = [quote for row in rows for quote in INLINE.findall(row.split("|")[1])]
    parts = [part.strip() for quote in quoted for part in NAMED_IN_A_SENTENCE.split(quote)]
    rooms = (ROOT / "registry" / room for room in ("ranking", "estimates", "choosing"))
    sources = "".join(path.read_text() for room in rooms for path in room.glob("*.py"))
    said = re.sub(r'"\s+f?"', "", sources)  # a text over several lines

    sentences = [part for part in parts if part.count(" ") > 1]
    assert len(sentences) > 15
    assert [part for part in sentences if part not in said] == []


def test_every_guide_is_there_and_little_is_only_parsed() -> None:
    everything = [one for guide in GUIDES for one in typed(guide)]

    assert len(GUIDES) == 10
    for part in ONLY_PARSED:
        assert len([one for one in everything if one.block is not None and part in one.text]) == 1
