"""`fute push` and `fute pull`: a registry to a folder or a hub, and back."""

import re
from typing import TYPE_CHECKING

import click

from commands.bundle import part_options, told
from commands.nouns import confirmed, yes_option
from commands.output import json_option, print_json, registry_of, tell

if TYPE_CHECKING:
    from registry.exchange.pushing import PushPlan

LICENSE = re.compile(r"[A-Za-z0-9][\w.+-]{0,59}", re.ASCII)
WHERE = "FOLDER|hf://datasets/OWNER/NAME"


@click.command()
@click.argument("where", metavar=WHERE)
@part_options
@click.option("--license", "license_", metavar="ID", help="Of the whole, such as cc-by-4.0; else as it was, or none.")
@click.option("--public", is_flag=True, help="Let everybody read a repository that is made; else it is private.")
@click.option("--replace", is_flag=True, help="Put it in the place of what was pushed there, even if that holds more.")
@click.option("--dry-run", is_flag=True, help="Say what would leave; change nothing.")
@yes_option
@json_option
@click.pass_context
def push(
    ctx: click.Context,
    where: str,
    *,
    space: str | None,
    pack: str | None,
    license_: str | None,
    public: bool,
    replace: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Push the registry as a bundle, with a card of each task, model and prompt, and one of the whole.

    All of it leaves: the texts of tasks and corpora, and what models replied. What that is, is said first, and asked
    before it goes to a hub. A pack holds no texts: 'fute pack make' makes one, --pack pushes it.

    It takes the place of what was pushed there. Where that holds what this registry has not, nothing is pushed: 'fute
    pull' first. On a hub a push is one commit; the library huggingface_hub asks there, with its own token.
    """
    from registry.bundles.part import BundlePart
    from registry.exchange.pushing import PushOptions
    from registry.exchange.pushing import push as push_to

    def is_wanted(plan: "PushPlan") -> bool:
        tell(_leaving(plan), err=True)
        if not dry_run and plan.is_elsewhere:
            confirmed("Push it?", yes=yes)
        return not dry_run

    if license_ is not None and not LICENSE.fullmatch(license_):
        raise click.BadParameter("expected a short name, such as mit or cc-by-4.0", param_hint="--license")
    options = PushOptions(BundlePart(space, pack), license_, public, replace)
    plan = push_to(registry_of(ctx), where, options, is_wanted=is_wanted)
    if as_json:
        print_json({"dry_run": dry_run, **plan.as_json()})
    elif not dry_run:
        at = f" (commit {plan.revision[:12]})" if plan.revision else ""
        tell(f"pushed to {plan.where}{at}" if plan.is_changed else f"{plan.where} has all of it already{at}")
    if plan.cards_left_out:
        tell(f"{plan.cards_left_out:,} entries have no card: there are too many", err=True, is_loss=True)


@click.command()
@click.argument("where", metavar=f"{WHERE}[@REVISION]")
@click.option("--dry-run", is_flag=True, help="Check what is there and say what would come of it; change nothing.")
@click.option("--keep-mine", is_flag=True, help="Leave out what clashes, and what is made with it.")
@click.option("--trust", is_flag=True, help="Take models that run a function or ask a server, too.")
@json_option
@click.pass_context
def pull(ctx: click.Context, where: str, *, dry_run: bool, keep_mine: bool, trust: bool, as_json: bool) -> None:
    """Take in what 'fute push' has put there: all of it, or nothing, as 'fute bundle import' does.

    Every byte is checked before anything is read. A name with other content here is a clash. Each is told and nothing
    is taken in, unless --keep-mine is given.
    """
    from commands.bundle import tell_of_losses
    from registry.exchange.pulling import pull as pull_from

    pulled = pull_from(registry_of(ctx), where, dry_run=dry_run, keep_mine=keep_mine, trust=trust)
    report = pulled.report
    if as_json:
        print_json({"dry_run": dry_run, "where": pulled.where, "revision": pulled.revision, **report.as_json()})
        return
    at = f" (commit {pulled.revision[:12]})" if pulled.revision else ""
    would = "would be " if dry_run else ""
    tell(f"{told(report.added)} {would}added from {pulled.where}{at}; {report.known.total():,} were here")
    tell_of_losses(report)


def _leaving(plan: "PushPlan") -> str:
    """Say what leaves, and who will be able to read it."""
    who = {None: "", True: ", public: everybody can read it", False: ", private"}[plan.is_public]
    to = f"{plan.where} ({'new' if plan.is_new else 'there already'}{who})"
    return f"To {to}: {plan.inventory.line()}; {plan.size:,} bytes, {plan.cards:,} cards"


COMMANDS = (push, pull)
