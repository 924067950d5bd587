"""`fute evaluate unify`: do models land by the tasks that they were made from?"""

from pathlib import Path

import click

from commands.options import surrogate_options
from commands.output import print_json, print_table, table_options, tell

ARCHITECTURES = ("finetuned", "scratch", "bag-of-words")


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("tasks", "--task", multiple=True, help="Only this task of the folder; give several.")
@click.option("methods", "--method", multiple=True, help="How to embed; may be given several times; else the default.")
@click.option(
    "architectures",
    "--architecture",
    multiple=True,
    default=ARCHITECTURES,
    show_default=True,
    type=click.Choice(ARCHITECTURES),
    help="What models are made of; may be given several times.",
)
@click.option(
    "--corpus",
    default="others",
    show_default=True,
    help="What models are asked: texts of the other tasks (others), the program's own (everyday), or a file.",
)
@click.option("--per-task", default=60, show_default=True, type=click.IntRange(1), help="With others: texts of each.")
@click.option("--examples", default=1000, show_default=True, type=click.IntRange(1), help="To train a model on.")
@click.option("--models", type=click.Path(path_type=Path), help="Where trained models are kept; else the user's cache.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Of samples, training and space.")
@surrogate_options
@click.option("--corrupt", is_flag=True, help="Also embed models with a share of their answers drawn at random.")
@table_options
def unify(
    folder: Path,
    tasks: tuple[str, ...],
    methods: tuple[str, ...],
    architectures: tuple[str, ...],
    corpus: str,
    per_task: int,
    examples: int,
    models: Path | None,
    seed: int,
    surrogate: str,
    device: str | None,
    *,
    corrupt: bool,
    as_json: bool,
) -> None:
    """Train models on the tasks in FOLDER, ask them other texts, and say how well their vectors find the tasks.

    Models are trained once and kept. None is asked a text of its own task.
    """
    from embedders.evaluation.unify.evaluate import UnifySettings
    from embedders.evaluation.unify.evaluate import unify as evaluate_unify
    from embedders.methods import DEFAULT

    settings = UnifySettings(
        tasks=tasks,
        methods=tuple(dict.fromkeys(methods)) or (DEFAULT,),
        architectures=tuple(dict.fromkeys(architectures)),
        corpus=corpus,
        per_task=per_task,
        examples=examples,
        models=models,
        seed=seed,
        surrogate=surrogate,
        device=device,
        corrupt=corrupt,
    )
    report = evaluate_unify(folder, settings)
    if as_json:
        print_json(report.as_json())
    else:
        for table in report.tables():
            print_table(table, empty="Nothing to score.")
    if report.skipped:
        kinds = ", ".join(f"{name} ({kind})" for name, kind in report.skipped.items())
        tell(f"skipped, not of kind classification: {kinds}", err=True)
