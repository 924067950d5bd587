"""A process that has loaded a program's libraries and splits off a `fute` for every line it reads: seconds less each.

Kills are aimed at what a program does, never at how long it takes: it tells of each statement to the database.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from waiting import LIMIT

INTERRUPTED = "Interrupted; what was done is kept, run the command again to go on.\n"

EMBEDDING = (  # what embedding loads
    *("torch", "transformers.models.bert.modeling_bert", "peft", "tqdm.auto", "httpx2"),
    *("embedders.surrogate.model", "embedders.jobs.runs", "embedders.methods"),
)

_CODE = """
import json, os, resource, signal, sys
import %s
from sqlalchemy import Engine, event
import cli

if "registry.catalog.tables" in sys.modules:
    sys.modules["registry.catalog.tables"].Base.registry.configure()  # else each would do it anew
if "torch" in sys.modules:
    sys.modules["torch"].set_num_threads(1)

def at_each_step(act):
    event.listen(Engine, "before_cursor_execute", lambda *_: act())
    event.listen(Engine, "commit", lambda *_: act())

def tell_of_steps(tell):
    at_each_step(lambda: os.write(tell, b"."))

def interrupt_at(step):
    left = iter(range(step - 1, -1, -1))
    at_each_step(lambda: next(left, None) == 0 and os.kill(os.getpid(), signal.SIGINT))

print("ready", flush=True)
for line in sys.stdin:
    arguments, outputs, pipe, step, room, environment = json.loads(line)
    streams = [os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND) for output in outputs]
    tell = os.open(pipe, os.O_WRONLY) if pipe else None
    child = os.fork()
    if child == 0:
        signal.alarm(%d)
        for number, stream in enumerate(streams, start=1):
            os.dup2(stream, number)
            os.close(stream)
        if room is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, resource.RLIM_INFINITY))
        if tell is not None:
            tell_of_steps(tell)
        if step:
            interrupt_at(step)
        os.environ.update(environment)
        sys.argv = ["fute", *arguments]
        cli.run()
    for one in (*streams, *([] if tell is None else [tell])):
        os.close(one)  # a pipe ends with the child
    print(child, flush=True)
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""


def interruptible() -> None:
    """A shell's background job, as a test run may be, ignores Ctrl-C, and so would all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Nursery:
    """Starts one `fute` at a time; what it says goes to a file, which may be a pipe with a name."""

    def __init__(self, *modules: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", _CODE % (", ".join(modules or ("registry",)), LIMIT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            preexec_fn=interruptible,  # noqa: PLW1509 - no threads here that could hold a lock
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._tell, self._hear = self._process.stdin, self._process.stdout
        assert self._hear.readline() == "ready\n"

    def start(
        self,
        output: Path,
        *arguments: str | Path,
        errors: Path | None = None,
        steps: Path | None = None,
        interrupt: int = 0,
        room: int | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> int:
        """Start `fute`, and return its process.

        Args:
            errors: where its stderr goes; None for where its stdout goes.
            steps: a pipe into which it writes a byte for each statement and commit.
            interrupt: the number of the statement or commit at which it gets a Ctrl-C.
            room: the bytes that no file can grow beyond.
            environment: the variables that it has besides.
        """
        outputs = [str(output), str(errors or output)]
        order = [[*map(str, arguments)], outputs, steps and str(steps), interrupt, room, {**(environment or {})}]
        self._tell.write(json.dumps(order) + "\n")
        return int(self._hear.readline())

    def wait(self) -> int:
        """Return the exit code."""
        return int(self._hear.readline())

    def run(self, output: Path, *arguments: str | Path, environment: Mapping[str, str] | None = None) -> int:
        """Run `fute` to its end, and return the exit code."""
        self.start(output, *arguments, environment=environment)
        return self.wait()

    def steps(self, output: Path, *arguments: str | Path) -> int:
        """Run `fute` to its end, and return how many statements and commits it took."""
        code, count = self._heard(output, *arguments)
        assert code == 0, output.read_text()
        return count

    def killed(self, step: int, output: Path, *arguments: str | Path) -> int:
        """Run `fute`, and kill it from outside as soon as it has told of so many steps; return the exit code.

        It goes on until the signal is there: wherever that is, and be it at its own end.
        """
        return self._heard(output, *arguments, kill=step)[0]

    def interrupted(self, step: int, output: Path, *arguments: str | Path) -> int:
        """Run `fute`, which gets a Ctrl-C at this step; return the exit code."""
        self.start(output, *arguments, interrupt=step)
        return self.wait()

    def piped(self, pipes: tuple[Path, Path], *arguments: str | Path, room: int) -> tuple[int, str, str]:
        """Run `fute` where no file can grow beyond `room` bytes; return the exit code, stdout and stderr.

        They come through pipes, for these can grow.
        """
        with _named_pipe(pipes[0]) as stdout, _named_pipe(pipes[1]) as stderr:
            self.start(pipes[0], *arguments, errors=pipes[1], room=room)
            said = _all_of(stdout), _all_of(stderr)  # one after the other: stderr has a line, which a pipe takes
        return self.wait(), *said

    def _heard(self, output: Path, *arguments: str | Path, kill: int = sys.maxsize) -> tuple[int, int]:
        count = 0
        with _named_pipe(steps := output.with_suffix(".steps")) as pipe:
            process = self.start(output, *arguments, steps=steps)
            os.set_blocking(pipe, True)
            while count < kill and os.read(pipe, 1):
                count += 1
            if count == kill:
                with contextlib.suppress(ProcessLookupError):  # it was quicker
                    os.kill(process, signal.SIGKILL)
            code = self.wait()  # before the pipe is closed: a step that nobody hears would be another fault
        return code, count

    def close(self) -> None:
        self._tell.close()
        self._process.wait(timeout=LIMIT)
        self._hear.close()


@contextlib.contextmanager
def _named_pipe(path: Path) -> Iterator[int]:
    """Make a pipe that can be read from before anybody writes: then nothing waits for one who has ended."""
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    yield reader
    os.close(reader)
    path.unlink()


def _all_of(pipe: int) -> str:
    os.set_blocking(pipe, True)
    return b"".join(iter(lambda: os.read(pipe, 65536), b"")).decode()
