"""`fute prompt`: templates with the answers they ask for."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.completion import names_of
from commands.nouns import add_common, page_options, print_page
from commands.output import (
    json_option,
    print_json,
    print_one,
    print_rows,
    registry_of,
    table_options,
    tags_option,
    tell,
)

if TYPE_CHECKING:
    from registry.prompts.importing.contents import PromptOptions
    from registry.prompts.prompt import Prompt, Style

FILE = click.Path(path_type=Path)


@click.group()
def prompt() -> None:
    """Prompts: templates with the answers they ask for."""


def _choices(_ctx: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Read `positive=good,fine`, several times."""
    choices: dict[str, tuple[str, ...]] = {}
    for text in texts:
        label, sign, words = text.partition("=")
        answer_words = tuple(word.strip() for word in words.split(","))
        if not sign or not label.strip() or not all(answer_words):
            raise click.BadParameter(f"expected LABEL=WORD,WORD, the words that mean {label.strip()[:60]!r}")
        if label.strip() in choices:
            raise click.BadParameter(f"{label.strip()[:60]!r} is given twice")
        choices[label.strip()] = answer_words
    return choices


def _fields(_ctx: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    """Read `passage=text`, several times."""
    pairs = [text.partition("=") for text in texts]
    if not all(name.strip() and field.strip() in ("text", "text_pair") for name, _, field in pairs):
        raise click.BadParameter("expected VARIABLE=text or VARIABLE=text_pair")
    return {name.strip(): field.strip() for name, _, field in pairs}


def _listed(_ctx: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[str, ...]:
    """Read `A,B,...`."""
    return tuple(part.strip() for part in text.split(",")) if text else ()


field_option = click.option(
    "fields",
    "--field",
    multiple=True,
    metavar="VARIABLE=text|text_pair",
    callback=_fields,
    help="Which text of the input a variable stands for, where its name does not tell; may be given several times.",
)
choices_option = click.option(
    "--choices",
    metavar="A,B,...",
    callback=_listed,
    help="Of a file: the answers, in the order of its choices; for templates without choices, their words too.",
)


@prompt.command()
@click.argument("name")
@click.option("--template", help="What is asked, in Jinja: 'Is this good? {{ text }}'.")
@click.option("--template-file", type=FILE, help="A file that holds the template.")
@click.option(
    "--choice",
    "choices",
    multiple=True,
    metavar="LABEL=WORD,...",
    callback=_choices,
    help="An answer, and the words by which the LLM tells it; once for each answer.",
)
@click.option("--system", help="A plain text that is said before.")
@click.option("--cot", is_flag=True, help="A chain of thought: the LLM reasons before it answers.")
@click.option("--conclusion", help="With --cot: what is asked after the reasoning.")
@field_option
@click.option("--replace", is_flag=True, help="Take it as a new version of a known prompt.")
@tags_option
@click.pass_context
def add(
    ctx: click.Context,
    name: str,
    template: str | None,
    template_file: Path | None,
    choices: dict[str, tuple[str, ...]],
    system: str | None,
    conclusion: str | None,
    fields: dict[str, str],
    tags: tuple[str, ...],
    *,
    cot: bool,
    replace: bool,
) -> None:
    """Register a prompt. Its template is checked, and tried in a process with limits.

    A template may use the variables text, text_pair and answers, and usual names of datasets' fields.
    """
    from registry.prompts.importing.reading import read_template
    from registry.prompts.prompt import CONCLUSION, Prompt

    if (template is None) == (template_file is None):
        raise click.UsageError("Give one of --template and --template-file.")
    if conclusion is not None and not cot:
        raise click.UsageError("--conclusion goes with --cot.")
    text = template if template_file is None else read_template(template_file)
    style: Style = "chain-of-thought" if cot else "vanilla"
    answers, words = tuple(choices), tuple(choices.values())
    new_prompt = Prompt(text or "", answers, words, fields, system or None, style, conclusion or CONCLUSION)
    record = registry_of(ctx).add_prompt(name, new_prompt, tags=tags, replace=replace)
    tell(f"{record.name} version {record.version}: {', '.join(answers)}")


def _options(fields: dict[str, str], choices: tuple[str, ...], prefix: str = "") -> "PromptOptions":
    from registry.prompts.importing.contents import PromptOptions

    return PromptOptions(fields, choices, prefix)


@prompt.command("import")
@click.argument("file", type=FILE)
@click.option("--prefix", default="", help="Put before each name, such as org/.")
@field_option
@choices_option
@tags_option
@json_option
@click.pass_context
def import_(
    ctx: click.Context,
    file: Path,
    prefix: str,
    fields: dict[str, str],
    choices: tuple[str, ...],
    tags: tuple[str, ...],
    *,
    as_json: bool,
) -> None:
    """Register the prompts in FILE, all or none: a prompts.jsonl, PromptSource's templates.yaml, or an lm-eval task.

    What a file of PromptSource holds that cannot be used is left out, and told. No code that a file names is run.
    """
    from dataclasses import asdict

    report = registry_of(ctx).import_prompts(file, _options(fields, choices, prefix), tags=tags)
    if as_json:
        print_json(asdict(report))
    else:
        for name in report.added:
            tell(f"registered {name}")
    for name, problem in report.left_out.items():
        tell(f"left out {name}: {' '.join(problem.split())}", err=True, is_loss=True)
    for note in report.notes:
        tell(f"note: {note}", err=True)
    counts = f"{len(report.added)} prompts added, {len(report.known)} known already, {len(report.left_out)} left out"
    tell(counts, err=True)


@prompt.command("list")
@tags_option
@page_options
@table_options
@click.pass_context
def list_(ctx: click.Context, tags: tuple[str, ...], after: str | None, limit: int | None, *, as_json: bool) -> None:
    """List the prompts, by name."""
    print_page(ctx, "prompt", "prompts", tags, after, limit, as_json=as_json)


@prompt.command()
@click.argument("name", shell_complete=names_of("prompt"))
@json_option
@click.pass_context
def show(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """Show one prompt."""
    print_one(registry_of(ctx).show(name, "prompt"), as_json=as_json)


@prompt.command()
@click.argument("name")
@click.option("--text", help="The text of an input.")
@click.option("--text-pair", help="Its second text, if any.")
@click.option("--task", help="Take inputs from a task instead.")
@click.option("-n", "count", default=3, show_default=True, type=click.IntRange(1, 1000), help="How many of the task's.")
@json_option
@click.pass_context
def render(
    ctx: click.Context,
    name: str,
    text: str | None,
    text_pair: str | None,
    task: str | None,
    count: int,
    *,
    as_json: bool,
) -> None:
    """Print what the LLM is asked under a prompt."""
    from registry.data.inputs import Input
    from registry.prompts.fit import rendered_prompts, sample_of

    if (text is None) == (task is None) or (task is not None and text_pair is not None):
        raise click.UsageError("Give --text (and --text-pair), or --task.")
    registry = registry_of(ctx)
    inputs = [Input(text or "", text_pair)] if task is None else sample_of(registry.task_data(task), count)
    questions = rendered_prompts(registry.prompt(name), inputs)
    if as_json:
        print_json({"prompt": name, "asked": [question.as_json() for question in questions]})
    else:
        tell("\n\n".join(question.as_text() for question in questions))


@prompt.command()
@click.argument("name", required=False)
@click.option("--file", type=FILE, help="Test the prompts of a file instead, before they are registered.")
@click.option("--task", required=True, help="The task that the prompt is for.")
@field_option
@choices_option
@click.option(
    "-n", "count", default=100, show_default=True, type=click.IntRange(1), help="How many examples to render."
)
@json_option
@click.pass_context
def test(
    ctx: click.Context,
    name: str | None,
    file: Path | None,
    task: str,
    fields: dict[str, str],
    choices: tuple[str, ...],
    count: int,
    *,
    as_json: bool,
) -> None:
    """Say whether a prompt fits a task: its answers are the task's labels, and its examples can be asked."""
    from registry.prompts.fit import check_fits, fits
    from registry.prompts.importing.registering import usable_prompts

    if (name is None) == (file is None) or (name is not None and (fields or choices)):
        raise click.UsageError("Give a prompt's NAME, or --file (with --field and --choices).")
    registry = registry_of(ctx)
    prompts: dict[str, Prompt] = {}
    if file is not None:
        prompts = usable_prompts(file, _options(fields, choices)).prompts
    elif name is not None:
        prompts = {name: registry.prompt(name)}
    rows = fits(prompts, registry.task_data(task), task, count=count)
    print_rows(rows, as_json=as_json, noun="prompts")
    check_fits(rows)


add_common(prompt, removes="Remove prompts that no MODEL@PROMPT uses, all or none.", plural="prompts")
