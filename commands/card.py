"""`fute card`: what is known of an entry, as Markdown."""

import click

from commands.completion import names_of
from commands.output import registry_of, tell

KINDS = ("task", "model", "prompt", "prompted-model", "corpus")


@click.command()
@click.argument("name", shell_complete=names_of())
@click.option("--kind", type=click.Choice(KINDS), help="Only if it is of this kind.")
@click.pass_context
def card(ctx: click.Context, name: str, kind: str | None) -> None:
    """Print a card of the task, model or prompt NAME: Markdown with front matter, as hubs read it.

    It says what the entry is, what a prompt asks, in which spaces it has vectors and what was measured with it. No
    example of a task is in it.
    """
    from registry.kinds import EntryKind
    from registry.views.card import card_of

    tell(card_of(registry_of(ctx).catalog, name, None if kind is None else EntryKind(kind)), nl=False)


COMMANDS = (card,)
