"""`fute mcp`: the questions as tools of the Model Context Protocol, over standard input and output."""

import json
import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from registry import __version__
from registry.errors import MissingExtraError, RegistryError
from registry.shown import shown, without_secrets

if TYPE_CHECKING:
    from mcp.server.lowlevel import Server

    from web.questions import Desk

ABOUT = """A registry that holds datasets (tasks), models and prompted LLMs as vectors of one space.
`nearest` says which source to start from, `best-prompt` and `best-model` which prompt or model to use without labels.
`status` names the spaces, `list-entries` the entries. A model under a prompt is written MODEL@PROMPT.
A verdict that says that there is not enough evidence means it. Nothing is written, and no model is asked."""
FAILED = "This question failed, which is a fault of the program; its log says more."


def serve(location: str | os.PathLike[str] | None, *, tell: Callable[[str], object] = print) -> None:
    """Answer questions about a registry until standard input ends or the process is interrupted.

    Args:
        location: see `Registry.open`.
        tell: what prints a line; not to standard output, which belongs to the protocol.

    Raises:
        NotARegistryError: there is no registry.
        MissingExtraError: the extra `mcp` is not installed.
    """
    try:
        import anyio
        import mcp_types  # noqa: F401 - which the first versions of mcp lack
        from mcp.server.stdio import stdio_server

        from web.questions import Desk
    except ImportError as error:
        raise MissingExtraError("Answers to agents need the package mcp", "mcp") from error
    from web.opening import open_to_read

    async def answered(server: "Server[Any]") -> None:
        async with stdio_server() as (questions, answers):
            await server.run(questions, answers, server.create_initialization_options())

    with open_to_read(location) as registry, _ended_by_ctrl_c():
        tell(
            f"Answering questions about {registry.catalog.database.location} on standard input and output (Ctrl-C ends)"
        )
        anyio.run(answered, server_of(Desk(registry)))


def server_of(desk: "Desk") -> "Server[Any]":
    """Return what speaks the protocol about a registry that is only looked at."""
    import mcp_types
    from anyio import to_thread
    from mcp.server.lowlevel import Server
    from mcp.shared.exceptions import MCPError

    from web.agents.tools import TOOLS

    known = {tool.name: tool for tool in TOOLS}
    reading = mcp_types.ToolAnnotations(read_only_hint=True, idempotent_hint=True, open_world_hint=False)
    described = [
        mcp_types.Tool(
            name=tool.name, title=tool.title, description=tool.about, input_schema=tool.schema(), annotations=reading
        )
        for tool in TOOLS
    ]

    async def listed(_context: object, _asked: object) -> mcp_types.ListToolsResult:
        return mcp_types.ListToolsResult(tools=described)

    async def called(_context: object, asked: mcp_types.CallToolRequestParams) -> mcp_types.CallToolResult:
        if asked.name not in known:
            message = f"No tool {_line(asked.name)[:60]!r}; there are {', '.join(known)}."
            raise MCPError(code=mcp_types.INVALID_PARAMS, message=message)
        try:
            answer = await to_thread.run_sync(known[asked.name].asked, desk, asked.arguments)
        except RegistryError as error:
            return _result(_line(str(error)), is_error=True)
        except Exception:  # one question that fails is not to end the others
            logging.getLogger("registry").exception("the question %r failed", asked.name)
            return _result(FAILED, is_error=True)
        return _result(*_sendable(answer))

    def _result(text: str, answer: Any = None, *, is_error: bool = False) -> mcp_types.CallToolResult:  # noqa: ANN401
        content = mcp_types.TextContent(type="text", text=text)
        return mcp_types.CallToolResult(content=[content], structured_content=answer, is_error=is_error)

    return Server(
        "fute",
        version=__version__,
        title="FUTE registry",
        instructions=ABOUT,
        on_list_tools=listed,
        on_call_tool=called,
    )


def _line(text: str) -> str:
    """Return a message in one line, without what a terminal would obey or what looks like a key."""
    return _whole(shown(without_secrets(" ".join(text.split()))))


def _sendable(answer: Any) -> tuple[str, Any]:  # noqa: ANN401 - JSON values
    """Return an answer as text and as it is; what cannot be sent, half of a surrogate pair, becomes a question mark."""
    text = json.dumps(answer, ensure_ascii=False)
    whole = _whole(text)
    return whole, answer if whole == text else json.loads(whole)


def _whole(text: str) -> str:
    return text.encode(errors="replace").decode()


@contextmanager
def _ended_by_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C end the process at once, which would else wait for a line of input; nothing is there to be lost."""
    before = signal.signal(signal.SIGINT, lambda *_: os._exit(0))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
