"""A small Hugging Face hub on loopback: the routes by which huggingface_hub reads and writes dataset repositories.

It keeps repositories in memory, as commits, asks for a token as the hub does, takes large files by the protocol of Git
LFS, and can be told to fail. Xet, by which the hub itself takes large files from newer libraries, it does not speak.
"""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
import yaml

WRITER, READER = "hf_" + "w" * 30, "hf_" + "r" * 30  # tokens
LARGE = (".zip", ".npz", ".safetensors")  # what a repository's .gitattributes names
LICENSES = ("mit", "cc-by-4.0", "apache-2.0", "unknown", "other")
Json = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]  # status, headers, body


@dataclass
class Repository:
    """A dataset repository with its commits."""

    is_private: bool
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)  # files by name, of each
    branches: dict[str, str] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()  # names that a .gitignore there leaves out

    @property
    def files(self) -> dict[str, bytes]:
        return self.commits[self.branches["main"]]

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        """Add a commit with exactly these files."""
        told = f"{len(self.commits)} {sorted((name, _sha256(body)) for name, body in files.items())}"
        sha = hashlib.sha1(told.encode()).hexdigest()  # noqa: S324 - as git names commits
        self.commits[sha] = dict(files)
        self.branches[branch] = sha
        return sha


class _RefusedError(Exception):
    def __init__(self, status: int, code: str = "", message: str = "") -> None:
        super().__init__(status, code, message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True)
class Request:
    """What was asked."""

    token: str | None
    body: bytes
    steps: dict[str, str]  # of the path: `id`, `revision`, `file`, `sha256`
    has_blobs: bool

    def json(self) -> Json:
        said: Json = json.loads(self.body)
        return said


class TinyHub:
    """The hub: its repositories, what it was asked, and what it is told to do wrong."""

    def __init__(self) -> None:
        self.repositories: dict[str, Repository] = {}
        self.large: dict[str, bytes] = {}  # by hash
        self.asked: list[tuple[str, str, str | None]] = []  # method, path, token
        self.before: dict[str, Callable[[], object]] = {}  # what happens, once, before a part of a path is answered
        self.fails: dict[str, int] = {}  # a part of a path -> the status that is answered
        self.says = "told to fail"  # with that
        self.damages: set[str] = set()  # files that arrive otherwise than they were put
        self.cuts: set[str] = set()  # files of which only a half is sent
        self.sizes: dict[str, int] = {}  # of files, as they are told
        self.url = ""

    def create(self, name: str, *, private: bool = True) -> Repository:
        """Make a repository as the hub does: with a .gitattributes."""
        made = self.repositories[name] = Repository(private)
        made.commit({".gitattributes": b"*.zip filter=lfs diff=lfs merge=lfs -text\n"})
        return made

    def answer(self, method: str, path: str, token: str | None, body: bytes) -> Answer:
        """Answer a request."""
        parts = urlsplit(path)
        self.asked.append((method, path, token))
        for part in [part for part in self.before if part in path]:
            self.before.pop(part)()
        status = next((status for part, status in self.fails.items() if part in path), None)
        if status is not None:
            raise _RefusedError(status, message=self.says)
        for verbs, form, its in ROUTES:
            found = re.fullmatch(form, parts.path)
            if found and method in verbs:
                steps = {key: unquote(value) for key, value in found.groupdict().items() if value}
                return its(self, Request(token, body, steps, has_blobs="blobs" in parse_qs(parts.query)))
        raise _RefusedError(404, message=f"no route {method} {path}")

    def created(self, request: "Request") -> Answer:
        """Make a repository, for whoever may."""
        said, token = request.json(), request.token
        assert said["type"] == "dataset"
        name = f"{said['organization']}/{said['name']}"
        if token != WRITER:
            raise _RefusedError(401 if token is None else 403)
        if name in self.repositories:
            return _json({"url": f"{self.url}/datasets/{name}"}, 409)
        self.create(name, private=said.get("visibility") == "private" or said.get("private", False))
        return _json({"url": f"{self.url}/datasets/{name}"})

    def uploaded(self, request: "Request") -> Answer:
        """Keep a large file."""
        if _sha256(request.body) != request.steps["sha256"]:
            raise _RefusedError(400, message="not what was announced")
        self.large[request.steps["sha256"]] = request.body
        return 200, {}, b""

    def validated(self, request: "Request") -> Answer:
        """Check a card's front matter, as far as the hub's rules concern ours."""
        said = yaml.safe_load(request.json()["content"].split("---\n")[1])
        errors = [] if said.get("license") in LICENSES else [{"message": '"license" must be one of a list'}]
        return _json({"errors": errors, "warnings": []}, 400 if errors else 200)

    def _repository(self, request: "Request", *, writes: bool = False) -> Repository:
        found, token = self.repositories.get(request.steps["id"]), request.token
        if found is None or (found.is_private and token not in (WRITER, READER)):
            raise _RefusedError(404 if token else 401, "RepoNotFound", "Repository not found")
        if writes and token != WRITER:
            raise _RefusedError(403, message="You have no right to write")
        return found

    def _at(self, repository: Repository, revision: str) -> tuple[str, dict[str, bytes]]:
        sha = repository.branches.get(revision, revision)
        if sha not in repository.commits:
            raise _RefusedError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return sha, repository.commits[sha]

    def told(self, request: "Request") -> Answer:
        """Say what a commit holds."""
        repository = self._repository(request)
        sha, files = self._at(repository, request.steps.get("revision", "main"))
        siblings: list[Json] = [{"rfilename": file} for file in files]
        if request.has_blobs:
            for one, body in zip(siblings, files.values(), strict=True):
                one |= {"size": self.sizes.get(one["rfilename"], len(body)), "blobId": _blob(body)}
                if one["rfilename"].endswith(LARGE):
                    one["lfs"] = {"sha256": _sha256(body), "size": len(body), "pointerSize": 134}
        return _json({"id": request.steps["id"], "sha": sha, "private": repository.is_private, "siblings": siblings})

    def modes(self, request: "Request") -> Answer:
        """Say how each file is to be sent, and which are known already."""
        repository = self._repository(request, writes=True)
        _, files = self._at(repository, request.steps["revision"])
        told = []
        for file in request.json()["files"]:
            path, is_large = file["path"], file["path"].endswith(LARGE)
            known = files.get(path)
            oid = None if known is None else _sha256(known) if is_large else _blob(known)
            ignored = path in repository.ignored
            mode = "lfs" if is_large else "regular"
            told.append({"path": path, "uploadMode": mode, "shouldIgnore": ignored, "oid": oid})
        return _json({"files": told})

    def batch(self, request: "Request") -> Answer:
        """Say where large files are to be put, those that are not known."""
        self._repository(request, writes=True)
        objects = [
            {**one, "actions": {"upload": {"href": f"{self.url}/lfs/{one['oid']}"}}}
            if one["oid"] not in self.large
            else one
            for one in request.json()["objects"]
        ]
        return _json({"transfer": "basic", "objects": objects})

    def committed(self, request: "Request") -> Answer:
        """Add a commit to a branch, if the branch is where it was seen."""
        repository, revision = self._repository(request, writes=True), request.steps["revision"]
        if revision not in repository.branches:
            raise _RefusedError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        sha, files = self._at(repository, revision)
        lines = [json.loads(line) for line in request.body.splitlines()]
        header = lines[0]["value"]
        if header.get("parentCommit") not in (None, sha):
            raise _RefusedError(412, message="A commit has happened since. Please refresh and try again.")
        files = dict(files)
        for line in lines[1:]:
            value = line["value"]
            match line["key"]:
                case "file":
                    files[value["path"]] = base64.b64decode(value["content"])
                case "lfsFile":
                    files[value["path"]] = self.large[value["oid"]]
                case "deletedFile":
                    del files[value["path"]]
        new = repository.commit(files, revision)
        return _json(
            {"commitUrl": f"{self.url}/datasets/{request.steps['id']}/commit/{new}", "commitOid": new, "success": True}
        )

    def file(self, request: "Request") -> Answer:
        """Hand out a file of a commit."""
        file = request.steps["file"]
        sha, files = self._at(self._repository(request), request.steps["revision"])
        if file not in files:
            raise _RefusedError(404, "EntryNotFound", "Entry not found")
        body = files[file]
        about = {"X-Repo-Commit": sha, "ETag": f'"{_sha256(body) if file.endswith(LARGE) else _blob(body)}"'}
        if file in self.damages:
            body = body[: len(body) // 2] + bytes([body[len(body) // 2] ^ 1]) + body[len(body) // 2 + 1 :]
        if file in self.cuts:
            return 200, {**about, "Content-Length": str(len(body))}, body[: len(body) // 2]
        return 200, about, body


_ID = r"(?P<id>[^/]+/[^/]+?)"
ROUTES: tuple[tuple[tuple[str, ...], str, Callable[[TinyHub, Request], Answer]], ...] = (
    (("POST",), "/api/repos/create", TinyHub.created),
    (("POST",), "/api/validate-yaml", TinyHub.validated),
    (("GET",), f"/api/datasets/{_ID}(/revision/(?P<revision>[^/]+))?", TinyHub.told),
    (("POST",), f"/api/datasets/{_ID}/preupload/(?P<revision>[^/]+)", TinyHub.modes),
    (("POST",), rf"/datasets/{_ID}\.git/info/lfs/objects/batch", TinyHub.batch),
    (("PUT",), "/lfs/(?P<sha256>[0-9a-f]{64})", TinyHub.uploaded),
    (("POST",), f"/api/datasets/{_ID}/commit/(?P<revision>[^/]+)", TinyHub.committed),
    (("GET", "HEAD"), f"/datasets/{_ID}/resolve/(?P<revision>[^/]+)/(?P<file>.+)", TinyHub.file),
)


@contextmanager
def running_hub() -> Iterator[TinyHub]:
    """Run a hub on a free port of loopback."""
    hub = TinyHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            kind, _, token = (self.headers.get("Authorization") or "").partition(" ")
            assert kind in ("", "Bearer")
            try:
                body = self._body()
                status, headers, answer = hub.answer(self.command, self.path, token or None, body)
            except _RefusedError as error:
                told = {"X-Error-Code": error.code, "X-Error-Message": error.message}
                headers = {name: value for name, value in told.items() if value}
                status, answer = error.status, json.dumps({"error": error.message}).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(answer)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.close_connection = len(answer) < int(headers.get("Content-Length", 0))
            if self.command != "HEAD":
                with suppress(ConnectionError):  # who asked was killed
                    self.wfile.write(answer)

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") == "chunked":
                body = b""
                while size := int(self.rfile.readline(), 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        do_GET = do_HEAD = do_POST = do_PUT = _answer  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def let_library_ask(hub: TinyHub, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let huggingface_hub in this process ask the small hub, with a token that may write, and a cache of its own."""
    from huggingface_hub import constants

    monkeypatch.setenv("HF_TOKEN", WRITER)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    for name, value in {
        "HF_HUB_CACHE": str(cache),
        "HF_HUB_OFFLINE": False,
        "HF_HUB_DISABLE_XET": True,  # a protocol of its own, which the small hub does not speak
        "HF_HUB_DISABLE_TELEMETRY": True,
    }.items():
        monkeypatch.setattr(constants, name, value)


def _json(value: Json, status: int = 200) -> Answer:
    return status, {"Content-Type": "application/json"}, json.dumps(value).encode()


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _blob(body: bytes) -> str:
    """Return the name that git gives to a file."""
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()  # noqa: S324 - git's
