"""`fute pack`: reference tasks and transfers that others have measured."""

from pathlib import Path

import click

from commands.completion import packs, spaces
from commands.output import print_json, print_table, registry_of, say, table_options, tell


@click.group()
def pack() -> None:
    """Packs: tasks and transfers that others measured, for 'fute nearest --by memory'.

    A pack holds vectors and scores, no texts. It stays beside the catalog: it is neither listed with your entries nor
    exported.
    """


@pack.command("list")
@table_options
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """List the packs in use, and those that come with the program."""
    from registry.packs.shelf import supplied
    from registry.results import Table

    packs = registry_of(ctx).packs
    known = packs.all()
    more = sorted(set(supplied()) - set(packs.names()))
    if as_json:
        print_json({"packs": [one.as_json() for one in known], "supplied": supplied()})
        return
    print_table(Table(known), empty="No pack is in use.")
    if more:
        tell(f"Also supplied: {', '.join(more)} ('fute pack add {more[0]}').", err=True)


@pack.command()
@click.argument("name", shell_complete=packs)
@table_options
@click.pass_context
def show(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """Show a pack in use: who measured it, and where its tasks can be had."""
    from registry.results import Table

    found = registry_of(ctx).packs.get(name)
    if as_json:
        print_json(found.as_json())
        return
    say(f"{found.title}\n{found.source}")
    print_table(Table(found.tasks), empty="")


@pack.command()
@click.argument("pack_", metavar="NAME|FOLDER")
@click.pass_context
def add(ctx: click.Context, pack_: str) -> None:
    """Use a pack: one that comes with the program, or a folder that 'fute pack make' wrote."""
    added = registry_of(ctx).packs.add(pack_)
    tell(f"Pack {added.name}: {len(added.tasks)} tasks, {len(added.transfers):,} transfers. {added.source}")


@pack.command()
@click.argument("name", shell_complete=packs)
@click.pass_context
def remove(ctx: click.Context, name: str) -> None:
    """Use a pack no longer."""
    registry_of(ctx).packs.remove(name)
    tell(f"Pack {name} is no longer used")


@pack.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="The pack's name.")
@click.option("--title", required=True, help="What was measured, in a line.")
@click.option("--source", required=True, help="By whom, and where that is written.")
@click.option("tasks", "--task", multiple=True, help="A task; else all that take part in a recorded transfer.")
@click.option("--space", shell_complete=spaces, help="The space; else the current one.")
@click.pass_context
def make(
    ctx: click.Context, folder: Path, name: str, title: str, source: str, tasks: tuple[str, ...], space: str | None
) -> None:
    """Write your tasks' vectors and the transfers among them as a pack, a new FOLDER. No text goes into it."""
    from registry.packs.making import pack_of
    from registry.packs.pack import write_pack

    catalog = registry_of(ctx).catalog
    made = pack_of(catalog, catalog.spaces.get(space), name, title=title, source=source, tasks=tasks)
    write_pack(folder, made)
    tell(f"{len(made.tasks)} tasks and {len(made.transfers):,} transfers written to {folder}")
    left = len(catalog.transfers.all()) - len(made.transfers)
    if left and not tasks:
        tell(f"{left:,} transfers are left out: an end of each has no vector in the space, or is a model.", err=True)
