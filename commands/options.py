"""Options that several commands have."""

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from typing import Any, TypeVar, cast

import click

from registry.errors import InputError
from registry.reading.pairs import pairs_of, shares_of

F = TypeVar("F", bound=Callable[..., Any])
V = TypeVar("V")


def together(name: str, kind: type[Any]) -> Callable[[F], F]:
    """Give a command those of its options that belong together as one argument: a dataclass with fields of their names.

    It stands below the options.
    """

    def give(command: F) -> F:
        @wraps(command)
        def called(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever the options of the command are
            own = kind(**{field.name: options.pop(field.name) for field in fields(kind)})
            return command(*arguments, **options, **{name: own})

        return cast("F", called)

    return give


def range_option(help_text: str) -> Callable[[F], F]:
    """Give a command the option `--range LOW,HIGH`, which reaches it as `ends`."""
    return click.option("--range", "ends", metavar="LOW,HIGH", callback=_two_numbers, help=help_text)


def answers_options(help_text: str) -> Callable[[F], F]:
    """Give a command `--answers LABEL=TEXT,...` and `--answers-as-they-are`, which reaches it as `as_they_are`."""

    def give(command: F) -> F:
        taken = "Take what says nothing, such as 0 and 1, as it is."
        command = click.option("--answers-as-they-are", "as_they_are", is_flag=True, help=taken)(command)
        return click.option("--answers", "named_answers", metavar="A=TEXT,...", callback=_pairs, help=help_text)(
            command
        )

    return give


def priors_option(command: F) -> F:
    """Give a command the option `--priors LABEL=SHARE,...`."""
    told = "How often answers are true (0 to 1), where you know it; those that are not named share the rest."
    return click.option("--priors", metavar="LABEL=SHARE,...", callback=_shares, help=told)(command)


def form_options(command: F) -> F:
    """Give a command the options `--sep` and `--encoding`, the form of a text file."""
    command = click.option("--encoding", help="Of a text file, such as utf-16 or cp1252.  [default: UTF-8]")(command)
    told = "What separates a table's cells; else found out."
    return click.option("--sep", metavar="SIGN", callback=_sign, help=told)(command)


def _sign(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> str | None:
    r"""Read one character; a tab also as `tab` or \t."""
    sign = {"tab": "\t", "\\t": "\t"}.get(text, text) if text else text
    if sign is not None and len(sign) != 1:
        raise click.BadParameter("expected one character, or tab")
    return sign


def _pairs(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> dict[str, str] | None:
    """Read `0=negative,1=positive`."""
    return None if text is None else _read(text, pairs_of)


def _shares(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> dict[str, float]:
    """Read `spam=0.1,other=90%`."""
    return {} if text is None else _read(text, shares_of)


def _read(text: str, reader: Callable[[str], dict[str, V]]) -> dict[str, V]:
    try:
        return reader(text)
    except InputError as error:
        raise click.BadParameter(str(error)) from error


def surrogate_options(command: F) -> F:
    """Give a command the options `--surrogate` and `--device`, which choose what embeds, and where."""
    command = click.option("--device", help="cuda, cpu, ...; else the best there is.")(command)
    usual = "minilm, a folder, or a hub id."
    return click.option("--surrogate", default="minilm", show_default=True, help=usual)(command)


def _two_numbers(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    try:
        low, high = map(float, text.split(","))
    except ValueError as error:
        raise click.BadParameter("expected two numbers, LOW,HIGH") from error
    return low, high
