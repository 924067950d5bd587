"""`fute init`, `status`, `index`, `db` and `demo`: the registry itself."""

from dataclasses import asdict

import click

from commands.output import json_option, print_json, registry_of, tell

# registry.index.kinds has them, and needs numpy; a test holds the two together.
INDEX_KINDS = ("auto", "flat", "pq", "milvus", "pgvector")


@click.command()
@click.option("with_pack", "--pack/--no-pack", default=True, help="Whether a new one begins with the starter pack.")
@click.pass_context
def init(ctx: click.Context, *, with_pack: bool) -> None:
    """Make a registry, here or where --registry says.

    A new one begins with a pack of transfers that others measured, so that 'fute nearest --by memory' knows something
    from the first day.
    """
    from registry import Registry
    from registry.packs.shelf import STARTER

    with Registry.create(ctx.obj) as registry:
        is_empty = not any(registry.catalog.entries.counts().values())
        if with_pack and is_empty and registry.packs.are_new:
            registry.packs.add(STARTER)
        elif not with_pack:
            registry.packs.decline()
        tell(f"Registry ready in {registry.catalog.database.location}")


@click.command()
@json_option
@click.pass_context
def status(ctx: click.Context, *, as_json: bool) -> None:
    """Say what the registry holds, and what went wrong and still is."""
    found = registry_of(ctx).status()
    if as_json:
        print_json(asdict(found))
        return
    tell(found)


@click.group()
def index() -> None:
    """The index, a cache of the catalog's vectors."""


@index.command()
@json_option
@click.pass_context
def verify(ctx: click.Context, *, as_json: bool) -> None:
    """Compare the index with the catalog: ids, vectors and answers. Exit code 3 where they differ."""
    verifications = registry_of(ctx).verify_index()
    if as_json:
        print_json({"spaces": [asdict(check) for check in verifications]})
    else:
        for check in verifications:
            tell(str(check))
    if any(check.faults for check in verifications):
        ctx.exit(3)


@index.command()
@click.argument("kind", type=click.Choice(INDEX_KINDS))
@click.option("--address", help="Of Milvus: http://HOST:PORT, or a file of milvus-lite that ends in .db.")
@click.pass_context
def use(ctx: click.Context, kind: str, address: str | None) -> None:
    """Choose the kind of index: flat looks at every vector in full, pq at codes of them first; auto at their number.

    milvus keeps it in a Milvus server, which looks at every vector, and which all users of the registry may ask. Its
    address is $FUTE_MILVUS, else --address, which is remembered; its token is $FUTE_MILVUS_TOKEN.

    pgvector keeps it in the PostgreSQL database that the registry lies in, for all its users. It looks at every vector,
    and from 10,000 on at a graph of them first. It needs the server's extension pgvector, 0.8 or later.

    An index of another kind is made anew, now.
    """
    registry = registry_of(ctx)
    registry.use_index(kind, address)
    tell(f"Index in use: {kind}")


@index.command()
@click.option("--recentre", is_flag=True, help="Begin a new epoch: centre on the tasks that there are now.")
@click.pass_context
def rebuild(ctx: click.Context, *, recentre: bool) -> None:
    """Make the index anew from the catalog."""
    tell(f"Index rebuilt: {registry_of(ctx).rebuild_index(recentre=recentre)} vectors")


@click.group()
def db() -> None:
    """The catalog's database."""


@db.command()
@click.pass_context
def upgrade(ctx: click.Context) -> None:
    """Bring the database to this release. Of a registry in a folder, a backup of the old one is kept."""
    from registry import Registry

    found = Registry.upgrade(ctx.obj)
    if found is None:
        tell("The database is up to date")
    else:
        kept = f"; the old database is kept as {found.backup}" if found.backup else ""
        tell(f"Upgraded from schema {found.schema}{kept}")


@click.command()
@click.option("--folder", default="fute-demo", show_default=True, help="Where the demo's registry and picture go.")
@click.option("--fresh", is_flag=True, help="Throw away an earlier demo there and start anew.")
def demo(folder: str, *, fresh: bool) -> None:
    """Show the whole story on example tasks, offline: register, fine-tune, embed, ask, draw."""
    from pathlib import Path

    from commands.story import run_demo

    run_demo(Path(folder), say=tell, fresh=fresh)


COMMANDS = (init, status, index, db, demo)
