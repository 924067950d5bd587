"""How commands take the registry and print: data on stdout, messages on stderr, `--json` one object."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from registry.shown import shown

if TYPE_CHECKING:
    from registry import Registry
    from registry.results import Table

F = TypeVar("F", bound=Callable[..., Any])

QUIET = "fute.quiet"  # under which the context keeps that no notes are wanted
FORM = "fute.form"  # under which the context keeps how a table is to be printed
SEPARATORS = {"csv": ",", "tsv": "\t"}
MOST_FRAMED = 500  # rows: drawing a frame around thousands takes seconds


def json_option(command: F) -> F:
    """Give a command the flag `--json`."""
    return click.option("as_json", "--json", is_flag=True, help="Print one JSON object.")(command)


def table_options(command: F) -> F:
    """Give a command the flags `--json`, `--csv`, `--tsv` and `--no-truncate`."""

    def keep(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:
        if not value:
            return
        if ctx.meta.setdefault(FORM, parameter.name) != parameter.name:
            raise click.UsageError(f"Give one of --{parameter.name} and --{ctx.meta[FORM]}".replace("_", "-"))

    for name, meaning in (
        ("no-truncate", "Print every column, however long the lines."),
        ("tsv", "Print tab-separated values, numbers in full."),
        ("csv", "Print comma-separated values, numbers in full."),
    ):
        command = click.option(f"--{name}", is_flag=True, expose_value=False, callback=keep, help=meaning)(command)
    return json_option(command)


def _form() -> str | None:
    form: str | None = click.get_current_context().meta.get(FORM)
    return form


def is_for_programs() -> bool:
    """Say whether a table is printed as values for another program."""
    return _form() in SEPARATORS


def tell(text: object, *, err: bool = False, nl: bool = True, is_loss: bool = False) -> None:
    """Print a text, all but what a terminal would obey: data, files and servers are not to move its cursor.

    Args:
        text: what to print.
        err: on stderr, as a note, which `--quiet` leaves out.
        nl: end the line.
        is_loss: whether the note tells of something that was not done, which is told all the same.
    """
    ctx = click.get_current_context(silent=True)
    if err and not is_loss and ctx is not None and ctx.meta.get(QUIET):
        return
    click.echo(shown(str(text)), err=err, nl=nl)


def say(text: object) -> None:
    """Print a sentence beside a table: on stdout, or on stderr where stdout holds values for another program."""
    tell(text, err=is_for_programs())


def tags_option(command: F) -> F:
    """Give a command the repeatable option `--tag`."""
    return click.option("tags", "--tag", multiple=True, help="A tag; may be given several times.")(command)


def registry_of(ctx: click.Context) -> "Registry":
    """Open the registry that the command line names; it is closed when the command ends."""
    from registry import Registry

    registry: Registry = ctx.with_resource(Registry.open(ctx.obj))
    return registry


def print_json(value: Any) -> None:  # noqa: ANN401 - any JSON value
    """Print one JSON object."""
    if _form() is not None:
        raise click.UsageError(f"Give one of --json and --{str(_form()).replace('_', '-')}")
    text = json.dumps(value, ensure_ascii=False, indent=1)
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair, of something damaged
        text = json.dumps(value, indent=1)
    tell(text)


def print_table(table: "Table[Any]", *, empty: str) -> None:
    """Print a table for people, or a sentence on stderr where it has no rows."""
    if not table:
        tell(empty, err=True)
        return
    from commands.tables import fitted, separated

    if _form() in SEPARATORS:
        tell(separated(table, SEPARATORS[str(_form())]), nl=False)
        return
    if len(table) > MOST_FRAMED:
        tell(repr(table))
        return
    from rich.console import Console

    width = None if _form() else _width()
    framed, wide, gone = fitted(table, width)
    Console(width=max(wide, len(table.title or ""))).print(framed)
    if gone:
        names = ", ".join(reversed(gone))
        tell(f"Left out for want of room: {names} (--no-truncate, --csv and --json have all)", err=True, is_loss=True)


def _width() -> int | None:
    """Return how many signs a line of the terminal has; None where lines may be of any length."""
    if not sys.stdout.isatty() and not os.environ.get("COLUMNS"):
        return None
    return shutil.get_terminal_size().columns


def print_rows(table: "Table[Any]", *, as_json: bool, noun: str, tags: Sequence[str] = ()) -> None:
    """Print entries or spaces, those with these tags, as a table or as `{noun: [...]}`."""
    if as_json:
        print_json({noun: [row.as_json() for row in table]})
    else:
        print_table(table, empty=f"No {noun} {'with these tags' if tags else 'yet'}.")


def print_one(value: dict[str, Any], *, as_json: bool) -> None:
    """Print one thing, field by field."""
    if as_json:
        print_json(value)
        return
    for key, content in value.items():
        if content not in (None, [], {}, ""):
            text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
            tell(f"{key:<14} {text}")
