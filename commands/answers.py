"""`fute model answers`: what a model was asked, and what it answered."""

import click

from commands.output import print_json, print_table, registry_of, say, table_options


@click.command()
@click.argument("name")
@click.option("--prompt", help="Of a language model: under which prompt; short for MODEL@PROMPT.")
@click.option("--space", help="On the corpus of this space, else of the current one.")
@click.option("-n", "count", default=20, show_default=True, type=click.IntRange(1), help="How many to print.")
@table_options
@click.pass_context
def answers(ctx: click.Context, name: str, prompt: str | None, space: str | None, count: int, *, as_json: bool) -> None:
    """Show what a model was asked and what was read of its replies, with why there is no answer. Nothing is asked.

    Replies themselves are not kept. With --json all texts are shown, with what was asked of each.
    """
    from registry.choosing.answers import given_answers

    given = given_answers(registry_of(ctx).catalog, name, prompt=prompt, space=space)
    if as_json:
        print_json(given.as_json())
        return
    if given and given[0].asked is not None:
        say(f"asked, of the first text:\n{given[0].asked}\n")
    print_table(given[:count], empty=f"{given.name} was not asked in space {given.space} yet.")
    told = ", ".join(f"{text} {number}" for text, number in given.counts.items())
    click.echo(f"{len(given)} of {given.corpus_size} texts asked{': ' if told else ''}{told}", err=True)
