"""Every command's help ends with an example that can be typed."""

import shlex

import click
import pytest

import cli
from commands.examples import EXAMPLES
from docs.reference import PATH, commands

LEAVES = {" ".join(words[1:]): command for words, command in commands() if not isinstance(command, click.Group)}
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
