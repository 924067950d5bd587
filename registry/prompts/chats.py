"""What does a checkpoint's chat template make of messages? Asked of a process of its own, under the limits of prompts.

Run as a program it is that process: JSON lines in, one JSON line out for each; the first brings the template.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from jinja2 import TemplateError as JinjaError
from jinja2 import nodes
from jinja2.exceptions import SecurityError
from jinja2.ext import Extension, loopcontrols
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from registry.errors import StoppedError, TemplateError
from registry.prompts.child import OUTPUT, limit, reply_of

MOST_OF_A_TEMPLATE = 2**18  # characters
MOST_OF_A_CHAT = 4 * OUTPUT  # bytes
SECONDS = 20  # to wait on a busy machine; of the processor, a template has what those of prompts have
_ANY_NUMBER = 10**7  # of lines: each has its own limit
_DAY = date(2024, 7, 26)  # that templates are told, always: the same prompt is the same tomorrow

Message = Mapping[str, Any]  # its role, and its content: a text, or a list of parts


class ChatTemplate:
    """A chat template with its child process, which is started when it is first asked.

    It renders as transformers would, but for the date.
    """

    def __init__(self, template: str, tokens: Mapping[str, Any]) -> None:
        """Take a template.

        Args:
            tokens: what it may ask for by name, such as `bos_token`.

        Raises:
            TemplateError: it is too long.
        """
        if len(template) > MOST_OF_A_TEMPLATE:
            raise TemplateError(f"has more than {MOST_OF_A_TEMPLATE} characters.")
        self._job = {"template": template, "tokens": dict(tokens)}
        self._child: subprocess.Popen[bytes] | None = None

    def render(self, messages: Sequence[Message]) -> str:
        """Return messages as one text, as far as the answer's place.

        Raises:
            StoppedError: that took too long, or too much memory.
            TemplateError: it cannot be rendered, or the template says that such messages are none of its own.
        """
        if self._child is None:
            child = _started()
            weakref.finalize(self, _end, child)
            self._ask(child, self._job)
            self._child = child
        return self._ask(self._child, [dict(message) for message in messages])

    def _ask(self, child: "subprocess.Popen[bytes]", line: object) -> str:
        alarm = threading.Timer(SECONDS, child.kill)
        alarm.start()
        reply = b""
        with contextlib.suppress(OSError):  # it has ended, and a pipe is closed
            if child.stdin and child.stdout:
                child.stdin.write(json.dumps(line).encode() + b"\n")
                child.stdin.flush()
                reply = child.stdout.readline()
        alarm.cancel()
        if not reply:
            self._child = None
            _end(child)
            raise StoppedError("takes too long, or too much memory, to render", 0)
        answer = json.loads(reply)
        if isinstance(answer, dict):
            raise TemplateError(f"cannot be rendered: {answer['error'].rstrip('.')}.")
        return str(answer)


def _started() -> "subprocess.Popen[bytes]":
    """Start a child that sees the modules that this process sees, and nothing else of its environment."""
    path = [str(Path(__file__).parents[2]), *filter(None, sys.path)]
    return subprocess.Popen(
        [sys.executable, "-P", "-S", "-m", "registry.prompts.chats"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PYTHONPATH": os.pathsep.join(path)},
    )


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.kill()
    child.wait()
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()


# -- in the child ----------------------------------------------------------------------------------------


class _Generation(Extension):
    """`{% generation %}`, which marks what a model is trained on, and changes nothing of what is rendered."""

    tags = {"generation"}  # noqa: RUF012 - Jinja's

    def parse(self, parser: Parser) -> nodes.Node:
        """Return what stands in the block."""
        line = next(parser.stream).lineno
        return nodes.Scope(parser.parse_statements(("name:endgeneration",), drop_needle=True), lineno=line)


class _PlainNamespace(Namespace):
    """A namespace without names that begin with an underscore."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as `dict` takes them
        for name in dict(*args, **kwargs):
            _check_plain(name)
        super().__init__(*args, **kwargs)

    def __setitem__(self, name: str, value: Any) -> None:  # noqa: ANN401 - any value
        _check_plain(name)
        super().__setitem__(name, value)


class _ChatRenderer:
    """Renders messages with the template that came first."""

    def __init__(self) -> None:
        self._environment = ImmutableSandboxedEnvironment(
            trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, loopcontrols]
        )
        self._environment.filters["tojson"] = _to_json
        self._environment.globals |= {
            "raise_exception": _raised,
            "strftime_now": _DAY.strftime,
            "dict": _plain_dict,
            "namespace": _PlainNamespace,
        }
        self._template: Any = None
        self._tokens: dict[str, Any] = {}

    def answer(self, line: Any) -> str | None:  # noqa: ANN401 - a JSON value
        """Take a template, or render messages."""
        if isinstance(line, dict):
            self._tokens = line["tokens"]
            self._template = self._environment.from_string(line["template"])
            return ""
        if self._template is None:
            raise ValueError("it was not taken")
        asked = {"messages": line, "tools": None, "documents": None, "add_generation_prompt": True}
        pieces, size = [], 0
        for piece in self._template.generate({**self._tokens, **asked}):
            size += len(piece.encode("utf-8", "surrogatepass"))
            if size > MOST_OF_A_CHAT:
                raise OverflowError("it renders to more than 4 MiB")
            pieces.append(piece)
        return "".join(pieces)


def _check_plain(name: object) -> None:
    if isinstance(name, str) and name.startswith("_"):
        raise SecurityError(f"{name!r} is no name for a namespace")


def _plain_dict(*args: Any, **kwargs: Any) -> dict[Any, Any]:  # noqa: ANN401 - as `dict` takes them
    return dict(*args, **kwargs)


def _raised(message: str) -> None:
    raise JinjaError(message)


def _to_json(
    value: Any,  # noqa: ANN401 - any value
    ensure_ascii: bool = False,
    indent: int | None = None,
    separators: tuple[str, str] | None = None,
    sort_keys: bool = False,
) -> str:
    """Write a value without the escapes that HTML would need."""
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def main() -> None:
    """Answer line by line until the input ends."""
    limit(_ANY_NUMBER)
    renderer = _ChatRenderer()
    for line in sys.stdin.buffer:
        job = json.loads(line)
        reply = reply_of(lambda job=job: renderer.answer(job))  # type: ignore[misc]
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
