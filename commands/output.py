"""How commands take the registry and print: data on stdout, messages on stderr, `--json` one object."""

import json
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from registry import Registry
    from registry.results import Table

F = TypeVar("F", bound=Callable[..., Any])

WIDTH_OF_A_FILE = 200  # columns, where stdout is no terminal
MOST_FRAMED = 500  # rows: drawing a frame around thousands takes seconds


def json_option(command: F) -> F:
    """Give a command the flag `--json`."""
    return click.option("as_json", "--json", is_flag=True, help="Print one JSON object.")(command)


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
    click.echo(json.dumps(value, ensure_ascii=False, indent=1))


def print_table(table: "Table[Any]", *, empty: str) -> None:
    """Print a table for people, or a sentence on stderr where it has no rows."""
    if not table:
        click.echo(empty, err=True)
        return
    if len(table) > MOST_FRAMED:
        click.echo(repr(table))
        return
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else WIDTH_OF_A_FILE).print(table)


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
            click.echo(f"{key:<14} {text}")
