"""`fute verify`, `repair`, `backup`, `restore` and `copy`: nothing lost, and nothing silently wrong."""

from pathlib import Path

import click

from commands.output import json_option, print_json, say


@click.command()
@json_option
@click.pass_context
def verify(ctx: click.Context, *, as_json: bool) -> None:
    """Read all of the registry and tell what is damaged; exit code 3 if anything is.

    Tables, indices and checksums of the database, keys, examples, spaces, vectors, packs, and the index of each space.
    """
    from registry.location import located
    from registry.upkeep.verifying import verify as verified

    faults = verified(located(ctx.obj))
    if as_json:
        print_json({"faults": [{"place": fault.place, "what": fault.what} for fault in faults]})
    else:
        for fault in faults:
            say(fault)
        if not faults:
            say("All is well")
    if faults:
        ctx.exit(3)


@click.command()
@json_option
@click.pass_context
def repair(ctx: click.Context, *, as_json: bool) -> None:
    """Make a damaged registry sound again.

    The database is kept as it was. Every row that matches its checksum is brought into a new one; what cannot be
    believed goes to a file that is named, and so does what belongs to it. Indices are made anew. Exit code 3 if
    anything is wrong still.
    """
    from registry.location import located
    from registry.upkeep.repairing import repair as repaired

    done = repaired(located(ctx.obj))
    if as_json:
        print_json(
            {
                "kept": done.kept and str(done.kept),
                "rows": done.rows,
                "lost": [row.as_json() for row in done.lost],
                "quarantine": done.quarantine and str(done.quarantine),
                "indices": done.indices,
                "left": [{"place": fault.place, "what": fault.what} for fault in done.left],
            }
        )
    else:
        if done.kept is None:
            say("The database is sound")
        else:
            say(f"{done.rows} rows brought into a new database; the old one is kept as {done.kept}")
        if done.quarantine is not None:
            rows = [lost for lost in done.lost if lost.row]
            say(f"{len(rows)} rows could not be kept: what they held is in {done.quarantine}")
            for lost in done.lost:
                if not lost.row:
                    say(f"{lost.table}: {lost.why}")
        say(f"{done.indices} indices made anew")
        for fault in done.left:
            say(fault)
    if done.left:
        ctx.exit(3)


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--keep", type=click.IntRange(min=1), help="Of the backups in the registry's folder keep the newest N.")
@click.pass_context
def backup(ctx: click.Context, file: Path | None, *, keep: int | None) -> None:
    """Copy the catalog to FILE, else to the registry's folder 'backups', while it is in use.

    Packs and indices are files of their own and not in it.
    """
    from registry.location import located
    from registry.upkeep.backups import backup as backed_up

    if file is not None and keep is not None:
        raise click.UsageError("--keep is for backups in the registry's folder: give no FILE")
    say(f"Backup: {backed_up(located(ctx.obj), file, keep=keep)}")


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_context
def restore(ctx: click.Context, file: Path) -> None:
    """Put the backup FILE in the place of the catalog, which is kept; a damaged backup changes nothing."""
    from registry.location import located
    from registry.upkeep.backups import restore as restored

    done = restored(located(ctx.obj), file)
    say(f"Restored; what was there is kept as {done.kept}" if done.kept else "Restored")
    if done.is_old:
        say("It is of an earlier release: run 'fute db upgrade'")


@click.command()
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
def copy(source: str, target: str) -> None:
    """Copy a whole registry to a new place: a folder, or postgresql://HOST/DATABASE.

    The place that is copied stays as it is, and may be in use meanwhile.
    """
    from registry.location import located
    from registry.upkeep.copying import copy as copied

    say(f"Copied: {copied(located(source), located(target))}")


COMMANDS = (verify, repair, backup, restore, copy)
