"""Writes docs/commands.md from the commands themselves: `make docs`. A test says when it is stale.

python -m docs.reference
"""

from collections.abc import Iterator
from pathlib import Path
from textwrap import fill

import click

import cli
from commands.doctor import VARIABLES
from commands.examples import EXAMPLES
from registry.location import ENVIRONMENT

PATH = Path(__file__).parent / "commands.md"
WIDTH = 120  # columns
HEAD = """# Commands

Written by `make docs` from the help texts of the program; `fute COMMAND --help` says the same. Every command also takes
`--help`. [README](../README.md) shows the usual ones at work, [formats.md](formats.md) describes the files,
[pictures.md](pictures.md) shows pictures and pages.

What every command keeps to:

- Results go to stdout, notes and progress to stderr. `--json` prints one object on stdout and nothing else there;
  `--csv` and `--tsv` print numbers in full.
- `fute --quiet COMMAND` leaves out notes, verdicts on stderr and bars of progress, but tells what failed or was left
  out. `FUTE_NO_PROGRESS=1` leaves out the bars alone.
- Colours are never printed where `NO_COLOR` is set; bars and bold letters only on a terminal.
- An error is one line on stderr that says the mend. Exit codes: 0 done, 1 failed, 2 bad use or input, 3 an integrity
  fault, 130 interrupted.
- `fute doctor` says what a report of a bug should say, `fute config show --origin` where each setting comes from. An
  option before the command wins over the environment, that over the default; there is no file of settings.

What is read of the environment:

| variable | what it sets |
| --- | --- |
{variables}

"""
SECRETS = {  # which no command shows
    "FUTE_MILVUS_TOKEN": "the token of that server",
    "PGPASSWORD": "the password of a registry in PostgreSQL, before ~/.pgpass",
    "HF_TOKEN": "the token of the hub, before what 'hf auth login' has kept",
}


def commands(
    command: click.Command = cli.main, path: tuple[str, ...] = ("fute",)
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command and group with the words that lead to it, a group before what it holds."""
    yield path, command
    if isinstance(command, click.Group):
        for name in sorted(command.commands):
            yield from commands(command.commands[name], (*path, name))


def reference() -> str:
    """Return the document."""
    variables = {ENVIRONMENT: "which registry", **VARIABLES, **SECRETS}
    rows = "\n".join(f"| `{name}` | {meaning} |" for name, meaning in variables.items())
    return HEAD.format(variables=rows) + "\n".join(section(path, command) for path, command in commands())


def section(path: tuple[str, ...], command: click.Command) -> str:
    """Return a command's heading, usage, help text, and its options as a table."""
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    usage = [*path, *(["[OPTIONS]"] if options else []), *map(named, arguments)]
    if isinstance(command, click.Group):
        usage.append("COMMAND ...")
    lines = [f"{'#' * min(len(path) + 1, 4)} {' '.join(path)}", "", f"    {' '.join(usage)}", ""]
    lines += [paragraph for text in _paragraphs(command) for paragraph in (text, "")]
    examples = EXAMPLES.get(" ".join(path[1:]), ())
    if examples:
        lines += ["For example:", "", *(f"    {line}" for line in examples), ""]
    if isinstance(command, click.Group):
        links = ", ".join(f"[{name}](#{'-'.join((*path, name))})" for name in sorted(command.commands))
        lines += [fill(f"{links}.", WIDTH, break_on_hyphens=False), ""]
    if options:
        lines += ["| option | meaning |", "| --- | --- |", *map(_row, options), ""]
    return "\n".join(lines)


def named(argument: click.Argument) -> str:
    """Return an argument as a usage line shows it."""
    name = argument.metavar or str(argument.name).upper()
    shown = name if argument.required else f"[{name}]"
    return f"{shown}..." if argument.nargs == -1 else shown


def _paragraphs(command: click.Command) -> list[str]:
    text = (command.help or "").replace("\b", "")
    return [fill(" ".join(part.split()), WIDTH) for part in text.split("\n\n") if part.strip()]


def _row(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    kind = "" if option.is_flag or option.count else f" {_kind(option)}"
    told = " ".join(part for part in (option.help or "", *_more(option)) if part)
    return f"| {names}{_cell(kind)} | {_cell(told)} |"


def _kind(option: click.Option) -> str:
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return " or ".join(map(str, option.type.choices))
    if isinstance(option.type, click.types.IntRange | click.types.FloatRange):
        return f"NUMBER ({_ends(option.type)})"
    return str(option.type.name).upper()


def _ends(scale: click.types.IntRange | click.types.FloatRange) -> str:
    ends = [
        f"{sign}{'' if is_open else '='} {end:g}"
        for sign, end, is_open in ((">", scale.min, scale.min_open), ("<", scale.max, scale.max_open))
        if end is not None
    ]
    return ", ".join(ends)


def _more(option: click.Option) -> Iterator[str]:
    default = option.default
    if option.show_default:
        shown = option.show_default if isinstance(option.show_default, str) else default
        shown = ", ".join(map(str, shown)) if isinstance(shown, tuple) else shown
        yield f"(unless told: {shown})"
    if option.required:
        yield "(required)"
    if option.multiple and "several" not in (option.help or ""):
        yield "(may be given several times)"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


if __name__ == "__main__":
    PATH.write_text(reference(), encoding="utf-8")
