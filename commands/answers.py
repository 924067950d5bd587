"""`fute model answers`: what a model was asked, and what it answered."""

import click

from commands.completion import names_of
from commands.output import print_json, print_table, registry_of, say, table_options, tell


@click.command()
@click.argument("name")
@click.option("--prompt", help="Of a language model: under which prompt; short for MODEL@PROMPT.")
@click.option("--space", help="On the corpus of this space, else of the current one.")
@click.option("-n", "count", default=20, show_default=True, type=click.IntRange(1), help="How many to print.")
@table_options
@click.pass_context
def answers(ctx: click.Context, name: str, prompt: str | None, space: str | None, count: int, *, as_json: bool) -> None:
    """Show what a model was asked, what it replied and what was read of it, with why there is no answer.

    Nothing is asked. A model that scores its answers writes no reply. With --json all texts are shown, with what was
    asked of each and its whole reply.
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
    tell(f"{len(given)} of {given.corpus_size} texts asked{': ' if told else ''}{told}", err=True)


@click.command("test")
@click.argument("name", shell_complete=names_of("model", "prompted-model"))
@click.option("texts", "--text", multiple=True, help="A text to ask about; may be given several times.")
@click.option("--text-pair", help="With one --text: the second text.")
@click.option(
    "-n", "count", default=3, show_default=True, type=click.IntRange(1, 100), help="Else so many of the space's."
)
@click.option("--device", help="cuda, cpu, ...; else the best there is.")
@table_options
@click.pass_context
def test(
    ctx: click.Context,
    name: str,
    texts: tuple[str, ...],
    text_pair: str | None,
    count: int,
    device: str | None,
    *,
    as_json: bool,
) -> None:
    """Ask a model, or MODEL@PROMPT, about a few texts, and show what is read of its answers. Nothing is kept.

    What a function has to do: take a list of texts, and return for each a text, or {text: probability}. A pair of texts
    reaches it as one, with a line break between.
    """
    if text_pair is not None and len(texts) != 1:
        raise click.UsageError("--text-pair goes with one --text.")
    from embedders.black_boxes.trying import tried
    from registry.data.inputs import Input

    inputs = [Input(text, text_pair) for text in texts]
    said = tried(registry_of(ctx), name, inputs, count=count, device=device)
    if as_json:
        print_json({"answers": [row.as_json() for row in said], "not_read": said.not_read})
        return
    print_table(said, empty=f"{name} can be asked about none of these texts.")
    if said.not_read is not None:
        tell(f"{name}: {said.not_read}", err=True, is_loss=True)
    if said.passed_over:
        tell(f"{name}: texts that it cannot be asked about: {said.passed_over}", err=True, is_loss=True)
