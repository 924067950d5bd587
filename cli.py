"""The command `fute`: assembles the commands and turns errors into one line and an exit code. No logic."""

import atexit
import gc
import io
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

from commands import (
    bundle,
    choosing,
    corpus,
    embedding,
    evaluate,
    model,
    pack,
    prompt,
    query,
    space,
    task,
    transfer,
    upkeep,
)
from embedders.errors import EmbedderError
from embedders.hardware.threads import sleep_while_waiting
from registry import __version__
from registry.errors import RegistryError
from registry.shown import shown, without_secrets

INTERRUPTED = 130
LONGEST = 1000  # signs of what click says of bad use: it repeats whatever was typed
GARBAGE_AFTER = 50_000  # objects; by default 700, and a quarter of a short command goes into looking for garbage


class _OneLineError(click.ClickException):
    def __init__(self, error: RegistryError | EmbedderError) -> None:
        super().__init__(shown(" ".join(str(error).split())))
        self.exit_code = error.exit_code  # type: ignore[misc] # click declares it for the class, reads it from us


class _PlainFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return shown(without_secrets(super().format(record)))


@contextmanager
def _told_in_one_line() -> Iterator[None]:
    """Say bad use in one line, as all errors are said; `fute` alone still shows its help."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:
        raise
    except click.UsageError as error:
        where = f" (see '{error.ctx.command_path} --help')" if error.ctx else ""
        message = shown(without_secrets(" ".join(error.format_message().split())))
        raise click.UsageError((message if len(message) <= LONGEST else f"{message[:LONGEST]} ...") + where) from error


class RegistryGroup(click.Group):
    """Shows our own errors as one line, and lets every other error crash loudly."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:  # noqa: ANN401 - click's
        """Read the options before the command."""
        with _told_in_one_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - whatever a command returns
        """Run the command."""
        try:
            with _told_in_one_line():
                return super().invoke(ctx)
        except (RegistryError, EmbedderError) as error:
            raise _OneLineError(error) from error
        except MemoryError as error:
            raise click.ClickException(
                "There is not enough memory for this: take a part of the data, or a machine with more."
            ) from error
        except KeyboardInterrupt:
            click.echo("Interrupted; what was done is kept, run the command again to go on.", err=True)
            ctx.exit(INTERRUPTED)


@click.group(cls=RegistryGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--registry", metavar="FOLDER", help="The registry; else $FUTE_REGISTRY, else ./fute-registry.")
@click.version_option(__version__, package_name="fute-registry", prog_name="fute")
@click.pass_context
def main(ctx: click.Context, registry: str | None) -> None:
    """One vector space for tasks, fine-tuned models and prompted LLMs: find what to start from."""
    ctx.obj = registry
    sleep_while_waiting()
    notes = logging.StreamHandler()
    notes.setFormatter(_PlainFormatter("fute: %(message)s"))
    logging.getLogger("registry").handlers = [notes]


for command in (
    *upkeep.COMMANDS,
    task.task,
    model.model,
    prompt.prompt,
    corpus.corpus,
    space.space,
    *embedding.COMMANDS,
    *query.COMMANDS,
    *choosing.COMMANDS,
    transfer.transfer,
    pack.pack,
    *bundle.COMMANDS,
    evaluate.evaluate,
):
    main.add_command(command)


def run() -> None:
    """Run a command in a process of its own, which begins and ends with it."""
    for stream in (sys.stdout, sys.stderr):  # of a terminal without Unicode: signs are replaced, nothing breaks off
        if isinstance(stream, io.TextIOWrapper):
            with suppress(OSError):  # of a device that has no place to go on from
                stream.reconfigure(errors="replace")
    gc.set_threshold(GARBAGE_AFTER)
    atexit.register(gc.freeze)  # what is left goes with the process: nothing to look for
    main()
