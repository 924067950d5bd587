"""`fute transfer`: measured outcomes."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.completion import names_of
from commands.nouns import confirmed, yes_option
from commands.output import print_json, print_table, registry_of, say, table_options, tell
from commands.pictures import plot_option, write_plot

if TYPE_CHECKING:
    from registry.data.transfers import TransferRecord
    from registry.results import Cell


@click.group()
def transfer() -> None:
    """Transfers: measured scores on a target after starting from a source."""


@transfer.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--run", default="", metavar="NAME", help="The run of the rows that name none.")
@click.pass_context
def import_(ctx: click.Context, file: Path, run: str) -> None:
    """Keep the measurements in a CSV: model, adaptation, target, source, score_mean, score_std, seeds, run.

    Higher scores are better: of a loss or an error rate write the negative. The last three columns may be missing. What
    is there of other runs stays; of the same run, the file takes its place.
    """
    from registry.formats.transfers import read_transfers

    count = registry_of(ctx).add_transfers(read_transfers(file, run=run))
    tell(f"{count} transfers kept")


@transfer.command()
@click.option("--model", required=True, help="The base model that was trained.")
@click.option("--adaptation", required=True, help="How it was trained, such as finetune or lora.")
@click.option("--target", required=True, help="The task that was scored.")
@click.option("--source", required=True, help="The task, or fine-tuned model, that training started from.")
@click.option("--score", required=True, type=float, help="The mean score on the target: a fraction, or all in percent.")
@click.option("--std", type=float, help="Its standard deviation over the seeds.")
@click.option("--seeds", type=int, help="How many seeds it is the mean of.")
@click.option("--run", metavar="NAME", help="Which run this is, in place of what is there of it; else one more.")
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
    run: str | None,
) -> None:
    """Keep one measurement, beside older ones of the same: the first run has no name, the next are 2, 3, ..."""
    from registry.data.transfers import TransferRecord

    measured = TransferRecord(model, adaptation, target, source, score, std, seeds, run or "")
    kept = registry_of(ctx).record_transfer(measured, anew=run is None)
    which = f" (run {kept.run})" if kept.run else ""
    tell(f"Kept: {source} to {target} in {model}/{adaptation}, {score:g}{which}")


@transfer.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.pass_context
def export(ctx: click.Context, file: Path) -> None:
    """Write the measurements to a CSV that can be imported again."""
    from registry.formats.transfers import write_transfers

    count = write_transfers(file, registry_of(ctx).transfers())
    tell(f"{count} transfers written to {file}")


@transfer.command("list")
@click.option("--target", help="Only transfers to this task.")
@table_options
@click.pass_context
def list_(ctx: click.Context, target: str | None, *, as_json: bool) -> None:
    """List measured transfers, best first for each target and setting. A name that is not registered is marked ?."""
    from registry.results import Table

    registry = registry_of(ctx)
    records = registry.transfers(target)
    named = {name for record in records for name in (record.target, record.source)}
    known = registry.catalog.entries.existing(named)
    unknown = sorted(named - known)
    if as_json:
        print_json({"transfers": [record.as_json() for record in records], "not_registered": unknown})
        return
    print_table(
        Table([_Listed(record, known) for record in records]),
        empty=f"No transfers to {target!r}." if target else "No transfers yet.",
    )
    if unknown:
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        tell(f"Not registered: {', '.join(unknown[:5])}{more}", err=True)


@transfer.command()
@click.argument("target", shell_complete=names_of("task"))
@click.option("--setting", metavar="MODEL/ADAPTATION", help="Which, where it was measured in several.")
@plot_option
@table_options
@click.pass_context
def show(ctx: click.Context, target: str, setting: str | None, picture: Path | None, *, as_json: bool) -> None:
    """Show what was measured on TARGET: each source's score beside the base model's without a source, best first.

    That is the transfer of TARGET from itself. The spread is the standard deviation over seeds and runs.
    """
    from registry.sources.measured import transfer_curve

    curve = transfer_curve(registry_of(ctx).catalog, target, setting)
    write_plot(curve, picture)
    if as_json:
        print_json(curve.as_json())
        return
    print_table(curve, empty="")
    say(curve.verdict())


@transfer.command()
@click.option("--model", help="Only of this base model.")
@click.option("--adaptation", help="Only of this adaptation.")
@click.option("--target", help="Only to this task.")
@click.option("--source", help="Only from this task or model.")
@click.option("--run", metavar="NAME", help="Only of this run.")
@yes_option
@click.pass_context
def remove(ctx: click.Context, /, *, yes: bool, **where: str | None) -> None:
    """Remove the measurements that all given options fit."""
    registry = registry_of(ctx)
    asked = {column: value for column, value in where.items() if value is not None}
    fitting = registry.catalog.transfers.fitting(**asked) if asked else []
    if fitting:
        confirmed(f"Remove {len(fitting)} transfers?", yes=yes)
    tell(f"{registry.catalog.transfers.remove(**asked)} transfers removed")


class _Listed:
    """A transfer in the list."""

    def exact(self) -> "dict[str, Cell]":
        """Return the row with names as they are."""
        return self._record.cells()

    def __init__(self, record: "TransferRecord", known: Collection[str]) -> None:
        self._record = record
        self._known = known

    def cells(self) -> "dict[str, Cell]":
        """Return the row of a table."""
        cells = self.exact()
        for end in ("target", "source"):
            if cells[end] not in self._known:
                cells[end] = f"{cells[end]} ?"
        return cells
