"""`fute embed` and `fute worker`: DTEs for tasks, MTEs for models."""

import signal
import sys
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from commands.completion import names_of, spaces
from commands.output import json_option, print_json, print_table, registry_of, tell
from registry.errors import together

if TYPE_CHECKING:
    from embedders import EmbedReport

LONG = 10.0  # seconds: what takes longer is told before
FEW = 200  # requests to an endpoint that are sent without a question


@click.command()
@click.argument("names", nargs=-1, shell_complete=names_of("task", "model", "prompted-model"))
@click.option(
    "everything",
    "--all",
    is_flag=True,
    help="Every task and model that has no vector yet, and each MODEL@PROMPT that was named before.",
)
@click.option("--space", shell_complete=spaces, help="The space; else the current one, which is made if there is none.")
@click.option("--device", help="cuda, cpu, ...; else the best there is.")
@click.option("--again", is_flag=True, help="Embed also what has a vector.")
@click.option("--take-over", is_flag=True, help="Take also what another run is at: one that hangs, or is lost.")
@click.option("--ray", "cluster", metavar="ADDRESS", help="Workers on a Ray cluster: HOST:PORT, auto, or local.")
@click.option("--workers", type=click.IntRange(min=1), help="On Ray; else one for each GPU, or one for each node.")
@click.option("--dry-run", is_flag=True, help="Say what would be asked of which model, and stop.")
@click.option("--yes", is_flag=True, help="Send an endpoint many requests without a question.")
@json_option
@click.pass_context
def embed(
    ctx: click.Context,
    names: tuple[str, ...],
    space: str | None,
    device: str | None,
    *,
    everything: bool,
    again: bool,
    take_over: bool,
    cluster: str | None,
    workers: int | None,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Embed tasks and models. What is done is not done again; run it again to go on after an interruption.

    With --ray workers on a cluster do it: on that at HOST:PORT, on that of this machine (auto), or on one that is
    started here and ended after (local). All its nodes must reach the registry: in a folder that they share, or in
    PostgreSQL.
    """
    if bool(names) == everything:
        raise click.UsageError("Give names, or --all.")
    if workers is not None and cluster is None:
        raise click.UsageError("--workers goes with --ray.")
    if dry_run or (not yes and _is_terminal()):
        _tell_plan(ctx, names, space, again=again, asks=not dry_run, as_json=as_json)
    if dry_run:
        return
    on_done = None if as_json else lambda name, seconds: tell(f"embedded {name} in {seconds:.1f} s")
    settings: dict[str, Any] = {"space": space, "device": device, "again": again, "take_over": take_over}
    if cluster is None:
        from embedders import embed as embed_entries

        report = embed_entries(registry_of(ctx), names or None, on_done=on_done, **settings)
    else:
        from embedders.jobs.ray_launcher import Cluster, Listener, embed_on_ray

        listener = Listener(on_done, _tell_wait, partial(tell, err=True))
        report = embed_on_ray(
            registry_of(ctx), names or None, cluster=Cluster(cluster, workers), listener=listener, **settings
        )
    if as_json:
        print_json(asdict(report))
    _tell(report)
    ctx.exit(1 if report.failed or report.busy else 0)


@click.command()
@click.option("--space", shell_complete=spaces, help="The space; else the current one, which is made if there is none.")
@click.option("--device", help="cuda, cpu, ...; else the best there is.")
@click.option("--watch", is_flag=True, help="Wait for new entries, or a server that is away, until Ctrl-C or SIGTERM.")
@json_option
@click.pass_context
def worker(ctx: click.Context, space: str | None, device: str | None, *, watch: bool, as_json: bool) -> None:
    """Embed whatever a space lacks, beside any number of other workers on the same registry.

    Each entry is embedded by one of them. What a worker that was killed had in hand is done by another. It ends when
    nothing is left and nobody is at anything; an entry that fails is tried once by each worker. Ctrl-C and SIGTERM put
    back what is in hand. An endpoint is asked without a question.
    """
    from embedders.jobs.worker import work

    on_done = None if as_json else lambda name, seconds: tell(f"embedded {name} in {seconds:.1f} s")
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: what is in hand is put back
    try:
        report = work(registry_of(ctx), space=space, device=device, watch=watch, on_done=on_done, on_wait=_tell_wait)
    finally:
        signal.signal(signal.SIGTERM, before)
    if as_json:
        print_json(asdict(report))
    _tell(report)
    ctx.exit(1 if report.failed else 0)


def _tell_wait(busy: dict[str, str]) -> None:
    """Say on stderr what a worker waits for."""
    others = ", ".join(f"{holder} embeds {name}" for name, holder in busy.items())
    tell(f"waiting: {others or 'nothing is to be embedded yet'}", err=True)


def _tell(report: "EmbedReport") -> None:
    """Say on stderr what came of a run."""
    for names, why in together(report.failed):
        tell(f"failed {names}: {why}", err=True, is_loss=True)
    for note in report.notes:
        tell(note, err=True)
    for names, why in together(report.skipped):
        tell(f"skipped {names}: {why}", err=True, is_loss=True)
    for name, counts in (*report.unanswered.items(), *report.not_read.items()):
        if name not in report.failed:
            tell(f"{name}: {counts}", err=True, is_loss=True)
    for name, holder in report.busy.items():
        tell(
            f"left {name}: {holder} is embedding it (--take-over takes it from a run that hangs)",
            err=True,
            is_loss=True,
        )
    done = f"{len(report.embedded)} embedded, {len(report.known)} known already"
    tell(f"{done}, {len(report.failed)} failed in space {report.space}", err=True)


def _is_terminal() -> bool:
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout))  # None: it was closed


def _tell_plan(
    ctx: click.Context, names: tuple[str, ...], space: str | None, *, again: bool, asks: bool, as_json: bool
) -> None:
    """Say what would be asked; of endpoints, ask whether to go on."""
    from embedders.jobs.plan import planned

    plan = planned(registry_of(ctx), names or None, space=space, again=again)
    for note in plan.notes:
        tell(note, err=True)
    if not asks and as_json:
        print_json(plan.as_json())
    elif not asks:
        print_table(plan, empty="Nothing is to be embedded.")
    if plan.told_here is not None and (not asks or plan.seconds_here > LONG):
        tell(plan.told_here, err=True)
    if plan.requests > (FEW if asks else 0):
        tell(plan.told, err=True, is_loss=True)
        if asks:
            click.confirm("Go on?", abort=True, err=True)


COMMANDS = (embed, worker)
