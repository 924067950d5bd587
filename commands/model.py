"""`fute model`: black boxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from commands.answers import answers, test
from commands.completion import names_of
from commands.nouns import add_common, page_options, print_page, tell_measured
from commands.options import answers_options, range_option, together
from commands.output import json_option, print_one, registry_of, table_options, tags_option, tell

if TYPE_CHECKING:
    from registry import Registry
    from registry.catalog import EntryRecord

OF_ENDPOINT = "--model-id, --key-env, --requests-per-second, --concurrent and --reasoning-tokens go with --endpoint."


@dataclass(frozen=True)
class CheckpointOptions:
    """Options that go with --hf."""

    gguf: str | None
    labels: str | None
    ends: tuple[float, float] | None
    revision: str | None


@dataclass(frozen=True)
class EndpointOptions:
    """Options that go with --endpoint."""

    model_id: str | None
    key_env: str | None
    requests_per_second: float | None
    concurrent: int | None
    reasoning_tokens: int | None


@dataclass(frozen=True)
class TableOptions:
    """Options that go with --recorded."""

    text_column: str | None
    answers: tuple[str, ...]
    named_answers: dict[str, str] | None
    as_they_are: bool
    space: str | None


@click.group()
def model() -> None:
    """Models: black boxes, of which only the answers are read."""


@model.command()
@click.argument("name")
@click.option("--hf", help="A checkpoint: a folder, minilm, smollm2, or a hub id with --revision.")
@click.option("--gguf", help="With --hf: the name of the GGUF file there that is the model, weights and tokenizer.")
@click.option("--endpoint", help="An OpenAI-compatible server's URL: http://localhost:8000/v1, Azure's too.")
@click.option("--function", help="A Python function, module:callable.")
@click.option("--recorded", help="Recorded outputs: a table of answers, or a recorded LLM's folder.")
@click.option(
    "--text",
    "text_column",
    help="With --recorded and a table: the column of the texts, if not 'text'; of samples, a field.",
)
@click.option("--answer", "answers", multiple=True, help="With --recorded and a table: a column of answers; else all.")
@answers_options("With --recorded: the text of each answer that was recorded, 0=negative,1=positive.")
@click.option("--space", help="With --recorded: make a space of the table's texts, and make it the current one.")
@click.option("--labels", help="With --hf: what the outputs mean, or which answers to choose from, A,B,...")
@range_option("With --hf and a model that gives a number: the numbers that its two labels stand for.")
@click.option("--revision", help="With --hf and a hub id: the full commit hash.")
@click.option("--model-id", help="With --endpoint: what the server calls the model.")
@click.option("--key-env", help="With --endpoint: the NAME of the environment variable that holds its key.")
@click.option("--requests-per-second", type=float, help="With --endpoint: at most this many by each process.")
@click.option("--concurrent", type=int, help="With --endpoint: how many requests at a time, 4 if not given.")
@click.option("--reasoning-tokens", type=int, help="With --endpoint: room for what a model thinks before it answers.")
@click.option("--replace", is_flag=True, help="Take it as a new version of a known model.")
@tags_option
@click.pass_context
@together("of_checkpoint", CheckpointOptions)
@together("of_endpoint", EndpointOptions)
@together("of_table", TableOptions)
def add(
    ctx: click.Context,
    name: str,
    hf: str | None,
    endpoint: str | None,
    function: str | None,
    recorded: str | None,
    of_checkpoint: CheckpointOptions,
    of_endpoint: EndpointOptions,
    of_table: TableOptions,
    tags: tuple[str, ...],
    *,
    replace: bool,
) -> None:
    """Register a model. Nothing is loaded, run or asked before it is embedded.

    Checkpoints that answer are sequence classifiers, with one output too, text-to-text models with --labels, and
    readers. Language models, text-to-text models without --labels, sentence encoders and endpoints answer under a
    prompt: embed MODEL@PROMPT.
    """
    from embedders.black_boxes.recorded import recorded_model
    from embedders.black_boxes.registering import function_model

    _check_one_of(hf, endpoint, function, recorded)
    _check_options(hf, of_checkpoint, "--gguf, --labels, --range and --revision go with --hf.")
    _check_options(endpoint, of_endpoint, OF_ENDPOINT)
    _check_options(recorded, of_table, "--text, --answer, --answers and --space go with --recorded.")
    registry, common = registry_of(ctx), dict[str, Any](tags=tags, replace=replace)
    if hf is not None:
        made = [_checkpoint(registry, name, hf, of_checkpoint, **common)]
    elif endpoint is not None:
        made = [_served(registry, name, endpoint, of_endpoint, **common)]
    elif function is not None:
        made = [function_model(registry, name, function, **common)]
    else:
        names = {} if of_table.as_they_are else of_table.named_answers
        common |= {"text": of_table.text_column, "answers": of_table.answers, "names": names}
        made = recorded_model(registry, name, str(recorded), **common)
    _tell_made(registry, made, of_table.space)


def _served(
    registry: "Registry", name: str, url: str, options: EndpointOptions, *, tags: tuple[str, ...], replace: bool
) -> "EntryRecord":
    """Register a model behind a server."""
    from embedders.black_boxes.registering import endpoint_model
    from embedders.predictors.endpoint.client import Limits

    most = 4 if options.concurrent is None else options.concurrent
    limits = Limits(options.requests_per_second, most, reasoning_tokens=options.reasoning_tokens or 0)
    return endpoint_model(
        registry,
        name,
        url,
        model=options.model_id,
        key_env=options.key_env,
        limits=limits,
        tags=tags,
        replace=replace,
    )


def _tell_made(registry: "Registry", made: "Sequence[EntryRecord]", space: str | None) -> None:
    """Say which models are there now, with how many prompts, and how many answers are missing; make a space."""
    from embedders.black_boxes.recorded import share_missing, space_of_texts

    models = [entry for entry in made if entry.kind == "model"]
    for model_entry in models:
        pairs = [entry for entry in made if entry.name.startswith(f"{model_entry.name}@")]
        missing = share_missing(registry, pairs or [model_entry])
        more = f", with {len(pairs)} prompts" if pairs else ""
        lacking = f"; {missing:.1%} of the answers are missing" if missing else ""
        tell(f"{model_entry.name} version {model_entry.version}{more}{lacking}")
        tell_measured(registry, model_entry)
        known = [f"{model_entry.name}@{prompt}" for prompt in registry.catalog.entries.prompts_of(model_entry.name)]
        gone = sorted(set(known) - {entry.name for entry in pairs})
        if pairs and gone:
            mend = f"'fute model remove {' '.join(gone)}' removes them"
            tell(f"Not in this table, and kept with the old answers: {mend}.", err=True)
    if space is not None:
        found = space_of_texts(registry, space, made)
        others = f"; {space!r} is not made, for it would hold the same" if found != space else ""
        tell(f"space {found} of these texts, current{others}")
        tell(f"Go on with: fute embed {' '.join(entry.name for entry in models)} TASK", err=True)


def _checkpoint(
    registry: "Registry", name: str, source: str, options: CheckpointOptions, *, tags: tuple[str, ...], replace: bool
) -> "EntryRecord":
    """Register a checkpoint, or its one GGUF file that was named."""
    from embedders.black_boxes.registering import gguf_model, hf_model

    labels = [label.strip() for label in options.labels.split(",")] if options.labels else None
    revision, ends = options.revision, options.ends
    if options.gguf is None:
        return hf_model(
            registry, name, source, revision=revision, labels=labels, range=ends, tags=tags, replace=replace
        )
    if labels or ends is not None:
        raise click.UsageError("A language model has no labels of its own: leave --labels and --range out.")
    return gguf_model(registry, name, source, options.gguf, revision=revision, tags=tags, replace=replace)


def _check_one_of(*sources: str | None) -> None:
    if sum(source is not None for source in sources) != 1:
        raise click.UsageError("Give one of --hf, --endpoint, --function and --recorded.")


def _check_options(
    source: str | None, options: CheckpointOptions | EndpointOptions | TableOptions, problem: str
) -> None:
    """Refuse options that go with a source that was not given."""
    nothing = (value is None or value is False or value in ("", ()) for value in vars(options).values())
    if source is None and not all(nothing):
        raise click.UsageError(problem)


def _kind_of(name: str) -> str:
    return "prompted-model" if "@" in name else "model"


@model.command("list")
@tags_option
@page_options
@table_options
@click.pass_context
def list_(ctx: click.Context, tags: tuple[str, ...], after: str | None, limit: int | None, *, as_json: bool) -> None:
    """List the models, by name."""
    print_page(ctx, "model", "models", tags, after, limit, as_json=as_json)


@model.command()
@click.argument("name", shell_complete=names_of("model", "prompted-model"))
@json_option
@click.pass_context
def show(ctx: click.Context, name: str, *, as_json: bool) -> None:
    """Show one model, or one MODEL@PROMPT."""
    print_one(registry_of(ctx).show(name, _kind_of(name)), as_json=as_json)


@model.command()
@click.argument("name", shell_complete=names_of("model", "prompted-model"))
@click.argument("alias")
@click.pass_context
def alias(ctx: click.Context, name: str, alias: str) -> None:
    """Let NAME:ALIAS mean the version that NAME (or NAME:3) means."""
    record = registry_of(ctx).set_alias(name, alias, _kind_of(name))
    tell(f"{record.name}:{alias} is version {record.version}")


add_common(
    model,
    removes="Remove models with their vectors, outputs and MODEL@PROMPT pairs, or single MODEL@PROMPT; all or none.",
    plural="models",
)
model.add_command(answers)
model.add_command(test)
