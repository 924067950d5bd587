"""The pages of `fute serve`: every one, of a real registry; what they lead to; what they leave untouched."""

import hashlib
import json
import re
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import numpy as np
import pytest
from starlette.testclient import TestClient
from tiny_cli import run
from tiny_pages import BASE, CHOICES, HTML, NAMES, client_of, fill, fill_recorded

from registry import Registry
from registry.data.examples import Example
from registry.data.predictions import Predictions
from registry.data.recordings import RecordedPrompt, Recording
from registry.data.tasks import TaskData
from registry.errors import IntegrityError
from web.opening import open_to_read

PROMPT = "/prompt?task=films&model=opt&space=prompts"
PAGES = [
    "/",
    "/entries",
    "/entries?kind=task&text=t0&tag=many",
    "/entry/t01",
    "/entry/t01:1",
    "/entry/t01:first",
    "/entry/films?space=prompts",
    "/entry/hostile",
    "/entry/opt",
    "/entry/opt@good/one",
    "/entry/good/one",
    "/entry/texts",
    "/answers/opt@good/one?space=prompts",
    "/source",
    "/source?name=t02",
    "/source?name=t02&by=memory",
    "/source?name=t02&by=gain",
    "/source?name=t02&by=size&k=3",
    "/prompt",
    PROMPT,
    PROMPT + "&by=mi&k=2",
    "/model",
    "/model?task=films&space=prompts",
    "/compare",
    "/compare?a=t03&b=t02",
    "/map",
    "/map?space=prompts",
    "/map/page",
    "/map/page?space=prompts",
    "/jobs",
    "/jobs?state=failed",
    "/packs",
    "/packs/taskweb",
    "/spaces/by-hand",
    "/spaces/prompts",
]


class Parts(HTMLParser):
    """The links of a page, what it loads, its scripts and its ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.inline: list[str] = []
        self.ids: list[str] = []
        self.tags: list[str] = []
        self._script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append(tag)
        self._script = tag in ("script", "style") and given.get("type") != "application/json"
        self.ids += [given["id"]] if "id" in given else []
        self.inline += [name for name in given if name.startswith("on") or name == "style"]
        if tag == "a":
            self.links.append(given["href"])
        elif tag in ("link", "img") or (tag == "script" and given.get("type") != "application/json"):
            self.loads.append(given.get("href") or given["src"])
        elif tag == "form":
            self.links.append(given["action"])

    def handle_data(self, data: str) -> None:
        if self._script and data.strip():
            self.inline.append(data)

    def handle_endtag(self, tag: str) -> None:
        self._script = False


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("pages"))


@pytest.fixture(scope="module")
def client(store: Path) -> Iterator[TestClient]:
    client, registry = client_of(store)
    with registry:
        yield client


def said(text: str) -> str:
    """Return what is read on a page."""
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


# -- every page --------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", PAGES)
def test_every_page_answers_with_one_heading_and_nothing_from_elsewhere(client: TestClient, path: str) -> None:
    answer = client.get(path)
    parts = Parts(answer.text)

    assert answer.status_code == 200, said(answer.text)
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert parts.tags.count("h1") == parts.tags.count("main") == 1
    assert sorted(parts.ids) == sorted(set(parts.ids))
    assert parts.inline == []
    assert all(load.startswith(("/static/", "/charts/")) for load in parts.loads)


@pytest.mark.parametrize("path", PAGES)
def test_a_head_is_the_page_without_its_body(client: TestClient, path: str) -> None:
    answer = client.head(path)

    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 500


def test_a_registry_without_anything_has_all_pages(tmp_path: Path) -> None:
    from registry import Registry

    Registry.create(tmp_path / "store").close()
    client, registry = client_of(tmp_path / "store")
    with registry:
        answers = {
            path: client.get(path) for path in ("/", "/entries", "/source", "/prompt", "/model", "/map", "/jobs")
        }

    assert {path: answer.status_code for path, answer in answers.items()} == dict.fromkeys(answers, 200)
    assert "Nothing is embedded yet" in answers["/map"].text
    assert "Nothing is registered yet" in answers["/entries"].text


def test_the_start_counts_what_is_there(client: TestClient) -> None:
    text = said(client.get("/").text)

    assert f"{len(NAMES) + 2} tasks" in text
    assert "1 model 3 prompts 3 prompted models 1 corpus 1 pack" in text
    assert "by-hand current textemb" in text
    assert "1 embedding is being made, or was broken off." in text


@pytest.mark.parametrize("space", ["by-hand", "prompts"])
def test_without_a_vector_is_what_would_be_embedded(client: TestClient, store: Path, space: str) -> None:
    """What can have no vector counted too: language models, which answer under prompts, and models without a corpus."""
    plan = json.loads(run("--registry", store, "embed", "--all", "--space", space, "--dry-run", "--json").stdout)
    count = len(plan["entries"])

    assert count > 0
    assert f"{count} tasks and models could have one and have none" in said(client.get(f"/spaces/{space}").text)
    (row,) = re.findall(rf"<tr>[^\n]*/spaces/{space}.*?</tr>", client.get("/jobs").text, re.DOTALL)
    assert re.findall(r'<td class="number">([\d,]+)</td>', row)[1] == str(count)


def test_what_failed_is_told(client: TestClient) -> None:
    for path in ("/", "/jobs", "/jobs?state=failed"):
        assert "cannot be read: &lt;script&gt;" in client.get(path).text
    assert "hostile" not in said(client.get("/jobs?state=running").text)
    assert "films" in said(client.get("/jobs?state=running").text)


# -- entries -----------------------------------------------------------------------------------------


def listed(client: TestClient, path: str) -> list[str]:
    names = [link.removeprefix("/entry/") for link in Parts(client.get(path).text).links if link.startswith("/entry/")]
    return [name.replace("%40", "@") for name in names]


def test_entries_are_listed_by_name_page_by_page_and_back(client: TestClient) -> None:
    everything, path = [], "/entries"
    while path:
        everything += listed(client, path)
        path = next((link for link in Parts(client.get(path).text).links if "after=" in link), "")
    last = "/entries?after=" + everything[49].replace("@", "%40")
    back = next(link for link in Parts(client.get(last).text).links if "before=" in link)

    assert everything == sorted(everything)
    assert len(everything) == len(NAMES) + 2 + 1 + 3 + 3 + 1
    assert listed(client, back) == everything[:50]
    assert not any("before=" in link for link in Parts(client.get(back).text).links)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("text=T01", ["t01"]),
        ("text=script", ["hostile"]),  # in its description
        ("text=%25", []),
        ("text=_0", []),
        ("kind=corpus", ["texts"]),
        ("kind=prompted-model", ["opt@bad", "opt@good/one", "opt@good/two"]),
        ("language=en", ["films"]),
        ("tag=two+words&text=t5", [f"t5{number}" for number in range(10)]),
        ("tag=nobody+has+it", []),
        ("task_kind=regression", []),
    ],
)
def test_filters_keep_what_passes_them(client: TestClient, query: str, expected: list[str]) -> None:
    assert listed(client, f"/entries?{query}") == expected


def test_a_filter_is_kept_from_page_to_page(client: TestClient) -> None:
    links = Parts(client.get("/entries?kind=task&tag=many").text).links

    (later,) = [link for link in links if "after=" in link]
    assert "kind=task" in later
    assert "tag=many" in later
    assert listed(client, later) == list(NAMES[50:])


# -- an entry ----------------------------------------------------------------------------------------


def test_an_entry_shows_versions_aliases_transfers_and_neighbours(client: TestClient) -> None:
    text = said(client.get("/entry/t01").text)

    assert "version 2" in text
    assert "first" in text
    assert "Transfers to it" in text
    assert "Transfers from it" in text
    assert "t01 has no vector yet" not in text


def test_an_older_version_is_looked_at_as_it_was(client: TestClient) -> None:
    old, new = (client.get(f"/entry/t01:{number}").text for number in (1, 2))

    assert "Near it" in said(old)
    assert "It has no vector yet" in said(new)
    assert old != new


def test_an_entry_is_looked_at_in_a_space_where_it_has_no_vector_or_that_does_not_exist(client: TestClient) -> None:
    """It was told to run `None`, and of a space that nobody made that nothing was asked there."""
    without = said(client.get("/entry/t02?space=prompts").text)
    unknown = [client.get(f"/{page}/opt@bad?space=none") for page in ("entry", "answers")]

    assert "It has no vector in space prompts; it has one in by-hand ." in without
    assert "What is it near to?" not in without
    assert [answer.status_code for answer in unknown] == [404, 404]
    assert all("No space named &#39;none&#39;" in answer.text for answer in unknown)
    assert "in space by-hand" in said(client.get("/entry/t02?space=By-Hand").text)


def test_a_prompted_model_shows_its_prompt_and_what_it_replied(client: TestClient) -> None:
    text = client.get("/entry/opt@good/one").text
    asked = client.get("/answers/opt@good/one?space=prompts").text

    assert "good/one: {{ text }}" in text
    assert "80 of 80 texts" in said(text)
    assert "&lt;img src=x onerror" in text
    assert "good/one: text 3" in said(asked)
    assert "opt@bad" in client.get("/entry/opt").text


def test_recorded_answers_are_sent_to_the_space_of_their_texts_and_have_no_empty_template(tmp_path: Path) -> None:
    client, opened = client_of(fill_recorded(tmp_path))
    with opened:
        prompted, llm = (said(client.get(f"/entry/{name}").text) for name in ("llm@p", "llm"))

    assert "It has no vector yet: fute embed llm@p --space its makes one." in prompted
    assert "Its answers were recorded, without a template." in prompted
    assert "has a vector under each: fute embed llm --space its makes those that are missing." in llm


def test_an_older_version_of_a_prompted_model_shows_what_it_answered_itself(tmp_path: Path) -> None:
    """The newest version's answers stood on the pages of every version."""
    store = fill_recorded(tmp_path)
    with Registry.open(store) as registry:
        texts, corpus = tuple(registry.corpus_inputs("its")), registry.catalog.spaces.get("its").corpus_version_id or 0
        for right in (0, 1):
            said_so = Predictions(CHOICES, np.tile(np.eye(2, dtype=np.float32)[right], (len(texts), 1)))
            prompt = RecordedPrompt("p", "", CHOICES, Recording(texts, said_so))
            registry.add_recorded_llm("llm", [prompt], source=f"table {right}", replace=True)
            registry.catalog.predictions.put(registry.entry("llm@p").version_id, corpus, start=0, predictions=said_so)
    client, opened = client_of(store)
    with opened:
        pages = [client.get(f"/entry/llm@p:{number}?space=its").text for number in (2, 3)]
        asked = client.get("/answers/llm@p:2?space=its").text

    old, new = (page.partition('id="answers"')[2] for page in pages)
    assert ("<dt>negative</dt>" in old, "<dt>positive</dt>" in old) == (True, False)
    assert ("<dt>negative</dt>" in new, "<dt>positive</dt>" in new) == (False, True)
    assert 'href="/answers/llm%40p%3A2?space=its"' in old
    assert ("<td>negative</td>" in asked, "<td>positive</td>" in asked) == (True, False)
    assert "fute model answers llm@p:2 --space its --json" in asked


# -- the questions -----------------------------------------------------------------------------------


def test_a_source_is_told_before_the_reasons(client: TestClient) -> None:
    text = client.get("/source?name=t02&k=4").text

    verdict, table = text.index('class="verdict'), text.index("<tbody>")
    assert verdict < table
    assert text.count('<svg class="interval') == 4


def test_memory_says_what_was_measured(client: TestClient) -> None:
    text = said(client.get("/source?name=t10&by=memory").text)

    assert "First by memory" in text
    assert re.search(r"\(kin \d\.\d\d\): ", text)


def test_a_prompt_is_told_with_its_estimate_drawn(client: TestClient) -> None:
    text = client.get(PROMPT).text

    assert text.index('class="verdict') < text.index('<svg class="interval')
    assert text.count('<svg class="interval') == 3
    assert 'id="k" name="k" type="number" value="5" min="1" max="200"' in text
    assert 'aria-label="' in text
    assert re.search(r"Use good/one \(right in \d\d% of the texts", said(text))
    assert "good/one: {{ text }}" in text


def test_labels_that_do_not_count_are_told(client: TestClient) -> None:
    told = "the labels of t03 are other answers, so they say nothing here"

    assert told in said(client.get("/prompt?task=films&like=t03&model=opt&space=prompts").text)
    assert told not in said(client.get(PROMPT).text)
    assert told in client.get("/api/best-prompt?task=films&like=t03&model=opt&space=prompts").json()["notes"]


def test_the_map_to_look_around_in_says_that_a_script_draws_it(client: TestClient) -> None:
    """Where scripts are off it was an empty page."""
    told = "<noscript><p>This is drawn by JavaScript, which is off. A picture, .svg or .png, needs none.</p></noscript>"

    assert told in client.get("/map/page").text
    assert "noscript" not in client.get("/map").text


def test_no_model_is_asked(client: TestClient) -> None:
    answer = client.get(PROMPT + "&by=self-select")

    assert answer.status_code == 400
    assert "No model is asked here" in said(answer.text)


# -- what is wrong -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        ("/nothing", 404, "There is no such page."),
        ("/entry/t1x", 404, "No entry named 't1x' in this registry. Did you mean 't"),
        ("/entry/t01:9", 404, "No version named 't01:9'"),
        ("/spaces/none", 404, "No space named 'none'"),
        ("/packs/none", 404, "No pack named 'none'"),
        ("/source?name=nobody", 404, "No entry named 'nobody'"),
        ("/source?name=films", 400, "has no vector in space 'by-hand'"),
        ("/source?name=t01&by=dice", 422, "'by'"),
        ("/source?name=t02&k=0", 422, "'k'"),
        ("/source?name=t02&kind=task&kind=dragon", 422, "'kind': input should be 'task', "),
        ("/source?name=t02&task_kind=dragon", 400, "No kind of task 'dragon': there are classification, "),
        ("/source?nme=t01", 422, "'nme': it is not known here."),
        ("/?name=t01", 422, "'name': it is not known here."),
        ("/spaces/by-hand?k=3", 422, "'k': it is not known here."),
        ("/entries?kind=dragon", 422, "'kind'"),
        ("/entries?text=" + "x" * 301, 422, "'text'"),
        ("/model?task=t01", 400, "Space by-hand has no corpus"),
        ("/prompt?task=films&model=nobody&space=prompts", 404, "No model named 'nobody'"),
        ("/jobs?state=lazy", 422, "'state'"),
        ("/static/none.css", 404, "There is no such page."),
    ],
)
def test_what_is_wrong_is_a_page_in_plain_words(client: TestClient, path: str, status: int, told: str) -> None:
    answer = client.get(path)

    assert answer.status_code == status
    assert told in said(answer.text).replace("&#39;", "'")
    assert "<main" in answer.text
    assert "Traceback" not in answer.text


# -- what stays as it is -----------------------------------------------------------------------------


def crawled(client: TestClient) -> dict[str, str]:
    """Follow every link from the start, and return the texts of all pages by address."""
    found: dict[str, str] = {}
    left = ["/", *PAGES]
    while left:
        path = left.pop()
        if path in found:
            continue
        answer = client.get(path)
        assert answer.status_code == 200, path
        found[path] = answer.text if "html" in answer.headers["content-type"] else ""
        parts = Parts(found[path])
        for link in (*parts.links, *parts.loads):
            whole = urlsplit(urljoin(BASE + path, link))
            assert f"{whole.scheme}://{whole.netloc}" == BASE, link
            address = whole.path + (f"?{whole.query}" if whole.query else "")
            left += [address] if whole.path != "/compare" else []
    return found


def hashes(folder: Path) -> dict[str, tuple[str, int]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in files
    }


def test_a_full_crawl_connects_to_nothing_and_writes_nothing(
    client: TestClient, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[object] = []

    def refuse(_self: socket.socket, address: object) -> None:
        tried.append(address)
        raise OSError("no network here")

    def look_up(host: object, *_more: object, **_named: object) -> None:
        tried.append(host)
        raise OSError("no names here")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    before = hashes(store)

    found = crawled(client)

    assert len(found) > 120
    assert tried == []
    assert hashes(store) == before
    assert not any("<script>alert" in text or "<img src=x" in text for text in found.values())


def test_what_entries_hold_is_text(client: TestClient) -> None:
    escaped = HTML.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    escaped = escaped.replace("'", "&#39;").replace('"', "&#34;")

    for path in ("/entry/hostile", "/entry/texts", "/entry/opt@good/one", "/jobs"):
        assert escaped in client.get(path).text


def test_a_text_turns_nothing_around_on_a_page(tmp_path: Path) -> None:
    """A mark that turns the direction let a text be read backwards; a terminal is shown it as it is written here."""
    turned = "not \u202elive\u202c but evil\x1b"
    examples = tuple(Example(turned, label, text_pair=turned) for label in ("no", "yes"))
    with Registry.create(tmp_path / "store") as registry:
        registry.add_task(
            "turned", TaskData("classification", ("no", "yes"), examples, description=turned, source=turned)
        )
    client, opened = client_of(tmp_path / "store")
    with opened:
        answers = [client.get(path).text for path in ("/entry/turned", "/entries")]

    assert not any(mark in answer for answer in answers for mark in "\u202e\u202c\x1b")
    assert answers[0].count(r"not \u202elive\u202c but evil\u001b") >= 4


def test_an_index_that_is_missing_is_made_in_memory(tmp_path: Path) -> None:
    store = fill(tmp_path)
    assert not (store / "index").exists()
    client, registry = client_of(store)
    with registry:
        before = hashes(store)
        first = client.get("/api/nearest?name=t01:1").json()["matches"]
        assert first
        assert hashes(store) == before


def test_what_another_process_embeds_is_seen(tmp_path: Path) -> None:
    from tiny_cli import put_vector

    from registry import Registry

    store = fill(tmp_path)
    client, registry = client_of(store)
    with registry:
        before = [row["name"] for row in client.get("/api/nearest?name=t02&k=100").json()["matches"]]
        with Registry.open(store) as other:
            put_vector(other, "films", other.catalog.spaces.get("by-hand"), 77)
        after = [row["name"] for row in client.get("/api/nearest?name=t02&k=100").json()["matches"]]

    assert set(after) - set(before) == {"films"}
    assert "films" in said(client.get("/entries?text=films").text)


def test_an_answer_by_memory_is_remembered_until_something_is_measured(tmp_path: Path) -> None:
    from registry import Registry
    from registry.data.transfers import TransferRecord

    store = fill(tmp_path)
    client, registry = client_of(store)
    path = "/api/nearest?name=t20&by=memory&k=60"
    with registry:
        first, again = (client.get(path).json() for _ in range(2))
        with Registry.open(store) as other:
            other.add_transfers(TransferRecord("small", "full", f"t{number:02}", "t33", 0.99) for number in range(6))
        measured = client.get(path).json()
        with Registry.open(store) as other:
            other.packs.remove("taskweb")
        without = client.get(path).json()

    assert first == again
    assert measured["matches"][0]["name"] == "t33" != first["matches"][0]["name"]
    assert "taskweb" in " ".join(measured["notes"])
    assert "taskweb" not in " ".join(without["notes"])


def test_damage_that_happens_while_it_is_served_is_told(tmp_path: Path, sentiment: TaskData) -> None:
    with Registry.create(tmp_path / "store") as registry:
        registry.add_task("films", sentiment)
        registry.add_task("shops", sentiment)
    with open_to_read(tmp_path / "store") as registry:
        assert registry.entry("films").name == "films"
        with closing(sqlite3.connect(tmp_path / "store" / "catalog.db")) as database, database:
            database.execute("UPDATE entries SET name = 'cooks' WHERE name = 'films'")

        with pytest.raises(IntegrityError, match="does not match its checksum"):
            registry.entry("cooks")
