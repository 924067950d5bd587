"""`fute evaluate transfer`: which method ranks the sources of measured transfers best?"""

from pathlib import Path

import click

from commands.options import surrogate_options
from commands.output import print_json, print_table, table_options, tell


@click.command()
@click.option(
    "--examples", required=True, type=click.Path(path_type=Path), help="Folder of TASK.jsonl files or task folders."
)
@click.option("--truth", required=True, type=click.Path(path_type=Path), help="CSV of measured transfers.")
@click.option(
    "--history",
    type=click.Path(path_type=Path),
    help="CSV of measured transfers that memory and gain learn from; else the truth. A target's own are left out.",
)
@click.option("--peers", type=click.Path(path_type=Path), help="CSV of others' scores: target, source, METHOD, ...")
@click.option("methods", "--method", multiple=True, help="How to embed; may be given several times; else all.")
@click.option(
    "seeds",
    "--seed",
    multiple=True,
    type=click.IntRange(0),
    help="Also evaluate on half of the examples, drawn by this seed; give several for the spread.",
)
@click.option(
    "--tuned-on",
    default=32,
    show_default=True,
    type=click.IntRange(2, 1_000_000),
    help="Examples of a task, at most, for methods that tune the surrogate, which are slow.",
)
@surrogate_options
@click.option("--keep", type=click.Path(path_type=Path), help="Keep the vectors in this folder for another run.")
@table_options
def transfer(
    examples: Path,
    truth: Path,
    history: Path | None,
    peers: Path | None,
    methods: tuple[str, ...],
    seeds: tuple[int, ...],
    tuned_on: int,
    surrogate: str,
    device: str | None,
    keep: Path | None,
    *,
    as_json: bool,
) -> None:
    """Rank the sources of measured transfers by each method, and say how good the rankings are.

    A row for each way to embed, by similarity, and two that learn from measured transfers, of each target from those
    on other targets alone: memory, and gain, a source's usual gain. These two rank for each setting. One more, size,
    ranks sources by their number of examples, where the numbers differ.

    Task folders tell their kinds: where all tasks have them, a second table has the figures among the sources of each
    target's own class, classification and regression or question answering.
    """
    from embedders.evaluation.transfer.evaluate import evaluate_transfer

    evaluation = evaluate_transfer(
        examples,
        truth,
        history=history,
        peers=peers,
        methods=methods,
        seeds=seeds,
        surrogate=surrogate,
        device=device,
        keep=keep,
        tuned_on=tuned_on,
    )
    if as_json:
        print_json(evaluation.as_json())
    else:
        print_table(evaluation.rows, empty="Nothing to score.")
        if evaluation.in_class:
            print_table(evaluation.in_class, empty="")
    for note in evaluation.notes:
        tell(note, err=True)
