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


@transfer.command()
@click.option("--model", required=True, help="The base model that was trained.")
@click.option("--adaptation", required=True, help="How it was trained, such as finetune or lora.")
@click.option("--target", required=True, help="The task that was scored.")
@click.option("--source", required=True, help="The task that training started from.")
@click.option("--score", required=True, type=float, help="The mean score on the target, as a fraction.")
@click.option("--std", type=float, help="Its standard deviation over the runs.")
@click.option("--seeds", type=int, help="How many runs.")
@click.pass_context
def record(
    ctx: click.Context,
    model: str,
    adaptation: str,
    target: str,
    source: str,
    score: float,
    std: float | None,
    seeds: int | None,
) -> None:
    """Keep one measurement; it replaces an older one of the same."""
    from registry.catalog import TransferRecord
    from registry.formats.transfers import checked_transfer

    measured = checked_transfer(TransferRecord(model, adaptation, target, source, score, std, seeds))
    registry_of(ctx).add_transfers([measured])
    click.echo(f"Kept: {source} to {target} in {model}/{adaptation}, {score:g}")


@transfer.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_context
def export(ctx: click.Context, file: Path) -> None:
    """Write the measurements to a CSV that can be imported again."""
    from registry.formats.transfers import write_transfers

    count = write_transfers(file, registry_of(ctx).transfers())
    click.echo(f"{count} transfers written to {file}")


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
