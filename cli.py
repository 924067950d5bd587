"""The command `fute`: assembles the commands and turns errors into one line and an exit code. No logic."""

import atexit
import errno
import gc
import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

INTERRUPTED = 130

try:
    import click

    from commands import (
        bundle,
        card,
        choosing,
        corpus,
        doctor,
        embedding,
        evaluate,
        exchange,
        model,
        pack,
        pictures,
        prompt,
        query,
        safety,
        serve,
        space,
        task,
        transfer,
        upkeep,
        vectors,
    )
    from commands.examples import give_examples
    from commands.output import QUIET
    from embedders.hardware.threads import sleep_while_waiting
    from registry import __version__
    from registry.errors import RegistryError, StorageError
    from registry.shown import NO_BARS, shown, without_secrets
except KeyboardInterrupt:  # nothing is begun yet
    raise SystemExit(INTERRUPTED) from None

LONGEST = 1000  # signs of what click says of bad use: it repeats whatever was typed
GARBAGE_AFTER = 50_000  # objects; by default 700, and a quarter of a short command goes into looking for garbage


class _OneLineError(click.ClickException):
    def __init__(self, error: RegistryError) -> None:
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


def _told(error: OSError) -> str:
    """Say what the system did not do, of a file or of what is printed."""
    if error.filename is None and error.errno == errno.ENOENT:
        return "The working folder is gone."
    if error.errno is None:
        return f"{str(error).rstrip('.')}."  # of a library that cannot be loaded
    return f"{error.filename or 'Cannot write the output'}: {error.strerror or error}."


class RegistryGroup(click.Group):
    """Shows our own errors and those of the system as one line, and lets every other error crash loudly."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:  # noqa: ANN401 - click's
        """Read the options before the command."""
        with _told_in_one_line():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - whatever a command returns
        """Run the command."""
        try:
            with _told_in_one_line():
                result = super().invoke(ctx)
                sys.stdout.flush()  # a disk that is full is told here, not when all is over
                return result
        except RegistryError as error:
            raise _OneLineError(error) from error
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # nobody listens any more: click ends the command
            raise _OneLineError(StorageError(_told(error))) from error
        except MemoryError as error:
            raise click.ClickException(
                "There is not enough memory for this: take a part of the data, or a machine with more."
            ) from error
        except KeyboardInterrupt:
            click.echo("Interrupted; what was done is kept, run the command again to go on.", err=True)
            ctx.exit(INTERRUPTED)


@click.group(cls=RegistryGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--registry", metavar="PLACE", help="A folder, or postgresql://...; else $FUTE_REGISTRY, else ./fute-registry."
)
@click.option("--quiet", "-q", is_flag=True, help="Print results and errors alone: no notes, no bars of progress.")
@click.version_option(__version__, package_name="fute-registry", prog_name="fute")
@click.pass_context
def main(ctx: click.Context, registry: str | None, *, quiet: bool) -> None:
    """One vector space for tasks, fine-tuned models and prompted LLMs: find what to start from."""
    ctx.obj = registry
    sleep_while_waiting()
    notes = logging.StreamHandler()
    notes.setFormatter(_PlainFormatter("fute: %(message)s"))
    log = logging.getLogger("registry")
    log.handlers = [notes]
    log.setLevel(logging.ERROR if quiet else logging.NOTSET)
    if quiet:
        ctx.meta[QUIET] = True
        os.environ[NO_BARS] = "1"


for command in (
    *upkeep.COMMANDS,
    *safety.COMMANDS,
    *doctor.COMMANDS,
    task.task,
    model.model,
    prompt.prompt,
    corpus.corpus,
    space.space,
    vectors.vectors,
    *embedding.COMMANDS,
    *query.COMMANDS,
    *pictures.COMMANDS,
    *choosing.COMMANDS,
    transfer.transfer,
    pack.pack,
    *bundle.COMMANDS,
    *exchange.COMMANDS,
    *card.COMMANDS,
    *serve.COMMANDS,
    evaluate.evaluate,
):
    main.add_command(command)
give_examples(main)


def run() -> None:
    """Run a command in a process of its own, which begins and ends with it."""
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):  # of a terminal without Unicode: signs are replaced, nothing breaks off
        if isinstance(stream, io.TextIOWrapper):
            with suppress(OSError):  # of a device that has no place to go on from
                stream.reconfigure(errors="replace")
    gc.set_threshold(GARBAGE_AFTER)
    atexit.register(gc.freeze)  # what is left goes with the process: nothing to look for
    try:
        main()
    finally:
        _end_output()


def _open_what_is_closed() -> None:
    """Put what leads nowhere in the place of a standard stream that was closed."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - for as long as we run


def _end_output() -> None:
    """Throw away what cannot be printed, which was told: Python would tell it again, with a traceback."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
