"""`fute nearest`, `compare` and `map`: what is near, how near, and a picture of it."""

from dataclasses import asdict
from pathlib import Path

import click

from commands.output import json_option, print_json, print_table, registry_of, tags_option

KINDS = ("task", "model", "prompted-model")


@click.command()
@click.argument("name", required=False)
@click.option("--vector", type=click.Path(path_type=Path), help="Instead of a name: one vector in a .npz file.")
@click.option("limit", "-k", default=10, show_default=True, type=click.IntRange(1), help="How many matches.")
@click.option("kinds", "--kind", multiple=True, type=click.Choice(KINDS), help="Only these kinds of entry.")
@tags_option
@click.option("--task-kind", help="Only tasks of this kind, such as multiple-choice.")
@click.option("--language", help="Only entries in this language.")
@click.option("--space", help="The space; else the current one.")
@json_option
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
    space: str | None,
    *,
    as_json: bool,
) -> None:
    """List the tasks and models nearest to NAME: what to start from."""
    if (name is None) == (vector is None):
        raise click.UsageError("Give a name, or --vector FILE.")
    from registry.catalog import Filter
    from registry.formats.vectors import read_vectors
    from registry.tables import EntryKind

    where = Filter(tuple(EntryKind(kind) for kind in kinds), tags, task_kind, language)
    query = read_vectors(vector) if vector is not None else str(name)
    ranking = registry_of(ctx).nearest(query, limit=limit, where=where, space=space)
    if as_json:
        print_json(ranking.as_json())
    else:
        print_table(ranking, empty="Nothing else is embedded in this space that passes the filter.")


@click.command()
@click.argument("a")
@click.argument("b")
@click.option("--space", help="The space; else the current one.")
@json_option
@click.pass_context
def compare(ctx: click.Context, a: str, b: str, space: str | None, *, as_json: bool) -> None:
    """Say how near A and B are, facet by facet."""
    from registry.table import Table

    comparison = registry_of(ctx).compare(a, b, space=space)
    if as_json:
        print_json(asdict(comparison))
    else:
        print_table(Table([comparison]), empty="")


@click.command("map")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--space", help="The space; else the current one.")
@click.pass_context
def map_(ctx: click.Context, file: Path, space: str | None) -> None:
    """Draw the space as a picture, FILE.png, .svg or .pdf."""
    from registry.picture import draw_map

    draw_map(registry_of(ctx), file, space=space)
    click.echo(f"Map written to {file}")


COMMANDS = (nearest, compare, map_)
