"""`fute bundle` and `fute diff`: all that a registry knows, into a folder or file and back, and what differs."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from commands.completion import packs, spaces
from commands.output import json_option, print_json, registry_of, tell

if TYPE_CHECKING:
    from registry.catalog.whole.merge import MergeReport

BUNDLE = click.Path(path_type=Path)

F = TypeVar("F", bound=Callable[..., Any])


def part_options(command: F) -> F:
    """Give a command the options `--space` and `--pack`, which name a part of the registry."""
    own = "One space alone: its entries, its corpus, their answers to it, the transfers among them."
    command = click.option("--pack", shell_complete=packs, help="One pack alone.")(command)
    return click.option("--space", shell_complete=spaces, help=own)(command)


@click.group()
def bundle() -> None:
    """Everything in a registry, as one file or folder that another registry takes in."""


@bundle.command("export")
@click.argument("path", type=BUNDLE, metavar="FILE.zip|FOLDER")
@part_options
@json_option
@click.pass_context
def export(ctx: click.Context, path: Path, *, space: str | None, pack: str | None, as_json: bool) -> None:
    """Write all that the registry knows: entries, spaces, vectors, answers, transfers and packs.

    The same registry gives the same bytes. Jobs are left out: they are of this machine, and so is the index, which is
    made anew.
    """
    from registry.bundles.part import BundlePart

    counts = registry_of(ctx).export_bundle(path, BundlePart(space, pack))
    if as_json:
        print_json({"path": str(path), **counts})
        return
    tell(f"{told(counts)} written to {path}")


@bundle.command("import")
@click.argument("path", type=BUNDLE, metavar="FILE|FOLDER")
@click.option("--dry-run", is_flag=True, help="Check the bundle and say what would come of it; change nothing.")
@click.option("--keep-mine", is_flag=True, help="Leave out what clashes, and what is made with it.")
@click.option("--trust", is_flag=True, help="Take models that run a function or ask a server, too.")
@json_option
@click.pass_context
def import_(ctx: click.Context, path: Path, *, dry_run: bool, keep_mine: bool, trust: bool, as_json: bool) -> None:
    """Take in a bundle: all of it, or nothing. What is here already with the same content stays as it is.

    A name with other content here is a clash. Each is told and nothing is imported, unless --keep-mine is given.
    """
    report = registry_of(ctx).import_bundle(path, keep_mine=keep_mine, trust=trust, dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, **report.as_json()})
        return
    tell(f"{told(report.added)} {'would be ' if dry_run else ''}added; {report.known.total():,} were here")
    tell_of_losses(report)


@click.command()
@click.argument("a", type=click.Path())
@click.argument("b", type=click.Path())
@click.option("--exit-code", is_flag=True, help="End with exit code 1 where they differ.")
@json_option
@click.pass_context
def diff(ctx: click.Context, a: str, b: str, *, exit_code: bool, as_json: bool) -> None:
    """Say what B has that A has not, and the other way round. Each is a registry or a bundle.

    A line for each entry, version, tag, alias, space, vector, run of answers, transfer and pack: + is in B alone, - in
    A alone, ~ is another. In spaces that both have, the entries whose five nearest changed are told as well. When
    something was made is no difference. The exit code is 0, unless --exit-code is given.
    """
    from registry.bundles.differences import differences

    found = differences(a, b)
    if as_json:
        print_json(found.as_json())
    else:
        tell("\n".join(found.lines()) if found else "No differences")
    ctx.exit(1 if found and exit_code else 0)


def tell_of_losses(report: "MergeReport") -> None:
    """Tell of what clashed, of what was left out with it, and of what needs trust."""
    if report.untrusted:
        from registry.bundles.importing import told_untrusted

        tell(f"would be refused: {told_untrusted(report.untrusted)}.", err=True, is_loss=True)
    for clash in report.clashes:
        tell(f"left out: {clash}", err=True, is_loss=True)
    if report.left_out.total():
        tell(f"{told(report.left_out)} left out", err=True, is_loss=True)


def told(counts: Mapping[str, int]) -> str:
    """Return how many of each, such as `3 entries, 1 vectors`."""
    return ", ".join(f"{count:,} {what}" for what, count in counts.items() if count) or "nothing"


COMMANDS = (bundle, diff)
