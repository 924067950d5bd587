"""`fute nearest` and `compare`: what is near, and how near."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from commands.completion import names_of, spaces
from commands.output import print_json, print_table, registry_of, table_options, tags_option, tell
from commands.pictures import plot_option, write_plot

if TYPE_CHECKING:
    from registry.ranking.matches import Ranking

KINDS = ("task", "model", "prompted-model")
BY = ("similarity", "memory", "gain", "size")
HELP_OF_BY = (
    "memory: similarity and the transfers measured on other tasks, from tasks or models; gain: how much a source "
    "helped other tasks; "
    "size: its number of examples."
)
F = TypeVar("F", bound=Callable[..., Any])


def _weigh_option(command: F) -> F:
    """Give a command the option `--weigh`."""
    return click.option(
        "weights", "--weigh", metavar="FACET=NUMBER,...", callback=_as_weights, help="How much each facet counts."
    )(command)


def _as_weights(_ctx: click.Context, _param: click.Parameter, text: str | None) -> dict[str, float] | None:
    """Read inputs=1,map=2."""
    if text is None:
        return None
    pairs = [part.partition("=") for part in text.split(",")]
    try:
        return {name.strip(): float(number) for name, _, number in pairs}
    except ValueError as error:
        raise click.BadParameter("expected FACET=NUMBER,FACET=NUMBER") from error


@click.command()
@click.argument("name", required=False, shell_complete=names_of())
@click.option("--vector", type=click.Path(path_type=Path), help="Instead of a name: one vector in a .npz file.")
@click.option("limit", "-k", default=10, show_default=True, type=click.IntRange(1), help="How many matches.")
@click.option("kinds", "--kind", multiple=True, type=click.Choice(KINDS), help="Only these kinds of entry.")
@tags_option
@click.option("--task-kind", help="Only tasks of this kind, such as multiple-choice.")
@click.option("--language", help="Only entries in this language.")
@_weigh_option
@click.option("--by", type=click.Choice(BY), default="similarity", show_default=True, help=HELP_OF_BY)
@click.option(
    "--setting",
    metavar="MODEL/ADAPTATION",
    help="By memory or gain: the model and adaptation that you will train, such as t5l/finetune; else all count.",
)
@click.option("--own", is_flag=True, help="By memory or gain: use NAME's own measured outcomes too.")
@click.option("--duplicates", is_flag=True, help="List near-duplicates of the task NAME too; else they are set aside.")
@click.option(
    "--pack/--no-pack", "packs", default=None, help="Only tasks of packs, or none; else memory and gain count them in."
)
@click.option("--space", shell_complete=spaces, help="The space; else the current one.")
@plot_option
@table_options
@click.pass_context
def nearest(
    ctx: click.Context,
    name: str | None,
    vector: Path | None,
    limit: int,
    kinds: tuple[str, ...],
    tags: tuple[str, ...],
    task_kind: str | None,
    language: str | None,
    weights: dict[str, float] | None,
    by: str,
    setting: str | None,
    space: str | None,
    *,
    own: bool,
    duplicates: bool,
    packs: bool | None,
    picture: Path | None,
    as_json: bool,
) -> None:
    """List the tasks and models nearest to NAME: what to start from.

    By memory, gain or size, sources for the task NAME are ranked: tasks, and by memory or gain the models that were
    measured as sources.
    """
    if (name is None) == (vector is None):
        raise click.UsageError("Give a name, or --vector FILE.")
    from registry.catalog import Filter
    from registry.formats.vectors import read_vectors
    from registry.kinds import EntryKind

    where = Filter(tuple(EntryKind(kind) for kind in kinds), tags, task_kind, language)
    query = read_vectors(vector) if vector is not None else str(name)
    ranking = registry_of(ctx).nearest(
        query,
        limit=limit,
        where=where,
        weights=weights,
        space=space,
        by=by,
        setting=setting,
        own=own,
        duplicates=duplicates,
        packs=packs,
    )
    write_plot(ranking, picture)
    _tell(ranking, as_json=as_json)


def _tell(ranking: "Ranking", *, as_json: bool) -> None:
    """Print a ranking, and on stderr what it comes to."""
    if as_json:
        print_json(ranking.as_json())
    else:
        nothing = "Nothing else is embedded in this space that passes the filter"
        print_table(ranking, empty=f"{nothing}, but near-duplicates." if ranking.set_aside else f"{nothing}.")
    if ranking.verdict is not None:
        tell(ranking.verdict, err=True)
    for note in ranking.notes:
        tell(note, err=True)


@click.command()
@click.argument("a", shell_complete=names_of())
@click.argument("b", shell_complete=names_of())
@_weigh_option
@click.option("--space", shell_complete=spaces, help="The space; else the current one.")
@table_options
@click.pass_context
def compare(
    ctx: click.Context, a: str, b: str, weights: dict[str, float] | None, space: str | None, *, as_json: bool
) -> None:
    """Say how near A and B are, facet by facet."""
    from registry.results import Table

    comparison = registry_of(ctx).compare(a, b, weights=weights, space=space)
    if as_json:
        print_json(comparison.as_json())
    else:
        print_table(Table([comparison]), empty="")


COMMANDS = (nearest, compare)
