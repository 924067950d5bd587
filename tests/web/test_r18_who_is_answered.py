"""R18: `fute serve` answers this machine's own pages alone, by GET, and says what a browser may do with an answer."""

import http.client
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient
from tiny_cli import FUTE, fill_by_hand, told
from tiny_pages import PORT, client_of
from waiting import LIMIT

from registry import Registry

CONNECT = socket.socket.connect  # as it is before the tests take the network away
OWN = f"127.0.0.1:{PORT}"

HOSTS = [
    "",
    "127.0.0.1",
    "localhost",
    f"127.0.0.1:{PORT + 1}",
    "localhost:80",
    f"evil.example:{PORT}",  # whose DNS leads to 127.0.0.1
    "evil.example",
    f"127.0.0.1.evil.example:{PORT}",
    f"localhost.evil.example:{PORT}",
    f"evil.example@127.0.0.1:{PORT}",
    f"127.0.0.1:{PORT}@evil.example",
    f"127.0.0.1:{PORT}.evil.example",
    f"127.0.0.1:{PORT}, evil.example",
    f"0.0.0.0:{PORT}",
    f"127.1:{PORT}",
    f"2130706433:{PORT}",
    f"0x7f000001:{PORT}",
    f"[::ffff:127.0.0.1]:{PORT}",
    f"localhost.:{PORT}",
    f"169.254.169.254:{PORT}",
    f"http://127.0.0.1:{PORT}",
]
ORIGINS = [
    "null",
    "http://evil.example",
    f"http://evil.example:{PORT}",
    "http://127.0.0.1",
    f"http://127.0.0.1:{PORT + 1}",
    f"https://127.0.0.1:{PORT}",
    f"http://localhost.evil.example:{PORT}",
    "file://",
]
METHODS = ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "get"]
PATHS = [
    "/static/..%2fapp.py",
    "/static/%2e%2e/app.py",
    "/static/.%2e/app.py",
    "/static/%2E%2E%2Fapp.py",
    "/static/..%5capp.py",
    "/static/....//app.py",
    "//evil.example/",
    "/static//etc/passwd",
    "/entry/t1%00",
    "/entry/t1%0d%0aSet-Cookie:x=1",
    "/entry/t1;x",
    "/entries?text=%00",
    "/entries?text=a%0d%0ab",
    "/entry/" + "x" * 3_300,
    "/entries?text=" + "x" * 3_300,
    "/entries?" + "&".join(f"tag={number}" for number in range(60)),
    "/entries?" + "&".join(f"text={'y' * 900}" for _ in range(12)),
]
HEADERS = [
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
    {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
    {"sec-fetch-site": "same-site", "sec-fetch-mode": "cors", "sec-fetch-dest": "empty"},
    {"content-length": "5"},
    {"transfer-encoding": "chunked"},
    {"upgrade": "websocket", "connection": "upgrade"},
    {f"x-{number}": "1" for number in range(70)},
    {"cookie": "c" * 20_000},
]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("answered")
    with Registry.create(place / "store") as registry:
        fill_by_hand(registry, place, [f"t{number}" for number in range(5)])
        registry.refresh_index("by-hand")
    return place / "store"


@pytest.fixture(scope="module")
def client(store: Path) -> Iterator[TestClient]:
    client, registry = client_of(store)
    with registry:
        yield client


def refused(client: TestClient, method: str = "GET", path: str = "/", **headers: str) -> int:
    """Ask, with the headers as they are given and nothing added; return the status, and see that nothing came back."""
    request = client.build_request(method, f"http://{OWN}/")
    raw, _, query = path.partition("?")
    request.url = request.url.copy_with(raw_path=path.encode())
    for name, value in headers.items():
        request.headers[name.replace("_", "-")] = value
    answer = client.send(request)

    assert 400 <= answer.status_code < 500, (raw, query, answer.status_code)
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert "access-control-allow-origin" not in answer.headers
    assert not re.search(r"t[0-4]\b|<html", answer.text)
    return answer.status_code


def test_there_are_more_than_forty_hostile_requests() -> None:
    assert len(HOSTS) + len(ORIGINS) + len(METHODS) + len(PATHS) + len(HEADERS) > 60


@pytest.mark.parametrize("host", HOSTS)
def test_a_foreign_host_is_refused_also_where_dns_leads_here(client: TestClient, host: str) -> None:
    assert refused(client, host=host) == 421


def test_two_hosts_are_refused(client: TestClient) -> None:
    request = client.build_request("GET", f"http://{OWN}/")
    request.headers = type(request.headers)([("host", OWN), ("host", "evil.example")])

    assert client.send(request).status_code == 421


@pytest.mark.parametrize("origin", ORIGINS)
def test_a_foreign_origin_is_refused(client: TestClient, origin: str) -> None:
    assert refused(client, origin=origin) == 403


@pytest.mark.parametrize("method", METHODS)
def test_whatever_changes_things_is_refused(client: TestClient, method: str) -> None:
    if method == "get":
        request = client.build_request("GET", "/")
        request.method = "get"
        assert client.send(request).status_code in (200, 405)
        return
    assert refused(client, method) == 405


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_leads_elsewhere_or_asks_too_much_is_refused(client: TestClient, path: str) -> None:
    assert refused(client, path=path) in (400, 414)


@pytest.mark.parametrize("headers", HEADERS, ids=[next(iter(headers)) for headers in HEADERS])
def test_what_another_site_sends_or_no_question_has_is_refused(client: TestClient, headers: dict[str, str]) -> None:
    assert refused(client, **headers) in (400, 403, 413, 431)


@pytest.mark.parametrize("host", [OWN, f"localhost:{PORT}", f"LOCALHOST:{PORT}", f"[::1]:{PORT}"])
def test_its_own_names_are_answered(client: TestClient, host: str) -> None:
    answer = client.get("/", headers={"host": host, "origin": f"http://{host.lower()}"})

    assert answer.status_code == 200


def test_the_longest_names_are_asked_for_in_any_script(client: TestClient) -> None:
    name = "@".join(["\U00020000" * 128] * 2)  # of four bytes each

    answers = [client.get(f"/entry/{quote(name)}"), client.get("/api/compare", params={"a": name, "b": name})]

    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[1].json()["error"].startswith("No entry named")


def test_a_link_from_another_site_may_lead_here(client: TestClient) -> None:
    sent = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}

    assert client.get("/", headers=sent).status_code == 200


@pytest.mark.parametrize("path", ["/", "/api/tasks", "/static/style.css", "/nothing", "/entries?kind=dragon"])
def test_every_answer_says_what_a_browser_may_do(client: TestClient, path: str) -> None:
    headers = client.get(path).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))

    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-resource-policy"] == headers["cross-origin-opener-policy"] == "same-origin"
    assert not [name for name in headers if name.startswith("access-control")]
    assert "set-cookie" not in headers


# -- the program itself ------------------------------------------------------------------------------


@pytest.fixture
def served(store: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[subprocess.Popen[str], str, int]]:
    monkeypatch.setattr(socket.socket, "connect", CONNECT)
    arguments = [FUTE, "--registry", str(store), "serve", "--port", "0"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.search(r"http://(127\.0\.0\.1):([0-9]+)/", line)
    assert found, process.communicate(timeout=LIMIT)
    yield process, line, int(found[2])
    process.kill()
    process.communicate(timeout=LIMIT)


def spoken(port: int, text: str) -> str:
    """Send bytes as they are, and return what comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as connection:
        connection.sendall(text.replace("\n", "\r\n").encode())
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode("latin-1")


def test_the_program_serves_its_own_names_and_ends_with_ctrl_c(
    served: tuple[subprocess.Popen[str], str, int],
) -> None:
    process, line, port = served
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=LIMIT)
    connection.request("GET", "/api/tasks?limit=2")
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    raw = {
        "GET http://evil.example/ HTTP/1.1\nHost: evil.example\n\n": "421",
        f"GET http://evil.example/ HTTP/1.1\nHost: 127.0.0.1:{port}\n\n": "400",
        "GET / HTTP/1.0\n\n": "421",
        f"GET / HTTP/1.1\nHost: 127.0.0.1:{port}\nHost: evil.example\n\n": "4",
        f"POST /entries HTTP/1.1\nHost: 127.0.0.1:{port}\nContent-Length: 3\n\nabc": "405",
        f"GET /../catalog.db HTTP/1.1\nHost: 127.0.0.1:{port}\n\n": "400",
        f"GET /static/../app.py HTTP/1.1\nHost: 127.0.0.1:{port}\n\n": "400",
        f"GET / HTTP/1.1\nHost: 127.0.0.1:{port}\nX: {'x' * 100_000}\n\n": "4",
        f"GET / HTTP/1.1\nHost: 127.0.0.1:{port}\nX-Forwarded-Host: evil.example\nConnection: close\n\n": "200",
    }

    assert (answer.status, '"t0"' in body, "server" in answer.headers) == (200, True, False)
    assert {text: spoken(port, text).split(" ")[1][: len(status)] for text, status in raw.items()} == raw
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=LIMIT)
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in error
    assert "(Ctrl-C ends)" in line


def test_who_holds_connections_open_without_asking_keeps_nobody_out(
    served: tuple[subprocess.Popen[str], str, int],
) -> None:
    _, _, port = served
    begun = [b"", b"GET", f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n".encode()]
    with ExitStack() as held:
        connections = [
            held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=LIMIT)) for _ in range(66)
        ]
        for number, connection in enumerate(connections):
            connection.sendall(begun[number % len(begun)])

        assert {connection.recv(1) for connection in connections} == {b""}  # the server has closed each
        asked = f"GET /api/tasks HTTP/1.1\nHost: 127.0.0.1:{port}\nConnection: close\n\n"
        assert spoken(port, asked).startswith("HTTP/1.1 200 ")


def test_it_ends_as_soon_as_it_has_said_so_even_where_a_shell_lets_it_ignore_ctrl_c(store: Path) -> None:
    ignoring = 'trap \'\' INT; exec "$0" --registry "$1" serve --port 0'  # as in the background of a script
    for _ in range(3):
        process = subprocess.Popen(["/bin/sh", "-c", ignoring, FUTE, str(store)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert "(Ctrl-C ends)" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=LIMIT)

        assert process.returncode == 0


def test_another_address_is_warned_of_and_its_names_are_answered(store: Path) -> None:
    from web.guard import hosts_of

    assert hosts_of("0.0.0.0", 80, ["Pages.example", "[fd00::1]:81"]) == [  # noqa: S104
        *("127.0.0.1:80", "localhost:80", "[::1]:80", "pages.example:80", "[fd00::1]:81"),
        *("127.0.0.1", "localhost", "[::1]", "pages.example"),
    ]
    assert hosts_of("192.168.7.1", 8765) == ["192.168.7.1:8765"]
    process = subprocess.Popen(
        [FUTE, "--registry", str(store), "serve", "--port", "0", "--host", "0.0.0.0"],  # noqa: S104
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ},
    )
    assert process.stdout is not None
    first, second = process.stdout.readline(), process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=LIMIT)

    assert first.startswith("Warning: other machines can reach 0.0.0.0.")
    assert second.startswith("Pages of ")


def test_what_cannot_be_served_is_told_in_one_line(tmp_path: Path, store: Path) -> None:
    assert told("--registry", tmp_path / "none", "serve") == (
        2,
        f"Error: No registry at {tmp_path / 'none'}: make one with 'fute init', or name one with --registry.\n",
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, text = told("--registry", store, "serve", "--port", str(taken.getsockname()[1]))
    assert code == 2
    assert text.startswith("Error: Cannot listen on 127.0.0.1, port ")
    assert told("--registry", store, "serve", "--host", "no such host", "--port", "0")[0] == 2
