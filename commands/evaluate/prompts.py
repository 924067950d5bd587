"""`fute evaluate prompts`: which prompt does each method pick, and how good is it in truth?"""

from pathlib import Path

import click

from commands.options import surrogate_options
from commands.output import print_json, print_table, registry_of, table_options, tell


@click.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--task", help="Labelled dataset for FUTE, a path, hf:DATASET or a registered name; else rivals only.")
@click.option("--model", help="Instead of PATH: an LLM of the registry, embedded on texts that --task labels.")
@click.option("--space", help="With --model: the space; else the current one.")
@click.option(
    "methods",
    "--method",
    multiple=True,
    help="Embed by this method too, each prompt and calibration anew; may be given several times.",
)
@click.option(
    "calibrations",
    "--calibration",
    multiple=True,
    help="Of the answers: none, contextual or batch; may be given several times; else all.",
)
@click.option("--examples", default=2000, show_default=True, type=click.IntRange(2), help="Of the dataset, at most.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Which examples are drawn.")
@surrogate_options
@table_options
@click.pass_context
def prompts(
    ctx: click.Context,
    path: Path | None,
    task: str | None,
    model: str | None,
    space: str | None,
    methods: tuple[str, ...],
    calibrations: tuple[str, ...],
    examples: int,
    seed: int,
    surrogate: str,
    device: str | None,
    *,
    as_json: bool,
) -> None:
    """Score recorded prompts or models by every method, and the methods by the true accuracies.

    PATH is the folder of a recorded LLM, or a table with a column of answers for each prompt or model and a column
    'label'. No method reads the labels of the texts that were asked. Other labelled examples are read, see --task.
    """
    if (path is None) == (model is None):
        raise click.UsageError("Give the PATH of a recorded LLM or of a table of answers, or --model.")
    if space is not None and model is None:
        raise click.UsageError("--space goes with --model.")
    from embedders.evaluation.prompts.evaluate import evaluate_prompts
    from embedders.evaluation.prompts.registered import evaluate_registered
    from embedders.evaluation.prompts.reports import PromptEvaluationSettings

    settings = PromptEvaluationSettings(
        examples=examples,
        seed=seed,
        surrogate=surrogate,
        device=device,
        methods=methods,
        calibrations=calibrations,
    )
    if path is not None:
        report = evaluate_prompts(path, task, settings, registry=ctx.obj)
    elif task is None:
        raise click.UsageError("With --model, --task names the registered task whose labels are the truth.")
    else:
        report = evaluate_registered(registry_of(ctx), str(model), task, settings, space=space)
    if as_json:
        print_json(report.as_json())
    else:
        print_table(report.rows, empty="Nothing to score.")
    for note in report.notes:
        tell(note, err=True)
