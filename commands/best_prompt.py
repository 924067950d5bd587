"""`fute best-prompt`: which prompt of an LLM should one use for a task?"""

from dataclasses import replace

import click

from commands.output import json_option, print_json, print_table, registry_of


@click.command("best-prompt")
@click.argument("task")
@click.option("--model", required=True, help="The LLM, whose prompts were embedded as MODEL@PROMPT.")
@click.option("limit", "-k", default=5, show_default=True, type=click.IntRange(1), help="How many prompts.")
@click.option(
    "--by", default="fute", show_default=True, help="The method that ranks: fute, mi, globale, ..., self-select."
)
@click.option("--like", help="A labelled task like TASK, whose embedding is used in its place.")
@click.option(
    "--calibration", default="none", show_default=True, help="Of the answers, for the other methods: contextual, batch."
)
@click.option("--space", help="The space; else the current one.")
@json_option
@click.pass_context
def best_prompt(
    ctx: click.Context,
    task: str,
    model: str,
    limit: int,
    by: str,
    like: str | None,
    calibration: str,
    space: str | None,
    *,
    as_json: bool,
) -> None:
    """Rank the prompts of an LLM for TASK, and show where the other methods put them.

    No label is read: TASK's embedding, or that of a task like it, is compared with the LLM's answers. Columns named for
    methods hold ranks, 1 is best. `--by self-select` asks the LLM itself which it would choose; all else was recorded.
    """
    from registry.prompts.best import FUTE, SELF_SELECT, PromptQuery

    query, registry = PromptQuery(task, model, by, like, calibration), registry_of(ctx)
    more = {}
    if by == SELF_SELECT:
        from embedders.black_boxes.self_select import self_selected

        registry.best_prompt(replace(query, by=FUTE), space=space)  # reports what is wrong before the LLM is asked
        more[by] = self_selected(registry, model, space=space)
    ranking = registry.best_prompt(query, limit=limit, space=space, more=more)
    if as_json:
        print_json(ranking.as_json())
    else:
        print_table(ranking, empty="No prompt to rank.")
    if ranking.doubt is not None:
        click.echo(f"Not enough evidence: {ranking.doubt}.", err=True)
    elif ranking.agreement is not None:
        click.echo(f"Mean rank correlation of {by} with the other methods: {ranking.agreement:.2f}", err=True)
    for note in ranking.notes:
        click.echo(note, err=True)


COMMANDS = (best_prompt,)
