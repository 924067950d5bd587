"""`fute corpus`: unlabelled texts on which models are observed."""

from pathlib import Path

import click
from click.core import ParameterSource

from commands.completion import names_of
from commands.nouns import add_common
from commands.options import form_options
from commands.output import json_option, print_one, print_rows, registry_of, table_options, tell


@click.group()
def corpus() -> None:
    """Corpora: unlabelled texts on which models are observed."""


@corpus.command()
@click.argument("name")
@click.option(
    "--data",
    help="A .txt file, a text on each line; a .jsonl, .json, .csv, .tsv or .parquet file (.gz too), or - for what is "
    "piped in; else the registered tasks.",
)
@click.option("--text", help="Column of the text.  [default: text]")
@click.option("--text-pair", help="Column of the second text, if any.  [default: text_pair]")
@form_options
@click.option("--per-task", default=60, show_default=True, type=click.IntRange(1), help="Texts of each task.")
@click.option("--exclude", multiple=True, help="A task to leave out; may be given several times.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0), help="Decides which texts are drawn.")
@click.pass_context
def create(
    ctx: click.Context,
    name: str,
    data: str | None,
    text: str | None,
    text_pair: str | None,
    sep: str | None,
    encoding: str | None,
    per_task: int,
    exclude: tuple[str, ...],
    seed: int,
) -> None:
    """Make a corpus from a file, or from the texts of the registered tasks."""
    of_a_file = ("text", "text_pair", "sep", "encoding")
    for option in ("per_task", "exclude", "seed") if data is not None else of_a_file:
        if ctx.get_parameter_source(option) is ParameterSource.COMMANDLINE:
            where = "is for texts of registered tasks, not for --data" if data is not None else "goes with --data"
            raise click.UsageError(f"--{option.replace('_', '-')} {where}.")
    registry = registry_of(ctx)
    if data is None:
        record = registry.sample_corpus(name, per_task=per_task, exclude=exclude, seed=seed)
    else:
        from registry.formats.corpora import read_corpus
        from registry.formats.table_files import FileForm

        inputs = read_corpus(data, text=text, text_pair=text_pair, form=FileForm(sep, encoding))
        record = registry.add_corpus(name, inputs, source=Path(data).name)
    tell(f"{record.name}: {record.spec['texts']} texts, {record.content_hash[:12]}")


@corpus.command("list")
@table_options
@click.pass_context
def list_(ctx: click.Context, *, as_json: bool) -> None:
    """List the corpora."""
    print_rows(registry_of(ctx).entries("corpus"), as_json=as_json, noun="corpora")


@corpus.command()
@click.argument("name", shell_complete=names_of("corpus"))
@json_option
@click.pass_context
def show(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """Show one corpus."""
    print_one(registry_of(ctx).show(name, "corpus"), as_json=as_json)


add_common(corpus, removes="Remove corpora that no space uses, all or none.", plural="corpora")
