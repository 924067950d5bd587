"""A process of its own that renders templates, under limits: JSON lines in, one JSON line out for each.

A line with an object brings a template, a line with a list one input for it. `registry.prompts.render` starts it.
"""

import contextlib
import json
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any

from registry.prompts.sandbox import Sandbox

MEMORY = 256 * 2**20  # bytes
SECONDS = 0.5  # of the processor, for one template or one input; an honest one needs a thousandth
OUTPUT = 2**20  # bytes
TOGETHER = 2**27  # bytes of all that is rendered in one go

Reply = str | None | dict[str, str]


def limit(lines: int) -> None:
    """Bound what this process may use: memory, time, and neither files nor processes of its own."""
    try:
        import resource
    except ImportError:  # Windows has no such limits; there the time that the parent waits is the only one
        return
    seconds = 2 + lines // 100
    limits = (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CORE, 0),
    )
    for what, most in limits:
        with contextlib.suppress(ValueError, OSError):  # a system may refuse one of them
            resource.setrlimit(what, (most, most))


@contextlib.contextmanager
def timed() -> Iterator[None]:
    """End this process where the block takes too long; a signal's default action needs no Python to run."""
    if not hasattr(signal, "setitimer"):
        yield
        return
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


class Renderer:
    """Renders inputs with the template that came last."""

    def __init__(self) -> None:
        self._environment = Sandbox()
        self._template: Any = None
        self._fields: dict[str, str] = {}
        self._answers: list[str] = []

    def take(self, job: dict[str, Any]) -> None:
        """Compile a template."""
        self._template = None
        self._fields, self._answers = job["fields"], job["answers"]
        self._template = self._environment.from_string(job["template"])

    def render(self, values: list[str | None]) -> str:
        """Return what is asked of an input: its text, and its second text or None."""
        if self._template is None:
            raise ValueError("was not taken")
        texts = dict(zip(("text", "text_pair"), values, strict=True))
        variables = {name: texts[field] for name, field in self._fields.items()}
        pieces, size = [], 0
        for piece in self._template.generate(answers=self._answers, answer_choices=self._answers, **variables):
            size += len(piece.encode("utf-8", "surrogatepass"))
            if size > OUTPUT:
                raise OverflowError("it renders to more than 1 MiB")
            pieces.append(piece)
        return "".join(pieces)


def reply_of(work: Callable[[], str | None]) -> Reply:
    """Do the work and return its result, or what went wrong."""
    try:
        with timed():
            return work()
    except MemoryError:
        return {"error": "it needs more than 256 MB of memory"}
    except RecursionError:
        return {"error": "it is nested too deeply"}
    except Exception as error:  # whatever the template did: it is reported, and the next one has its turn
        return {"error": " ".join(f"{error}".split())[:200] or type(error).__name__}


def main() -> None:
    """Answer line by line until the input ends."""
    limit(int(sys.argv[1]))
    renderer = Renderer()
    left = TOGETHER
    for line in sys.stdin.buffer:
        job = json.loads(line)
        reply = reply_of(lambda job=job: renderer.take(job) if isinstance(job, dict) else renderer.render(job))  # type: ignore[misc]
        said = json.dumps(reply)
        left -= len(said)
        if left < 0:  # whoever started this process holds all of it in memory
            said = json.dumps({"error": f"what is asked is more than {TOGETHER >> 20} MiB together: take fewer texts"})
        sys.stdout.write(said + "\n")
        sys.stdout.flush()  # what was answered is known, whatever happens to the next line


if __name__ == "__main__":
    main()
