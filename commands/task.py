"""`fute task`: labelled datasets."""

from pathlib import Path

import click

from commands.completion import names_of
from commands.labels import label_lines
from commands.nouns import add_common, page_options, print_page, tell_measured
from commands.options import answers_options, form_options, range_option
from commands.output import (
    json_option,
    print_json,
    print_one,
    registry_of,
    table_options,
    tags_option,
    tell,
)

KINDS = ("classification", "multiple-choice", "regression", "question-answering", "free-text")


@click.group()
def task() -> None:
    """Tasks: labelled datasets."""


@task.command()
@click.argument("name")
@click.option(
    "--data",
    required=True,
    help="A task folder, a .jsonl, .json, .csv, .tsv or .parquet file (.gz too), - for what is piped in, a folder of "
    "a dataset, or hf:DATASET[/CONFIG].",
)
@click.option("--kind", type=click.Choice(KINDS), help="Of a file or a hub dataset; else its columns tell.")
@click.option("--text", help="Column of the text, or the question.  [default: text, question]")
@click.option("--text-pair", help="Column of the second text, if any, or the passage.  [default: text_pair, context]")
@click.option("--label", help="Column of the label, number or answer.  [default: label, answer]")
@click.option("--choices", help="Column of the choices, if any.  [default: choices]")
@click.option("--answer-start", help="Column of the character at which the answer begins.  [default: answer_start]")
@range_option("Of a regression: the ends of the scale; else the smallest and largest label of all its splits.")
@answers_options("The text of each label's answer: 0=negative,1=positive; low=, high=.")
@form_options
@click.option("--skip-bad", is_flag=True, help="Leave rows with faults out, and count them.")
@click.option("--split", default="train", show_default=True, help="Split of a hub dataset to learn from.")
@click.option("--replace", is_flag=True, help="Take the data as a new version of a known task.")
@tags_option
@click.pass_context
def add(
    ctx: click.Context,
    name: str,
    data: str,
    kind: str | None,
    text: str | None,
    text_pair: str | None,
    label: str | None,
    choices: str | None,
    answer_start: str | None,
    ends: tuple[float, float] | None,
    named_answers: dict[str, str] | None,
    sep: str | None,
    encoding: str | None,
    split: str,
    tags: tuple[str, ...],
    *,
    as_they_are: bool,
    skip_bad: bool,
    replace: bool,
) -> None:
    """Register a task; its examples are copied into the catalog.

    Labels that say nothing, such as 1 to 5, need a text each: --answers 1="very bad",5="very good".
    """
    from registry.data.examples import Columns
    from registry.formats.table_files import FileForm
    from registry.formats.tasks import read_task

    registry = registry_of(ctx)
    columns = Columns(text, text_pair, label, choices, answer_start)
    read = read_task(
        data,
        kind=kind,
        columns=columns,
        answers=named_answers,
        answers_as_they_are=as_they_are,
        range=ends,
        split=split,
        form=FileForm(sep, encoding),
        skip_bad=skip_bad,
    )
    record = registry.add_task(name, read, tags=tags, replace=replace)
    tell(f"{record.name} version {record.version}: {record.spec['examples']['train']} training examples")
    tell("\n".join(label_lines(read)))
    tell_measured(registry, record)


@task.command("import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--prefix", default="", help="Put before each name, such as org/.")
@tags_option
@json_option
@click.pass_context
def import_(ctx: click.Context, folder: Path, prefix: str, tags: tuple[str, ...], *, as_json: bool) -> None:
    """Register every task folder in FOLDER; run it again to go on after an interruption."""
    from dataclasses import asdict

    from registry.importing import import_tasks

    on_done = None if as_json else lambda name: tell(f"registered {name}")
    report = import_tasks(registry_of(ctx), folder, prefix=prefix, tags=tags, on_done=on_done)
    if as_json:
        print_json(asdict(report))
    for name, kind in report.skipped.items():
        tell(f"skipped {name}: {kind} tasks cannot be embedded yet", err=True, is_loss=True)
    for name, problem in report.failed.items():
        tell(f"failed {name}: {problem}", err=True, is_loss=True)
    tell(f"{len(report.added)} tasks added, {len(report.known)} known already", err=True)
    ctx.exit(2 if report.failed else 0)


@task.command("list")
@tags_option
@page_options
@table_options
@click.pass_context
def list_(ctx: click.Context, tags: tuple[str, ...], after: str | None, limit: int | None, *, as_json: bool) -> None:
    """List the tasks, by name."""
    print_page(ctx, "task", "tasks", tags, after, limit, as_json=as_json)


@task.command()
@click.argument("name", shell_complete=names_of("task"))
@json_option
@click.pass_context
def show(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """Show one task."""
    print_one(registry_of(ctx).show(name, "task"), as_json=as_json)


@task.command()
@click.argument("paths", nargs=-1, required=True, metavar="[NAME] FOLDER")
@click.option("everything", "--all", is_flag=True, help="Every task, each as a folder of its name in FOLDER.")
@click.pass_context
def export(ctx: click.Context, paths: tuple[str, ...], *, everything: bool) -> None:
    """Write a task as a folder that can be registered again."""
    if len(paths) != (1 if everything else 2):
        raise click.UsageError("Give NAME and FOLDER, or --all and FOLDER.")
    from registry.data.vectors import has_data

    registry, folder = registry_of(ctx), Path(paths[-1])
    if everything:
        tasks = registry.tasks()
        names = [row.name for row in tasks if has_data(row.record.spec)]
        for name in names:
            registry.export_task(name, folder / name)
        tell(f"{len(names)} tasks written to {folder}")
        if len(names) < len(tasks):
            tell(f"{len(tasks) - len(names)} left out, of which only the vectors are known", err=True, is_loss=True)
    else:
        registry.export_task(paths[0], folder)
        tell(f"{paths[0]} written to {folder}")


add_common(task, removes="Remove tasks with their vectors, all or none.", plural="tasks")
