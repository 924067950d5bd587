"""Asking an HTTP endpoint: patiently, never too often, and only the one that was named."""

import contextlib
import json
import random
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from embedders.errors import BlackBoxError, SettingError
from embedders.predictors.endpoint.addresses import check_address, checked_url, key_of
from registry.errors import MissingExtraError
from registry.shown import HIDDEN, without_secrets

if TYPE_CHECKING:
    import httpx2

MOST_BYTES = 2**26  # of a reply
MOST_REASONING = 100_000  # tokens
LONGEST_PAUSE = 60.0  # seconds between two attempts, unless the server asks for more
LONGEST_ASKED = 300.0  # seconds that a server may ask to be left alone for
_ENCODINGS = ("identity", "gzip", "deflate")  # those that make of a piece of a reply a thousand times as much at most
_AGAIN = (408, 429)  # and all from 500 on, but for what a server was not made to do
_NOT_MADE_FOR = 501
_FILTERS = re.compile(r"content[_ ]filter|content management policy|ResponsibleAIPolicyViolation", re.IGNORECASE)
_VERSION = re.compile(r"/v\d+\w*(/|$)|/deployments/")  # as base URLs have it
_ASKED = re.compile(r"/(?:chat/)?completions$")  # what is put behind a base URL
_AZURE = (".azure.com", ".azure-api.net")  # whose keys have a header of their own
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Limits:
    """How an endpoint is asked."""

    requests_per_second: float | None = None  # None: as fast as it answers
    concurrent: int = 4  # requests at a time
    timeout: float = 60.0  # seconds for one reply
    attempts: int = 6  # of one request, before it is given up
    first_pause: float = 0.5  # seconds before the second attempt; each pause is twice the one before
    reasoning_tokens: int = 0  # room for what a thinking model writes before it answers

    def __post_init__(self) -> None:
        """Refuse limits under which nothing would be asked; raise `SettingError`."""
        rate = self.requests_per_second
        if rate is not None and not 0 < rate < float("inf"):
            raise SettingError(f"--requests-per-second is more than 0, not {rate:g}.")
        if not 1 <= self.concurrent <= 256:
            raise SettingError(f"--concurrent is 1 to 256 requests at a time, not {self.concurrent}.")
        if not 0 < self.timeout < float("inf") or not 1 <= self.attempts <= 100 or not 0 <= self.first_pause <= 60:
            raise SettingError("An endpoint has seconds to answer in, and 1 to 100 attempts.")
        if not 0 <= self.reasoning_tokens <= MOST_REASONING:
            raise SettingError(f"--reasoning-tokens is 0 to {MOST_REASONING}, not {self.reasoning_tokens}.")

    def spec(self) -> dict[str, Any]:
        """Return the limits as JSON values; no room for reasoning is none of them, as in earlier releases."""
        return {name: value for name, value in asdict(self).items() if name != "reasoning_tokens" or value}


class RefusedError(BlackBoxError):
    """The endpoint does not take a request; asking again would not help.

    Args:
        said: what the server says of it, as it may be shown.
    """

    def __init__(self, problem: str, status: int, said: str = "") -> None:
        super().__init__(problem)
        self.status = status
        self.said = said

    @property
    def is_filter(self) -> bool:
        """Whether a filter before the model has kept this one prompt back."""
        return self.status in (200, 400) and _FILTERS.search(self.said) is not None


class _TryAgainError(Exception):
    """What went wrong with one attempt, and how long the server asks to be left alone."""

    def __init__(self, problem: str, pause: float = 0.0) -> None:
        super().__init__(problem)
        self.pause = pause


class Client:
    """One endpoint, asked within a `with`.

    What is sent there, its key included, is sent nowhere else: redirects are not followed, and the environment's
    proxies and .netrc are not used. A connection is closed before anything is sent over it where its address is one
    that `check_address` refuses, whatever name led there.

    Raises:
        SettingError: the URL or the key is not usable.
    """

    def __init__(self, url: str, *, key_env: str | None = None, limits: Limits | None = None) -> None:
        if find_spec("httpx2") is None:
            raise MissingExtraError("Asking an endpoint needs httpx2", "embed")
        self.limits = limits or Limits()
        self.attempts = 0  # made so far
        self._place = checked_url(url)
        self._key = key_of(key_env)
        self._key_env = key_env
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._next = 0.0  # when the next request may go out
        self._attempts = threading.local()  # of each thread: when its attempt ends
        self._http: httpx2.Client | None = None
        self._streams: list[Any] = []  # its connections

    def __enter__(self) -> "Client":
        """Open connections when they are needed."""
        import httpx2

        self._http = httpx2.Client(
            trust_env=False,
            follow_redirects=False,
            timeout=self.limits.timeout,
            limits=httpx2.Limits(max_connections=self.limits.concurrent),
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._http is not None:
            self._http.close()
        self._http = None
        self._streams.clear()

    @property
    def url(self) -> str:
        """The base URL."""
        return self._place.url

    @property
    def hint(self) -> str:
        """What may be wrong with the base URL, after a colon; nothing where it has the usual ending."""
        path = urlsplit(self.url).path
        asked = _ASKED.search(self.url)
        if asked is not None:
            base = self.url[: asked.start()] + self._place.query
            return f": {asked[0]} is put behind the base URL, try --endpoint {base}"
        if _VERSION.search(path):
            return ""
        return f": most servers answer below /v1, try --endpoint {self.url}/v1"

    def with_hint(self, error: RefusedError) -> RefusedError:
        """Return a refusal of a path that is not there, with what may be wrong with the base URL."""
        return RefusedError(f"{str(error).removesuffix('.')}{self.hint}.", error.status, error.said)

    def each(self, call: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Return what calls give, in order, several at a time; the first that fails ends them all."""
        from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

        try:
            with ThreadPoolExecutor(self.limits.concurrent, thread_name_prefix="endpoint") as pool:
                waiting = [pool.submit(call, item) for item in items]
                try:
                    wait(waiting, return_when=FIRST_EXCEPTION)
                    failed = next((future for future in waiting if future.done() and future.exception()), None)
                    return [future.result() for future in ([failed] if failed else waiting)]
                finally:
                    self._stopped.set()  # nobody waits for another attempt
                    for future in waiting:
                        future.cancel()
                    if not all(future.done() for future in waiting):
                        self._hang_up()  # nor for a reply, be it that a request failed or that the user has stopped
        finally:
            self._stopped.clear()

    def _hang_up(self) -> None:
        for stream in self._streams:
            with contextlib.suppress(OSError):
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON object that the endpoint answers with, after as many attempts as the limits allow.

        Raises:
            RefusedError: it does not take the request.
            BlackBoxError: it does not answer.
        """
        for attempt in range(1, self.limits.attempts + 1):
            try:
                self._wait_for_turn()
                return self._attempt(f"{self.url}{path}{self._place.query}", body)
            except _TryAgainError as error:
                problem, pause = str(error), error.pause
            if pause > LONGEST_ASKED:
                raise BlackBoxError(f"{self.url} asks to be left alone for {pause:.0f} seconds: try again then.")
            if attempt < self.limits.attempts:
                doubled = min(self.limits.first_pause * 2 ** (attempt - 1), LONGEST_PAUSE)
                self._pause(pause, doubled * random.uniform(0.5, 1.0))  # noqa: S311 - so that not all come back at once
        raise BlackBoxError(
            f"{self.url} does not answer after {self.limits.attempts} attempts ({problem}): see that it runs and run "
            "this again; what was answered is kept."
        )

    # -- when --------------------------------------------------------------------------------------------

    def _wait_for_turn(self) -> None:
        rate = self.limits.requests_per_second
        with self._lock:
            turn = max(time.monotonic(), self._next)
            self._next = turn + (1.0 / rate if rate else 0.0)
            self.attempts += 1
        self._sleep(turn - time.monotonic())

    def _pause(self, asked: float, own: float) -> None:
        with self._lock:  # what the server asks is meant for all requests, not this one alone
            self._next = max(self._next, time.monotonic() + asked)
        self._sleep(own)

    def _sleep(self, seconds: float) -> None:
        if self._stopped.wait(max(seconds, 0)):
            raise BlackBoxError(f"{self.url} was not asked: another request had failed.")

    # -- one attempt -------------------------------------------------------------------------------------

    def _attempt(self, url: str, body: Mapping[str, Any]) -> dict[str, Any]:
        import httpx2

        self._attempts.end = time.monotonic() + self.limits.timeout
        try:
            with self._sent(url, body) as response:
                content = self._content(response)
        except (httpx2.TimeoutException, TimeoutError):
            raise _TryAgainError(f"no reply within {self.limits.timeout:g} seconds") from None
        except (httpx2.TransportError, httpx2.DecodingError, httpx2.StreamError) as error:
            raise _TryAgainError(self._shown(str(error)) or type(error).__name__) from None
        text = self._bare(content.decode("utf-8-sig", "replace"))
        self._check_status(response, text)
        try:
            reply = json.loads(text)
        except (ValueError, RecursionError):
            self._check_kind(text)
            raise _TryAgainError("its reply is not JSON") from None
        if not isinstance(reply, dict):
            raise _TryAgainError("its reply is no JSON object")
        self._check_error(reply, text)
        return reply

    def _check_kind(self, text: str) -> None:
        """Refuse what no other attempt would make JSON: a web page, or a stream of events."""
        begin = text[:200].lstrip().lower()
        if begin.startswith(("<!doctype", "<html")):
            raise RefusedError(f"{self.url} answers with a web page: it is no endpoint{self.hint}.", 404)
        if begin.startswith(("data:", "event:", ": ", ":\n")):
            raise RefusedError(
                f"{self.url} answers with a stream of events, which was not asked for: let it reply at once.", 200
            )

    def _check_error(self, reply: Mapping[str, Any], text: str) -> None:
        """Refuse an error that comes with status 200, in the server's own words."""
        error = reply.get("error")
        if reply.get("choices") or not (error or reply.get("object") == "error"):
            return
        code = next((one.get("code") for one in (error, reply) if isinstance(one, dict) and "code" in one), None)
        status = int(code) if isinstance(code, int | str) and re.fullmatch("[0-9]{3}", str(code)) else 200
        said = self._shown(_message(text))
        if status in _AGAIN or 500 <= status < 600:
            raise _TryAgainError(said or f"an error {status}")
        raise RefusedError(f"{self.url} answers with an error ({said}).", 200, said)

    @contextlib.contextmanager
    def _sent(self, url: str, body: Mapping[str, Any]) -> Iterator[Any]:
        assert self._http is not None, "used within 'with'"  # noqa: S101
        headers = {"User-Agent": "fute", "Content-Type": "application/json", "Accept-Encoding": "gzip"}
        if self._key is not None and checked_url(url).origin == self._place.origin:
            is_azure = bool(self._place.query) or self._place.origin[1].endswith(_AZURE)
            headers |= {"api-key": self._key} if is_azure else {"Authorization": f"Bearer {self._key}"}
        content = json.dumps(body).encode("ascii")
        with self._http.stream(
            "POST", url, content=content, headers=headers, extensions={"trace": self._watch}
        ) as response:
            yield response

    def _watch(self, event: str, info: Mapping[str, Any]) -> None:
        """Close a connection to an address that is not to be asked, before anything is sent; remember the others."""
        if event not in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            return
        stream = info["return_value"]
        stream.read = self._to_its_end(stream.read)
        self._streams.append(stream)
        try:
            check_address(str(stream.get_extra_info("server_addr")[0]))
        except SettingError:
            stream.close()
            raise

    def _to_its_end(self, read: Callable[..., bytes]) -> Callable[..., bytes]:
        """Let a connection be read no longer than its attempt may last: a byte a second would never be too late."""

        def read_in_time(size: int, timeout: float | None = None) -> bytes:
            left = self._attempts.end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            return read(size, left if timeout is None else min(left, timeout))

        return read_in_time

    def _content(self, response: Any) -> bytes:  # noqa: ANN401 - a response being read
        if response.headers.get("content-encoding", "identity").lower() not in _ENCODINGS:
            raise BlackBoxError(f"{self.url} answers in an encoding that was not asked for.")
        parts, size = [], 0
        for part in response.iter_bytes():
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise BlackBoxError(f"{self.url} answers with more than {MOST_BYTES >> 20} MiB: it is no endpoint.")
        return b"".join(parts)

    def _check_status(self, response: Any, text: str) -> None:  # noqa: ANN401 - a response
        status = response.status_code
        if status in _AGAIN or (status >= 500 and status != _NOT_MADE_FOR):
            raise _TryAgainError(f"status {status}", _asked_pause(response.headers.get("retry-after")))
        if 300 <= status < 400:
            raise RefusedError(
                f"{self.url} sends elsewhere (status {status}), which is not followed: give the "
                "address that it has now with --endpoint.",
                status,
            )
        if status != 200:
            mend = ""
            if status in (401, 403):
                mend = f": see what {self._key_env} holds" if self._key_env else ": name its key with --key-env"
            reason = self._shown(_message(text))
            raise RefusedError(
                f"{self.url} refuses with status {status}{mend}{f' ({reason})' if reason else ''}.",
                status,
                " ".join(text.split())[:2000],
            )

    def _bare(self, text: str) -> str:
        """Return a text of the server without keys: some repeat the one they are sent, in errors and in answers."""
        return without_secrets(text if self._key is None else text.replace(self._key, HIDDEN))

    def _shown(self, text: str) -> str:
        """Return a text from elsewhere as it may be shown: without the key, on one line, and short."""
        text = self._bare(text)
        return " ".join(re.sub(r"[^\x20-\x7e\u00a0-\uffff]", " ", text).split())[:200].rstrip(" .")


def _asked_pause(header: str | None) -> float:
    """Return the seconds that a server asks to be left alone for: a number, or a date."""
    if not header:
        return 0.0
    try:
        return max(0.0, float(header)) if not header.strip().lower().startswith(("n", "i", "-")) else 0.0
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0


def _message(text: str) -> str:
    """Return what a refusal says of itself, wherever the server puts it."""
    try:
        message: Any = json.loads(text)
    except (ValueError, RecursionError):
        return text
    for name in ("error", "message", "detail"):
        if isinstance(message, dict) and name in message:
            message = message[name]
    return message if isinstance(message, str) else json.dumps(message)
