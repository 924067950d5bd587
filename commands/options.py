"""Options that several commands have."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])


def range_option(help_text: str) -> Callable[[F], F]:
    """Give a command the option `--range LOW,HIGH`, which reaches it as `ends`."""
    return click.option("--range", "ends", metavar="LOW,HIGH", callback=_two_numbers, help=help_text)


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
