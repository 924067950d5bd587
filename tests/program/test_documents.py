"""What the documents say can be typed: what can be run is run, all else is held against what there is."""

import argparse
import importlib.util
import logging
import re
import runpy
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from loopback import CONNECT
from tiny_cli import run
from tiny_server import TinyServer
from typed_commands import FENCE, INLINE, ROOT, Typed, adapted, typed

import cli
from docs.reference import PATH, commands, reference
from embedders.methods import METHODS
from embedders.methods.settings import ANSWERS, COMMON
from registry.choosing.best import BY
from registry.choosing.scores import CALIBRATIONS
from registry.metrics import Retrieval, prompt_metrics, source_metrics

DOCUMENTS = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
SESSION = "fute init"  # a block that begins so is the walk through a registry, and what follows it in that document

# Typed by hand and checked by nobody, each for a reason.
UNCHECKED = {
    "pip install": "installs from the network; .ci/run installs the wheel",
    "git tag": "marks a release",
    "pre-commit install": "needs pre-commit, which the project does not bring",
}


ALL = [one for path in DOCUMENTS if path != PATH for one in typed(path)]
IDS = [f"{one.document}: {one.text[:70]}" for one in ALL]


def session() -> list[Typed]:
    """Return the commands of the README that are run one after the other, in one registry."""
    readme = [one for one in ALL if one.document == "README.md" and one.block is not None]
    first = next(one.block for one in readme if one.text.startswith(SESSION))
    return [one for one in readme if (one.block or 0) >= (first or 0) and one.words[0] == "fute"]


# -- every command is known --------------------------------------------------------------------------


def command_of(words: list[str]) -> tuple[click.Command, list[str]]:
    """Follow the words of a line to the command that they name; return what is left."""
    command: click.Command = cli.main
    while isinstance(command, click.Group) and words and words[0] in command.commands:
        command, words = command.commands[words[0]], words[1:]
    return command, words


def said(words: list[str]) -> list[str]:
    """Return the words of a line without the dots that stand for more of them; behind an option they are its value."""
    pairs = zip(["", *words], words, strict=False)
    return [word for before, word in pairs if word != "..." or before.startswith("-")]


def check_fute(one: Typed) -> None:
    """Hold a line of ours against the command: that it exists, has these options, and takes so many arguments."""
    command, rest = command_of(said(one.words[1:]))
    if isinstance(command, click.Group):
        assert all(word.startswith("--") for word in rest), f"no command {rest[:1]} in `{one.text}`"
    with click.Context(command, info_name="fute") as context:
        _, left, _ = command.make_parser(context).parse_args(rest)
    assert isinstance(command, click.Group) or not left, f"too many words in `{one.text}`"
    known = {name for option in command.get_params(context) for name in (*option.opts, *option.secondary_opts)}
    named = [] if one.is_alternative else re.findall(r"(?<!\S)(--[a-z-]+)", one.comment.partition("or: ")[0])
    assert set(named) <= known


class ParsedError(Exception):
    """The options of a benchmark were understood: it need not run."""


def check_benchmark(module: str, options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Start a benchmark up to where its options are understood."""
    parse = argparse.ArgumentParser.parse_args

    def stop(self: argparse.ArgumentParser, *given: object, **more: object) -> None:
        parse(self, *given, **more)  # type: ignore[arg-type]
        raise ParsedError

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    monkeypatch.setattr(sys, "argv", [module, *options])
    monkeypatch.delitem(sys.modules, module, raising=False)  # another test may have imported it
    with pytest.raises(ParsedError):
        runpy.run_module(module, run_name="__main__")


def check_module(one: Typed, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    module, *options = words
    given = said(options)
    if module.startswith("benchmarks."):
        check_benchmark(module, given, monkeypatch)
    elif module == "pytest":
        paths = [word.partition("::")[0] for word in given if word.startswith("tests/")]
        assert paths, f"`{one.text}` names no tests"
        assert [path for path in paths if not (ROOT / path).exists()] == []
    else:
        assert importlib.util.find_spec(module) is not None, f"no module {module}"


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


@pytest.mark.parametrize("goal", ["reliability", "test-postgresql"])
def test_what_make_hands_to_pytest_is_understood(goal: str) -> None:
    told = subprocess.run(["make", "-n", "-o", "setup", goal], cwd=ROOT, capture_output=True, text=True, check=True)
    (line,) = (line for line in told.stdout.splitlines() if " -m pytest " in line)  # make says where it is, within make
    words = [word for word in shlex.split(line) if not word.startswith("tests/")]
    asked = words[words.index("pytest") + 1 :]

    nothing = ["--collect-only", "--numprocesses", "0", "tests/helpers"]  # where no test is
    command = [sys.executable, "-m", "pytest", *asked, *nothing]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ran.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, ran.stderr


@pytest.mark.parametrize("one", ALL, ids=IDS)
def test_a_command_of_a_document_exists_with_its_options(one: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    check(one, monkeypatch)


def check(one: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hold a command against what there is; fail where nobody can say."""
    if " ".join(one.words[:2]) in UNCHECKED or " ".join(one.words[:3]) in UNCHECKED:
        return
    match one.words:
        case ["fute", *_]:
            check_fute(one)
        case ["make", *goals]:
            named = {goal for goal in goals if "=" not in goal}
            assert named <= targets()
        case ["python", "-m", *rest]:
            check_module(one, rest, monkeypatch)
        case ["python", script, *_]:
            assert (ROOT / script).is_file()
        case [".ci/run"]:
            assert (ROOT / ".ci" / "run").is_file()
        case ["export", setting]:
            assert setting.partition("=")[0] in ("FUTE_DATA", "FUTE_REGISTRY")
        case _:
            pytest.fail(f"nobody checks `{one.text}`: run it, check it, or give the reason in UNCHECKED")


@pytest.mark.parametrize(
    "text",
    [
        "fute nearset film",
        "fute nearest film --bye memory",
        "fute compare film shop bank",
        "fute model add NAME   # or --huggingface FOLDER",
        "make demos",
        "python -m benchmarks.fisher --part cost --fast",
        "python -m benchmarks.nothing",
        "python scripts/nothing.py",
        "python -m pytest tests/test_gone.py",
        "git bisect",
    ],
)
def test_a_command_that_does_not_exist_is_found_out(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        check(Typed("a document", text, 0), monkeypatch)
    except (AssertionError, click.ClickException, ImportError, SystemExit, pytest.fail.Exception):
        return
    pytest.fail(f"nobody notices `{text}`")


def test_commands_are_found_in_the_documents() -> None:
    assert len([one for one in ALL if one.block is not None]) > 15
    assert len([one for one in ALL if one.words[0] == "fute"]) > 25
    assert len([one for one in ALL if "benchmarks" in one.text]) > 5
    assert [name for name in UNCHECKED if not any(one.text.startswith(name) for one in ALL)] == []


# -- the walk through a registry, as typed -------------------------------------------------------------


@pytest.fixture(scope="module")
def walked(place: Path, server: TinyServer) -> Iterator[Path]:
    """The folder after the commands of the README, in their order."""
    log = logging.getLogger("registry")  # a command in this process puts a handler there
    handlers, patch = log.handlers, pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", CONNECT)
    patch.chdir(place)
    patch.syspath_prepend(str(place))
    for one in session():
        result = run(*adapted(one.words[1:], server.url))
        assert result.exit_code == 0, f"`{one.text}`: {result.output}"
        if one.text.startswith(SESSION):  # the default space, in the place of the one that the first embedding makes
            for words in (["corpus", "create", "few", "--data", "few.txt"], ["space", "create", "default"]):
                more = ["--corpus", "few"] if words[0] == "space" else []
                made = run(*adapted([*words, *more], server.url))
                assert made.exit_code == 0, made.output
    yield place
    patch.undo()
    log.handlers = handlers


def test_the_commands_of_the_readme_run_one_after_the_other(walked: Path, server: TinyServer) -> None:
    assert len(session()) > 12
    assert server.answered
    status = run("--registry", walked / "fute-registry", "status", "--json")
    assert '"failures": {}' in " ".join(status.stdout.split())


def test_the_python_of_the_documents_runs(walked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(walked)
    monkeypatch.setattr(socket.socket, "connect", CONNECT)  # what is left to embed may be asked of our server
    blocks = [
        block
        for path in DOCUMENTS
        for language, block in FENCE.findall(path.read_text(encoding="utf-8"))
        if language == "python"
    ]
    assert blocks
    for block in blocks:
        names: dict[str, object] = {}
        exec(compile(block, "a document", "exec"), names)  # noqa: S102 - our own documents
        assert "registry" in names


# -- what is written from the code ---------------------------------------------------------------------


def test_the_document_of_the_commands_is_not_stale() -> None:
    assert PATH.read_text(encoding="utf-8") == reference(), "run `make docs`"


def test_every_command_and_option_stands_in_it() -> None:
    found = PATH.read_text(encoding="utf-8")

    assert len(list(commands())) > 50
    for words, command in commands():
        assert f"\n    {' '.join(words)}" in found
        for option in command.params:
            if isinstance(option, click.Option) and not option.hidden:
                assert f"`{option.opts[0]}`" in found


def test_every_variable_of_the_environment_that_the_program_reads_stands_in_it() -> None:
    rooms = ("cli.py", "commands", "web", "embedders", "registry")
    sources = [path for room in rooms for path in (ROOT / room, *(ROOT / room).rglob("*.py")) if path.is_file()]
    nobody_sets = {"FUTE_FAULT", "HF_HUB_DISABLE_TELEMETRY"}  # but the tests, and the program itself

    read = {name for path in sources for name in re.findall(r'"((?:FUTE|XDG|HF)_[A-Z_]+)"', path.read_text())}
    assert len(read) > 5
    found = PATH.read_text(encoding="utf-8")
    assert [name for name in sorted(read - nobody_sets) if f"| `{name}` |" not in found] == []


def test_every_setting_of_a_space_stands_in_the_methods_with_its_defaults_and_choices() -> None:
    text = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    text = text.partition("\n## Settings\n")[2].partition("\n## ")[0]
    head, _, *rows = ([cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line[:1] == "|")
    told = {row[0].strip("`"): dict(zip(head, row, strict=True)) for row in rows}

    assert set(head[1:-1]) == set(METHODS)
    for method in METHODS.values():
        defaults = {**COMMON, **method.parameters()}
        assert {name: cells[method.name] for name, cells in told.items() if cells[method.name]} == {
            name: str(default) for name, default in defaults.items()
        }
        for name, choices in {"answers": ANSWERS, **method.choices}.items():
            assert [choice for choice in choices if f"`{choice}`" not in told[name]["meaning"]] == []


def test_every_way_to_rank_prompts_and_to_calibrate_is_explained() -> None:
    text = (ROOT / "docs" / "accuracy.md").read_text(encoding="utf-8")
    text = text.partition("\n## Other ways to rank prompts\n")[2].partition("\n## ")[0]
    named = [INLINE.findall(line.split("|")[1]) for line in text.splitlines() if line.startswith("| `")][1:]

    assert sorted(name for names in named for name in names) == sorted(BY)
    assert [name for name in CALIBRATIONS if name != "none" and f"`{name}`" not in text] == []


def test_every_metric_of_the_evaluations_stands_in_the_methods() -> None:
    text = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8").partition("\n## How good a ranking is\n")[2]
    measured = {*source_metrics([1], [1]), *prompt_metrics([1], [1]), "spearman", *Retrieval._fields}

    told = {name for line in text.splitlines() for name in INLINE.findall(line.partition("| ")[2].partition(" |")[0])}
    assert {re.sub(r"@\d+", "@k", name) for name in measured} == told


def anchors(path: Path) -> set[str]:
    """Return what a link into a document can name."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_and_paths_of_a_document_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    broken = []
    for target in re.findall(r"\]\(([^)#:]*(?:#[^)]*)?)\)", text):
        file, _, anchor = target.partition("#")
        there = path.parent / file if file else path
        if not there.exists() or (anchor and anchor not in anchors(there)):
            broken.append(target)
    for named in re.findall(r"`((?:registry|embedders|commands|tests|benchmarks|migrations|docs)/[\w./]*)`", text):
        if "NAME" not in named and not (ROOT / named).exists():
            broken.append(named)

    assert broken == []


def test_every_document_stands_in_the_navigation_of_the_site() -> None:
    listed = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").split()
    folder = ROOT / "docs"

    assert [path for path in sorted(folder.rglob("*.md")) if path.relative_to(folder).as_posix() not in listed] == []
