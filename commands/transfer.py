"""`fute transfer`: measured outcomes."""

from dataclasses import asdict
from pathlib import Path

import click

from commands.output import json_option, print_json, print_table, registry_of


@click.group()
def transfer() -> None:
    """Transfers: measured scores on a target after starting from a source."""


@transfer.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_context
def import_(ctx: click.Context, file: Path) -> None:
    """Keep the measurements in a CSV: model, adaptation, target, source, score_mean, score_std, seeds."""
    from registry.formats.transfers import read_transfers

    count = registry_of(ctx).add_transfers(read_transfers(file))
    click.echo(f"{count} transfers kept")


@transfer.command("list")
@click.option("--target", help="Only transfers to this task.")
@json_option
@click.pass_context
def list_(ctx: click.Context, target: str | None, *, as_json: bool) -> None:
    """List measured transfers, best first for each target and setting."""
    from registry.table import Table

    records = registry_of(ctx).transfers(target)
    if as_json:
        print_json({"transfers": [asdict(record) for record in records]})
    else:
        print_table(Table(records), empty="No transfers yet.")
