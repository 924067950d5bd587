"""A small OpenAI-compatible server over a tiny causal language model, on loopback, that can fail in the usual ways."""

import json
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import torch
import transformers
from waiting import until

MOST_WRITTEN = 12  # tokens, to be quick
Json = dict[str, Any]


@dataclass
class Offers:
    """What a server can do, as the servers that there are differ in it."""

    completions: bool = True
    echo: bool = True
    lists: bool = True  # several prompts in one request
    chat: bool = True
    most_likeliest: int = 20  # first tokens of a chat
    logprobs: bool = True  # of a chat
    takes_logprobs: bool = True  # else it refuses to be asked for them


@dataclass
class Seen:
    """One request."""

    at: float
    path: str
    body: Json
    headers: Mapping[str, str]
    status: int = 0  # 200 where the model answered


@dataclass
class TinyServer:
    """The server and what it has seen; `faults` are used up one by one, before anything is answered."""

    folder: Path | None
    offers: Offers = field(default_factory=Offers)
    key: str | None = None
    faults: list[str] = field(default_factory=list)
    always: str | None = None  # a fault that never ends
    seen: list[Seen] = field(default_factory=list)
    reply: str | None = None  # what a chat says, instead of what the model would
    says: Callable[[Json], tuple[int, Json]] | None = None  # what it answers a chat's request with; see reply_modes
    holds_after: int | None = None  # so many requests; the others wait until this is None
    together: int = 1  # after the first, so many requests wait for each other
    most_at_once: int = 0
    port: int = 0

    def __post_init__(self) -> None:
        self.lock = threading.Lock()
        self.at_once = 0
        if self.folder is not None:
            self.tokenizer, self.model = _loaded(self.folder)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def answered(self) -> list[Seen]:
        return [one for one in self.seen if one.status == 200]

    # -- what it answers ---------------------------------------------------------------------------------

    def answer(self, path: str, body: Json) -> tuple[int, Json]:
        if path == "/v1/completions" and self.offers.completions:
            return self._completions(body)
        if path.partition("?")[0].endswith("/chat/completions") and self.says is not None:
            return self.says(body)
        if path == "/v1/chat/completions" and self.offers.chat:
            return self._chat(body)
        return 404, {"error": {"message": f"no {path} here"}}

    def _completions(self, body: Json) -> tuple[int, Json]:
        prompts = body["prompt"] if isinstance(body["prompt"], list) else [body["prompt"]]
        if len(prompts) > 1 and not self.offers.lists:
            prompts = prompts[:1]  # as some do, without a word
        if body.get("echo") and not self.offers.echo:
            return 400, {"error": {"message": "echo is not supported"}}
        made = [self._completion(number, prompt, body) for number, prompt in enumerate(prompts)]
        written = sum(one.pop("written") for one in made)
        return 200, {"choices": made[::-1], "usage": {"completion_tokens": written}}

    def _completion(self, number: int, prompt: str, body: Json) -> Json:
        ids = self.tokenizer(prompt)["input_ids"]
        written = self.written(ids, body["max_tokens"])
        logprobs = None
        if body.get("echo"):
            scores = self.scores([*ids, *written])
            following = [*ids, *written][1:]
            told = [None, *(scores[i, token].item() for i, token in enumerate(following))]
            tokens = self.tokenizer.convert_ids_to_tokens([*ids, *written])
            logprobs = {"tokens": tokens, "token_logprobs": told}
        text = self.tokenizer.decode(written, skip_special_tokens=True)
        return {"index": number, "text": text, "logprobs": logprobs, "written": len(written)}

    def _chat(self, body: Json) -> tuple[int, Json]:
        if "logprobs" in body and (not self.offers.takes_logprobs or body["top_logprobs"] > self.offers.most_likeliest):
            return 400, {"error": {"message": "top_logprobs is not supported"}}
        text = "\n".join(f"[{one['role']}] {one['content']}" for one in body["messages"]) + "\n[assistant]"
        ids = self.tokenizer(text)["input_ids"]
        said = self.reply or self.tokenizer.decode(self.written(ids, body["max_tokens"]), skip_special_tokens=True)
        choice: Json = {"message": {"role": "assistant", "content": said}}
        if self.offers.logprobs and body.get("logprobs"):
            values, found = self.scores(ids)[-1].topk(body["top_logprobs"])
            pairs = zip(values.tolist(), self.tokenizer.convert_ids_to_tokens(found.tolist()), strict=True)
            choice["logprobs"] = {
                "content": [{"top_logprobs": [{"token": f" {token}", "logprob": value} for value, token in pairs]}]
            }
        return 200, {"choices": [choice]}

    def scores(self, ids: list[int]) -> torch.Tensor:
        with self.lock, torch.inference_mode():
            logits: torch.Tensor = self.model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
        return logits

    def written(self, ids: list[int], most: int) -> list[int]:
        made: list[int] = []
        while len(made) < min(most, MOST_WRITTEN) and (not made or made[-1] != self.tokenizer.eos_token_id):
            made.append(int(self.scores([*ids, *made])[-1].argmax()))
        return made


@cache
def _loaded(folder: Path) -> tuple[Any, Any]:
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    return tokenizer, transformers.AutoModelForCausalLM.from_pretrained(folder).eval()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a reply is two writes; without this the second waits 40 ms for the first
    tiny: TinyServer

    def do_POST(self) -> None:
        tiny, at = self.tiny, time.monotonic()
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if len(content) < int(self.headers["Content-Length"]):  # the other side hung up
            self.close_connection = True
            return
        body = json.loads(content)
        with tiny.lock:
            fault = tiny.faults.pop(0) if tiny.faults else tiny.always
            tiny.at_once += 1
            tiny.most_at_once = max(tiny.most_at_once, tiny.at_once)
            self.now = Seen(at, self.path, body, dict(self.headers))
            tiny.seen.append(self.now)
            number = len(tiny.seen)
        until(lambda: tiny.holds_after is None or number <= tiny.holds_after)
        until(lambda: number == 1 or tiny.most_at_once >= tiny.together)
        if fault:
            self._fail(fault)
        else:
            self._answer(body)

    def do_GET(self) -> None:
        self.tiny.seen.append(Seen(time.monotonic(), self.path, {}, dict(self.headers)))
        self._send(405, b"{}")

    def _answer(self, body: Json) -> None:
        given = self.headers.get("Authorization", "nothing")
        if self.tiny.key is not None and given != f"Bearer {self.tiny.key}":
            self._send(401, json.dumps({"error": {"message": f"wrong key: {given}"}}).encode())
            return
        self.now.status, reply = self.tiny.answer(self.path, body)
        self._send(self.now.status, json.dumps(reply).encode())

    def _fail(self, fault: str) -> None:
        """Fail as `fault` says: a status with a value, or a name."""
        kind, _, value = fault.partition(" ")
        if kind in ("hang", "cut", "drop", "trickle"):
            self.close_connection = True
        match kind:
            case "hang":  # until the other side hangs up
                with suppress(ConnectionError):
                    self.connection.recv(1)
                with self.tiny.lock:
                    self.tiny.at_once -= 1
            case "trickle":  # a byte now and then, of the head or of the body, until the other side hangs up
                head = b"HTTP/1.1 200 OK\r\n" + (b"\r\n" if value == "body" else b"X-Slow: ")
                self.wfile.write(head)
                with suppress(ConnectionError):
                    while True:
                        self.wfile.write(b" ")
                        time.sleep(0.02)
            case "cut":  # in the middle of a reply
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b'{"choices": [')
            case "drop":  # without a word
                self.connection.shutdown(socket.SHUT_RDWR)
            case "text":
                self._send(200, value.encode())
            case _:
                headers = {"429": "Retry-After", **dict.fromkeys(("301", "302", "307", "308"), "Location")}
                reply = {"error": {"message": "later" if kind in headers else value}}
                self._send(int(kind), json.dumps(reply).encode(), {headers[kind]: value} if kind in headers else None)

    def _send(self, status: int, content: bytes, headers: Mapping[str, str] | None = None) -> None:
        with self.tiny.lock:
            self.tiny.at_once -= 1
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Quiet(ThreadingHTTPServer):
    """Says nothing of those who hang up."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 - as the library has it
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def running(server: TinyServer) -> Iterator[TinyServer]:
    """Serve on the server's port of loopback, or on a free one."""
    handler = type("Handler", (_Handler,), {"tiny": server})
    with _Quiet(("127.0.0.1", server.port), handler) as http:
        server.port = http.server_port
        thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield server
        http.shutdown()
        thread.join()
