"""`fute space`: vector spaces."""

from pathlib import Path

import click

from commands.completion import spaces
from commands.nouns import confirmed, yes_option
from commands.output import json_option, print_one, print_rows, registry_of, table_options, tell
from commands.vectors import export_vectors


@click.group()
def space() -> None:
    """Spaces: what two vectors must share to be compared."""


@space.command()
@click.argument("name")
@click.option(
    "--surrogate",
    default="minilm",
    show_default=True,
    help="minilm, a folder, or a hub id; of an imported space any name for what made its vectors.",
)
@click.option(
    "--method",
    default="mapemb",
    show_default=True,
    help="mapemb, taskemb, tupate, textemb or curvegrad; imported, for vectors that you bring ('fute vectors import').",
)
@click.option("--corpus", default="everyday", show_default=True, help="A corpus, or 'none' for tasks only.")
@click.option("--dimension", default=2048, show_default=True, type=int, help="Numbers in a vector, at most.")
@click.option("--seed", default=0, show_default=True, type=int, help="Decides samples, order and sketch.")
@click.option("settings", "--set", multiple=True, metavar="KEY=VALUE", help="A parameter, such as examples=256.")
@click.pass_context
def create(
    ctx: click.Context,
    name: str,
    surrogate: str,
    method: str,
    corpus: str,
    dimension: int,
    seed: int,
    settings: tuple[str, ...],
) -> None:
    """Make a space. It becomes the current one if it is the first."""
    from embedders import create_space

    pairs = [setting.partition("=") for setting in settings]
    if not all(sign for _, sign, _ in pairs):
        raise click.BadParameter("expected KEY=VALUE", param_hint="--set")
    record = create_space(
        registry_of(ctx),
        name,
        surrogate=surrogate,
        method=method,
        corpus=None if corpus == "none" else corpus,
        dimension=dimension,
        seed=seed,
        settings={key: value for key, _, value in pairs},
    )
    tell(f"{record.name}: fingerprint {record.fingerprint[:12]}{', current' if record.current else ''}")


@space.command("list")
@table_options
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """List the spaces; * marks the current one."""
    print_rows(registry_of(ctx).spaces(), as_json=as_json, noun="spaces")


@space.command()
@click.argument("name", shell_complete=spaces)
@json_option
@click.pass_context
def show(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """Show one space with all its settings."""
    print_one(registry_of(ctx).space(name).as_json(), as_json=as_json)


@space.command()
@click.argument("name", shell_complete=spaces)
@click.pass_context
def use(ctx: click.Context, name: str) -> None:
    """Make a space the current one."""
    tell(f"current space: {registry_of(ctx).use_space(name).name}")


@space.command()
@click.argument("name", shell_complete=spaces)
@yes_option
@click.pass_context
def remove(ctx: click.Context, name: str, *, yes: bool) -> None:
    """Remove a space with all its vectors."""
    registry = registry_of(ctx)
    held = registry.catalog.spaces
    space = held.get(name).name
    confirmed(f"Remove space {space} with its vectors ({held.counts()[space]:,})?", yes=yes)
    registry.remove_space(space)
    tell(f"removed {space}")


@space.command()
@click.argument("name", shell_complete=spaces)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("only", "--entry", help="Only this entry's vector.")
@click.option("--centred", is_flag=True, help="Of tasks alone, so that dot products are similarities; no query.")
@click.pass_context
def export(ctx: click.Context, name: str, file: Path, only: str | None, *, centred: bool) -> None:
    """Write a space's vectors to FILE.npz or FILE.parquet, with names and the space's fingerprint.

    The same as 'vectors export'.
    """
    export_vectors(ctx, name, file, only, centred=centred)
