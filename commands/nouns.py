"""What one does with entries of every kind: list, tag, rename, remove."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from commands.completion import names_of
from commands.output import is_for_programs, print_rows, registry_of, tell

if TYPE_CHECKING:
    from registry import Registry
    from registry.catalog import EntryRecord

F = TypeVar("F", bound=Callable[..., Any])
PAGE = 100  # entries that are listed for people, if they do not say how many

yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


def page_options(command: F) -> F:
    """Give a command the options `--limit` and `--after`."""
    after = click.option("--after", metavar="NAME", help="Begin behind this name.")
    limit = click.option(
        "--limit",
        type=click.IntRange(0),
        help=f"How many, 0 for all.  [default: {PAGE}; all with --json, --csv, --tsv]",
    )
    return limit(after(command))


def print_page(
    ctx: click.Context,
    kind: str,
    plural: str,
    tags: tuple[str, ...],
    after: str | None,
    limit: int | None,
    *,
    as_json: bool,
) -> None:
    """Print the entries of a kind by name, for people a page of them, and say how many there are more."""
    from registry.catalog import Filter
    from registry.kinds import EntryKind

    registry = registry_of(ctx)
    most = limit or (PAGE if limit is None and not (as_json or is_for_programs()) else None)
    rows = registry.entries(kind, tags=tags, after=after, limit=most)
    print_rows(rows, as_json=as_json, noun=plural, tags=tags)
    if most is not None and len(rows) == most:
        more = registry.catalog.entries.count(Filter((EntryKind(kind),), tags), after=rows[-1].name)
        if more:
            tell(f"{more:,} more: --after {rows[-1].name} goes on, --limit 0 lists all", err=True, is_loss=True)


def is_asked() -> bool:
    """Say whether there is somebody to ask."""
    return sys.stdin.isatty()


def confirmed(question: str, *, yes: bool) -> None:
    """Ask on a terminal, unless `--yes` was said; end the command where the answer is no."""
    if not yes and is_asked():
        click.confirm(question, abort=True)


def _tell_kept(registry: "Registry", names: Sequence[str]) -> None:
    """Tell which measured transfers stay: they will count for whatever is called so."""
    for name in names:
        how = _how_to_remove(registry, name)
        if how:
            tell(f"transfers that were measured with {name} stay, and count for what is called so: {how} removes them")


def tell_measured(registry: "Registry", entry: "EntryRecord") -> None:
    """Tell of a new entry that transfers were measured with what had its name: they count for it, whatever it was."""
    how = _how_to_remove(registry, entry.name) if entry.version == 1 else ""
    if how:
        told = f"Transfers were measured with what is called {entry.name}, and count for it"
        tell(f"{told}: if that was other data, {how} removes them", err=True)


def _how_to_remove(registry: "Registry", name: str) -> str:
    """Return the commands that remove the transfers from and to a name; nothing where there are none."""
    ends = [end for end in ("target", "source") if registry.catalog.transfers.fitting(**{end: name})]
    return " and ".join(f"'fute transfer remove --{end} {name}'" for end in ends)


def add_common(group: click.Group, *, removes: str, plural: str) -> None:
    """Give a group the commands `tag`, `rename` and `remove`.

    Args:
        group: named as the kind of its entries.
        removes: the help of `remove`.
        plural: of the kind, in the question before several are removed.
    """
    kind = str(group.name)
    known = names_of(*(("model", "prompted-model") if kind == "model" else (kind,)))

    @group.command(help=removes)
    @click.argument("names", nargs=-1, required=True, shell_complete=known)
    @yes_option
    @click.pass_context
    def remove(ctx: click.Context, names: Sequence[str], *, yes: bool) -> None:
        registry = registry_of(ctx)
        what = names[0] if len(names) == 1 else f"{len(names)} {plural}: {', '.join(names)}"
        confirmed(f"Remove {what}?", yes=yes)
        registry.remove(names, kind)
        for name in names:
            tell(f"removed {name}")
        if kind in ("task", "model"):
            _tell_kept(registry, names)

    @group.command(help=f"Give a {kind} another name. What is made with it, and measured transfers, follow.")
    @click.argument("name", shell_complete=known)
    @click.argument("new")
    @click.pass_context
    def rename(ctx: click.Context, name: str, new: str) -> None:
        record = registry_of(ctx).rename(name, new, kind)
        tell(f"{name} is called {record.name} now")

    @group.command(help=f"Put tags on a {kind}, or take them away.")
    @click.argument("name", shell_complete=known)
    @click.argument("add", nargs=-1)
    @click.option("--remove", multiple=True, help="A tag to take away.")
    @click.pass_context
    def tag(ctx: click.Context, name: str, add: tuple[str, ...], remove: tuple[str, ...]) -> None:
        of = "prompted-model" if kind == "model" and "@" in name else kind
        record = registry_of(ctx).tag(name, of, add=add, remove=remove)
        tell(f"{record.name}: {', '.join(record.tags) or 'no tags'}")
