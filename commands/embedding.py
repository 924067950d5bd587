"""`fute embed`: DTEs for tasks, MTEs for models."""

from dataclasses import asdict

import click

from commands.completion import names_of, spaces
from commands.output import json_option, print_json, registry_of


@click.command()
@click.argument("names", nargs=-1, shell_complete=names_of("task", "model", "prompted-model"))
@click.option("everything", "--all", is_flag=True, help="Every task and model that has no vector yet.")
@click.option("--space", shell_complete=spaces, help="The space; else the current one, which is made if there is none.")
@click.option("--device", help="cuda, cpu, ...; else the best there is.")
@click.option("--again", is_flag=True, help="Embed also what has a vector.")
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
    as_json: bool,
) -> None:
    """Embed tasks and models. What is done is not done again; run it again to go on after an interruption."""
    if bool(names) == everything:
        raise click.UsageError("Give names, or --all.")
    from embedders import embed as embed_entries

    on_done = None if as_json else lambda name, seconds: click.echo(f"embedded {name} in {seconds:.1f} s")
    report = embed_entries(registry_of(ctx), names or None, space=space, device=device, again=again, on_done=on_done)
    if as_json:
        print_json(asdict(report))
    for problem in dict.fromkeys(report.failed.values()):
        failed_names = [name for name, reason in report.failed.items() if reason == problem]
        more = f" and {len(failed_names) - 1} more" if len(failed_names) > 1 else ""
        click.echo(f"failed {failed_names[0]}{more}: {problem}", err=True)
    if report.skipped:
        first, why = next(iter(report.skipped.items()))
        more = f" and {len(report.skipped) - 1} more" if len(report.skipped) > 1 else ""
        click.echo(f"skipped {first}{more}: {why}", err=True)
    for name, counts in report.unanswered.items():
        if name not in report.failed:
            click.echo(f"{name}: {counts}", err=True)
    for name in report.busy:
        click.echo(f"left {name}: another process is embedding it", err=True)
    done = f"{len(report.embedded)} embedded, {len(report.known)} known already"
    click.echo(f"{done}, {len(report.failed)} failed in space {report.space}", err=True)
    ctx.exit(1 if report.failed else 0)


COMMANDS = (embed,)
