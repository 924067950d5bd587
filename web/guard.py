"""What is let in: questions from this machine's own pages, by name and port, that change nothing."""

import asyncio
import re
from collections.abc import Collection, Iterable
from urllib.parse import unquote_plus

from starlette.responses import JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from registry.shown import shown

METHODS = ("GET", "HEAD")
LONGEST_PATH = 3_200  # bytes as they come, of MODEL@PROMPT: twice 128 letters in any script, each up to 12
LONGEST_QUERY = 9_000
MOST_FIELDS = 40  # of a query
LONGEST_VALUE = 3_200  # characters as they come
MOST_HEADERS, LONGEST_HEADERS = 64, 16_000
PATIENCE = 5  # seconds for a request to come whole

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": _POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
}
# Of a path as it was typed: what a server, a file system or a proxy may take for another path.
_STRANGE_PATH = re.compile(rb"\.\.|//|\\|;|%(?:0[0-9a-f]|1[0-9a-f]|2f|5c|7f)|%2e(?:%2e|\.)|\.%2e|[^\x21-\x7e]", re.I)
SEVERAL = frozenset({"kind", "tag"})  # fields that an address may give several times
_CONTROL = re.compile(r"%(?:0[0-9a-f]|1[0-9a-f]|7f)", re.I)


class NotLetInError(Exception):
    """A request is not let in."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Guard:
    """Stands before all pages: refuses what does not come from them, and says in every answer what they may do.

    A page of another site can send requests to a server on this machine, and by DNS even under its own name. So the
    `Host` must be one of a list, port included; `Origin`, where it is sent, one of the same; and a browser's word that
    another site asks is believed.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str]) -> None:
        """Make it.

        Args:
            app: the pages.
            hosts: `NAME:PORT` in lower case; a port that `http` does not need to name may be left out.
        """
        self._app = app
        self._hosts = frozenset(hosts)
        self._origins = frozenset(f"http://{host}" for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse to."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return

        async def send_guarded(message: Message) -> None:
            if scope["method"] == "HEAD" and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            if message["type"] == "http.response.start":
                given = [(name, value) for name, value in message["headers"] if name.decode().lower() not in HEADERS]
                message["headers"] = [*given, *((key.encode(), value.encode()) for key, value in HEADERS.items())]
                if not any(name == b"cache-control" for name, _ in given):
                    message["headers"].append((b"cache-control", b"no-store"))
            await send(message)

        try:
            self._check(scope)
        except NotLetInError as refused:
            more = {"connection": "close"} | ({"allow": ", ".join(METHODS)} if refused.status == 405 else {})
            is_asked_for_json = scope["path"].startswith("/api/")
            kind, told = (
                (JSONResponse, {"error": str(refused)}) if is_asked_for_json else (PlainTextResponse, f"{refused}\n")
            )
            await kind(told, refused.status, headers=more)(scope, receive, send_guarded)
            return
        await self._app({**scope, "method": "GET"}, receive, send_guarded)

    def _check(self, scope: Scope) -> None:
        headers = scope["headers"]
        if len(headers) > MOST_HEADERS or sum(len(name) + len(value) for name, value in headers) > LONGEST_HEADERS:
            raise NotLetInError(431, "The headers of this request are too long.")
        if scope["method"] not in METHODS:
            raise NotLetInError(405, "These pages are to be read: only GET and HEAD are answered.")
        self._check_host(_all(headers, b"host"))
        self._check_origin(headers)
        _check_empty(headers)
        _check_path(scope)
        _check_query(scope["query_string"])

    def _check_host(self, hosts: list[bytes]) -> None:
        if len(hosts) != 1 or hosts[0].decode("latin-1").lower() not in self._hosts:
            raise NotLetInError(
                421, "This server does not answer under this name and port; 'fute serve --allow-host' names another."
            )

    def _check_origin(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        for origin in _all(headers, b"origin"):
            if origin.decode("latin-1").lower() not in self._origins:
                raise NotLetInError(403, "Another site has sent this request: it is not answered.")
        site = b"".join(_all(headers, b"sec-fetch-site")).lower()
        if site in (b"cross-site", b"same-site"):  # a link may lead here; nothing may be taken from here
            mode = b"".join(_all(headers, b"sec-fetch-mode")).lower()
            target = b"".join(_all(headers, b"sec-fetch-dest")).lower()
            if (mode, target) != (b"navigate", b"document"):
                raise NotLetInError(403, "Another site has sent this request: it is not answered.")


def _check_empty(headers: Iterable[tuple[bytes, bytes]]) -> None:
    if _all(headers, b"transfer-encoding") or any(value != b"0" for value in _all(headers, b"content-length")):
        raise NotLetInError(413, "A question has no body.")
    if _all(headers, b"upgrade"):
        raise NotLetInError(400, "This server speaks HTTP alone.")


def _check_path(scope: Scope) -> None:
    raw = scope.get("raw_path") or scope["path"].encode()
    if len(raw) > LONGEST_PATH:
        raise NotLetInError(414, "This address is too long.")
    if not raw.startswith(b"/") or _STRANGE_PATH.search(raw):
        raise NotLetInError(400, "This is not the address of a page.")


def _check_query(query: bytes) -> None:
    if len(query) > LONGEST_QUERY:
        raise NotLetInError(414, "This address is too long.")
    text = query.decode("latin-1")
    fields = text.split("&")
    if len(fields) > MOST_FIELDS or any(len(field) > LONGEST_VALUE for field in fields):
        raise NotLetInError(414, "This address asks for too much.")
    if _CONTROL.search(text):
        raise NotLetInError(400, "This is not the address of a page.")
    names = [unquote_plus(field.partition("=")[0]) for field in fields]
    twice = next((name for name in names if names.count(name) > 1 and name not in SEVERAL), None)
    if twice is not None:
        raise NotLetInError(400, f"This address says {shown(twice[:60])!r} twice.")


def _all(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> list[bytes]:
    return [value for name, value in headers if name.lower() == wanted]


def hosts_of(host: str, port: int, more: Iterable[str] = ()) -> list[str]:
    """Return the names, with port, under which a server on `host` may be asked, the one to show first.

    Args:
        host: what it listens on; loopback is known by all its names.
        port: what it listens on.
        more: further names, each with a port or for this one.
    """
    loopback = ("127.0.0.1", "localhost", "[::1]")
    own = f"[{host}]" if ":" in host else host
    everywhere = ("0.0.0.0", "[::]")  # noqa: S104 - no name that anybody asks for
    names = [*(() if own in everywhere else (own,)), *(loopback if own in (*loopback, *everywhere) else ())]
    named = [*dict.fromkeys(name.lower() for name in names)]
    more = [name.lower() if _has_port(name) else f"{name.lower()}:{port}" for name in more]
    hosts = [*(f"{name}:{port}" for name in named), *more]
    return [*dict.fromkeys([*hosts, *(host.removesuffix(":80") for host in hosts)])]


def _has_port(name: str) -> bool:
    return re.search(r":[0-9]+$", name) is not None and (name.count(":") == 1 or name.startswith("["))


class ImpatientProtocol(H11Protocol):
    """Closes a connection over which no whole request has come for a while, and none is being answered.

    So many connections are served at a time: who held them open, without asking, would keep all others out.
    """

    _answered: RequestResponseCycle | None = None  # when it was looked at last
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as the base has it
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        if self._timer is not None:
            self._timer.cancel()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._answered = self.cycle
        self._timer = self.loop.call_later(PATIENCE, self._look)

    def _look(self) -> None:
        is_answering = self.cycle is not None and not self.cycle.response_complete
        if is_answering or self.cycle is not self._answered:
            self._wait()
        else:
            self.transport.close()
