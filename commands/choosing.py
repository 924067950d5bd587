"""`fute best-prompt`, `fute best-model`, `fute label`: what should one use for a task, without labels or with few?"""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from commands.completion import names_of, spaces
from commands.options import F, priors_option
from commands.output import is_for_programs, print_json, print_table, registry_of, say, table_options, tell
from commands.pictures import plot_option, write_plot

if TYPE_CHECKING:
    from registry import Registry
    from registry.choosing.best import PromptRanking
    from registry.choosing.given import Hints


def hint_options(command: F) -> F:
    """Give a command `--labelled`, `--random` and `--priors`: what is known beside the answers."""
    command = priors_option(command)
    command = click.option(
        "--random",
        "at_random",
        is_flag=True,
        help="The labelled texts were drawn at random from all: their labels speak for the rest. Suggested ones do.",
    )(command)
    return click.option(
        "--labelled",
        multiple=True,
        type=click.Path(path_type=Path),
        help="A file of text and label: right answers to some of the texts; may be given several times.",
    )(command)


def _known(paths: Sequence[Path], priors: Mapping[str, float], *, at_random: bool) -> "Hints":
    """Return labels, what is known of how their texts were chosen, and priors, as options of the questions."""
    from registry.formats.labels import read_labels

    if at_random and not paths:
        raise click.UsageError("--random says how the texts of --labelled were chosen: name their file.")

    read = read_labels(*paths)
    if read.passed_over:
        tell(
            f"Suggested texts that were passed over: {read.passed_over}. "
            "Where the hard ones are left out, the accuracies come out wrong.",
            err=True,
        )
    return {"labels": read.labels, "chances": read.chances, "at_random": at_random, "priors": priors}


def _read_texts(registry: "Registry", task: str, space: str | None, *, check: Callable[[], object]) -> "Hints":
    """Let the labels of a task speak of the texts: once, and only where the surrogate can be loaded.

    `check` reports what is wrong with the question before anything takes long. What cannot be kept is returned.
    """
    from embedders.black_boxes.witnesses import has_witness, read_texts

    if has_witness(registry, task, space=space):
        return {}
    check()
    if importlib.util.find_spec("torch") is None:
        return {}  # a note of the answer says that they count for nothing
    tell(f"Reading the texts as {task} labels them; this is done once ...", err=True)
    return {"reading": read_texts(registry, task, space=space)}


def _tell(sentence: str, notes: Sequence[str]) -> None:
    say(sentence)
    for note in notes:
        tell(note, err=True)


def _tell_how_sure(ranking: "PromptRanking") -> None:
    """Tell how far to trust another method than the accuracy."""
    by = ranking.query.by
    if ranking.doubt is not None:
        tell(f"By {by} there is not enough evidence: {ranking.doubt}.", err=True)
    elif ranking.agreement is not None:
        tell(f"Mean rank correlation of {by} with the other methods: {ranking.agreement:.2f}", err=True)


@click.command("best-prompt")
@click.argument("task", shell_complete=names_of("task"))
@click.option(
    "--model",
    required=True,
    shell_complete=names_of("model"),
    help="The LLM, whose prompts were embedded as MODEL@PROMPT.",
)
@click.option("limit", "-k", default=5, show_default=True, type=click.IntRange(1), help="How many prompts.")
@click.option(
    "--by",
    default="accuracy",
    show_default=True,
    help="The method that ranks: accuracy, fute, mi, globale, ..., self-select.",
)
@click.option("--like", help="A labelled task like TASK, whose labels are used in its place.")
@hint_options
@click.option(
    "--calibration", default="none", show_default=True, help="Of the answers, for the other methods: contextual, batch."
)
@click.option("--space", shell_complete=spaces, help="The space; else the current one.")
@click.option("--verbose", is_flag=True, help="Show what every method says, as ranks.")
@plot_option
@table_options
@click.pass_context
def best_prompt(
    ctx: click.Context,
    task: str,
    model: str,
    limit: int,
    by: str,
    like: str | None,
    labelled: tuple[Path, ...],
    calibration: str,
    space: str | None,
    *,
    at_random: bool,
    priors: dict[str, float],
    verbose: bool,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Rank the prompts of an LLM for TASK by how accurate they are on the texts of a space, as estimated.

    No label of these texts is needed. What the prompts answered is compared with one another, and with what the labels
    of TASK, or of a task like it, say of the texts. Of texts that are examples of TASK the labels count as known. Each
    accuracy has its 95 % interval and the probability of being the best. `--by self-select` asks the LLM itself which
    it would choose; all else was recorded.
    """
    from registry.choosing.best import ACCURACY, SELF_SELECT, PromptQuery, winner

    query, registry = PromptQuery(task, model, by, like, calibration), registry_of(ctx)
    known, plain, more = _known(labelled, priors, at_random=at_random), replace(query, by=ACCURACY), {}
    if by == ACCURACY:
        known |= _read_texts(registry, like or task, space, check=lambda: registry.best_prompt(plain, space=space))
    elif by == SELF_SELECT:
        from embedders.black_boxes.self_select import self_selected

        registry.best_prompt(plain, space=space)  # reports what is wrong before the LLM is asked
        more[by] = self_selected(registry, model, task=task, space=space)
    ranking = registry.best_prompt(query, limit=limit, space=space, more=more, **known)
    write_plot(ranking, picture)
    if as_json:
        print_json({**ranking.as_json(), "winner": winner(registry.catalog, ranking)})
        return
    print_table(ranking.detailed() if verbose and is_for_programs() else ranking, empty="No prompt to rank.")
    if verbose and not is_for_programs():
        print_table(ranking.by_method(), empty="No method ranks them.")
    for key, text in winner(registry.catalog, ranking).items():
        if text:
            say(f"{key:<9} {' | '.join(text) if isinstance(text, list) else text}")
    _tell(ranking.told, ranking.notes)
    if by != ACCURACY:
        _tell_how_sure(ranking)


@click.command("best-model")
@click.argument("task", shell_complete=names_of("task"))
@click.option("limit", "-k", default=10, show_default=True, type=click.IntRange(1), help="How many models.")
@hint_options
@click.option("--space", shell_complete=spaces, help="The space; else the current one.")
@plot_option
@table_options
@click.pass_context
def best_model(
    ctx: click.Context,
    task: str,
    limit: int,
    labelled: tuple[Path, ...],
    space: str | None,
    *,
    at_random: bool,
    priors: dict[str, float],
    picture: Path | None,
    as_json: bool,
) -> None:
    """Rank every model and prompted model that answered the texts of a space, by what `best-prompt` reads too.

    A leaderboard without labels: who is expected to lose least against the best is first. Models that choose from other
    answers than most are left out, and named.
    """
    registry, known = registry_of(ctx), _known(labelled, priors, at_random=at_random)
    known |= _read_texts(registry, task, space, check=lambda: registry.best_model(task, limit=limit, space=space))
    ranking = registry.best_model(task, limit=limit, space=space, **known)
    write_plot(ranking, picture)
    if as_json:
        print_json(ranking.as_json())
        return
    print_table(ranking, empty="No model to rank.")
    _tell(ranking.verdict.sentence, ranking.notes)


@click.group()
def label() -> None:
    """Labels of a few texts, which go a long way."""


@label.command()
@click.argument("task", shell_complete=names_of("task"))
@click.option("--model", help="The LLM whose prompts are to choose from; else all models.")
@click.option("count", "-n", default=20, show_default=True, type=click.IntRange(1), help="How many texts.")
@hint_options
@click.option("--space", shell_complete=spaces, help="The space; else the current one.")
@click.option("--out", type=click.Path(path_type=Path), help="Write a .csv whose column 'label' is to be filled in.")
@table_options
@click.pass_context
def suggest(
    ctx: click.Context,
    task: str,
    model: str | None,
    count: int,
    labelled: tuple[Path, ...],
    space: str | None,
    out: Path | None,
    *,
    at_random: bool,
    priors: dict[str, float],
    as_json: bool,
) -> None:
    """Name texts whose labels would settle soonest which prompt of --model, or which model, is best for TASK.

    They are drawn by chance, more often where those that may be best disagree. Fill in the column 'label' of --out,
    from the top and leaving none out, and give the file to `best-prompt` or `best-model` with --labelled. For more
    texts, give it to this command too.
    """
    registry = registry_of(ctx)
    known = _known(labelled, priors, at_random=at_random)
    texts = registry.suggest_labels(task, model=model, count=count, space=space, **known)
    if out is not None and texts:
        from registry.formats.labels import write_labels

        first = 1 + len(known.get("chances") or ())
        write_labels(out, [(row.text, row.text_pair, row.chance) for row in texts], first=first)
        is_alone = not as_json and not is_for_programs()
        tell(f"{out}: {len(texts)} texts to label", err=not is_alone)
        if is_alone:
            return
    if as_json:
        print_json({"texts": [vars(row) for row in texts]})
    else:
        print_table(texts, empty="No text is left to label.")


COMMANDS = (best_prompt, best_model, label)
