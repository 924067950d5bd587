"""`fute vectors`: vectors that were made elsewhere, in; those of a space, out."""

from pathlib import Path

import click

from commands.completion import spaces
from commands.output import json_option, print_json, registry_of, tags_option, tell

KINDS = ("task", "model", "prompted-model")


@click.group()
def vectors() -> None:
    """Vectors: brought in from files, and written to files."""


@vectors.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--space", shell_complete=spaces, help="The space; else the current one.")
@click.option("--names", type=click.Path(path_type=Path), help="A text file, a name on each line, if FILE has none.")
@click.option(
    "--kind", type=click.Choice(KINDS), default="task", show_default=True, help="Of entries, if FILE does not say it."
)
@tags_option
@click.option("--replace", is_flag=True, help="Take a vector in the place of another that an entry has.")
@json_option
@click.pass_context
def import_(
    ctx: click.Context,
    file: Path,
    space: str | None,
    names: Path | None,
    kind: str,
    tags: tuple[str, ...],
    *,
    replace: bool,
    as_json: bool,
) -> None:
    """Bring in the vectors of FILE.npz, .npy or .parquet; entries that are not there yet are entered.

    Vectors of your own models go into a space of their own: 'fute space create NAME --method imported --surrogate MODEL
    --dimension N'. They are kept at length 1. Run it again to go on after an interruption.
    """
    from dataclasses import asdict

    from registry.importing import import_vectors

    registry = registry_of(ctx)
    report = import_vectors(registry, file, names=names, space=space, kind=kind, tags=tags, replace=replace)
    if as_json:
        print_json(asdict(report))
        return
    tell(
        f"{report.entries:,} entries came with their vectors, {report.vectors:,} vectors to entries that were there, "
        f"{report.replaced:,} replaced, {report.known:,} known already in space {report.space}"
    )


@vectors.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--space", shell_complete=spaces, help="The space; else the current one.")
@click.option("only", "--entry", help="Only this entry's vector.")
@click.option("--centred", is_flag=True, help="Of tasks alone, so that dot products are similarities; no query.")
@click.pass_context
def export(ctx: click.Context, file: Path, space: str | None, only: str | None, *, centred: bool) -> None:
    """Write a space's vectors to FILE.npz or FILE.parquet, with names and the space's fingerprint.

    As they are stored: 'vectors import' and 'nearest --vector' take them, but their plain cosines are no similarities,
    unless the space is an imported one.
    """
    export_vectors(ctx, space, file, only, centred=centred)


def export_vectors(ctx: click.Context, space: str | None, file: Path, only: str | None, *, centred: bool) -> None:
    """Write vectors, and say what they are good for."""
    from registry.formats.vectors import write_vectors
    from registry.ranking.compare import vectors_written

    registry = registry_of(ctx)
    record = registry.catalog.spaces.get(space)
    with vectors_written(registry.catalog, record, entry=only, centred=centred) as held:
        write_vectors(held, file)
    tell(f"{len(held.names)} vectors written to {file}")
    if not centred and len(held.names) > 1 and not held.are_compared_so:
        tell("Their plain cosines are no similarities: the dot products of --centred are.", err=True)
