"""The pages as people use them, in Chromium: search, both questions, errors, the keyboard alone, axe on every page.

`make browser` installs what this needs and runs it; where Chromium, Playwright or axe-core is missing, it is skipped.
"""

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tiny_cli import FUTE
from tiny_pages import HTML, fill
from waiting import LIMIT

pytestmark = pytest.mark.browser

CONNECT = socket.socket.connect  # as it is before the tests take the network away
ROOT = Path(__file__).parents[2]
AXE = Path(os.environ.get("FUTE_AXE", ROOT / "build" / "axe-core" / "package" / "axe.min.js"))
FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
PROMPT = "/prompt?task=films&model=opt&space=prompts"
PAGES = [
    *("/", "/entries", "/entry/t02", "/entry/hostile", "/entry/opt@good/one", "/answers/opt@good/one?space=prompts"),
    *("/source?name=t02", "/source?name=t02&by=memory", PROMPT, "/model?task=films&space=prompts"),
    *("/compare?a=t02&b=t03", "/map", "/map/page", "/jobs", "/packs", "/packs/taskweb", "/spaces/prompts"),
    *("/entry/nobody", "/source?name=nobody", "/entries?kind=dragon"),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright: make browser")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    connect, socket.socket.connect = socket.socket.connect, CONNECT  # type: ignore[method-assign]
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()
    socket.socket.connect = connect  # type: ignore[method-assign]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory, chromium: Any) -> Iterator[str]:  # noqa: ANN401
    """The address of the program itself, serving a registry."""
    store = fill(tmp_path_factory.mktemp("browser"))
    arguments = [FUTE, "--registry", str(store), "serve", "--port", "0"]
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    found = re.search(r"http://[^/]+", process.stdout.readline())
    assert found
    yield found[0]
    process.kill()
    process.communicate(timeout=LIMIT)


@pytest.fixture(params=["light", "dark", "phone"])
def look(request: pytest.FixtureRequest) -> dict[str, Any]:
    wide = {"width": 390, "height": 800} if request.param == "phone" else {"width": 1200, "height": 850}
    return {"viewport": wide, "color_scheme": "dark" if request.param == "dark" else "light"}


@pytest.fixture
def page(chromium: Any, address: str) -> Iterator[Any]:  # noqa: ANN401
    context = chromium.new_context(base_url=address)
    page = context.new_page()
    page.set_default_timeout(1000 * LIMIT)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("dialog", lambda dialog: problems.append(dialog.message))
    yield page
    context.close()
    assert [url for url in asked if not url.startswith(address)] == []
    assert problems == []


def follow(page: Any, what: Any) -> None:  # noqa: ANN401
    """Click, and wait for the page that it leads to: until then the former one would be read."""
    with page.expect_navigation():
        what.click()


def test_one_searches_opens_and_filters(page: Any) -> None:  # noqa: ANN401
    page.goto("/")
    page.get_by_label("Search the entries").fill("t4")
    follow(page, page.get_by_role("button", name="Search"))
    assert page.get_by_role("row").count() == 11
    page.get_by_label("Tag").fill("two words")
    page.get_by_label("Kind", exact=True).select_option("task")
    follow(page, page.get_by_role("button", name="Filter"))
    assert "tag=two+words" in page.url
    follow(page, page.get_by_role("link", name="t42"))
    assert page.get_by_role("heading", level=1).inner_text() == "t42"
    follow(page, page.get_by_role("link", name="What is it near to?"))
    assert page.get_by_label("Task or model").input_value() == "t42"
    assert page.get_by_role("region", name="The answer").is_visible()


def test_one_asks_for_a_source(page: Any) -> None:  # noqa: ANN401
    page.goto("/")
    follow(page, page.get_by_role("link", name="Which source?").first)
    page.get_by_label("Task or model").fill("t05")
    page.get_by_label("Ranked by").select_option("memory")
    follow(page, page.get_by_role("button", name="Ask"))
    assert page.get_by_role("region", name="The answer").inner_text().startswith("First by memory")
    assert page.locator("svg.interval").count() == 10


def test_one_asks_for_a_prompt_and_goes_on_to_it(page: Any) -> None:  # noqa: ANN401
    page.goto("/prompt")
    page.get_by_label("Task").fill("films")
    page.get_by_label("LLM").fill("opt")
    page.get_by_label("Space").select_option("prompts")
    follow(page, page.get_by_role("button", name="Ask"))
    assert page.get_by_role("region", name="The answer").inner_text().startswith("Use good/one")
    follow(page, page.get_by_role("link", name="good/one"))
    assert page.get_by_role("heading", level=1).inner_text() == "opt@good/one"
    assert page.get_by_text("good/one: {{ text }}").is_visible()


def test_names_are_offered_as_they_are_typed(page: Any) -> None:  # noqa: ANN401
    page.goto("/source")
    with page.expect_response("**/api/names?**") as answer:
        page.get_by_label("Task or model").press_sequentially("opt@g")
    assert answer.value.json() == {"names": ["opt@good/one", "opt@good/two"]}
    page.wait_for_function("document.getElementById('entries').options.length === 2")


def test_what_is_wrong_is_told_and_mended(page: Any) -> None:  # noqa: ANN401
    page.goto("/source?name=t0x")
    assert "No entry named 't0x'" in page.get_by_role("alert").inner_text()
    page.get_by_label("Task or model").fill("t02")
    follow(page, page.get_by_role("button", name="Ask"))
    assert page.get_by_role("alert").count() == 0
    page.goto("/entry/nobody")
    follow(page, page.get_by_role("link", name="All entries"))
    assert page.get_by_role("heading", level=1).inner_text() == "Entries"


def test_the_keyboard_alone_is_enough(page: Any) -> None:  # noqa: ANN401
    page.goto("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "To the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "text"
    page.keyboard.type("t17")
    page.keyboard.press("Enter")
    page.wait_for_url("**/entries?text=t17")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "t17":
            break
    shadow = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    page.keyboard.press("Enter")
    page.wait_for_url("**/entry/t17")
    assert shadow == "solid"


def test_a_point_of_the_map_leads_to_its_entry(page: Any) -> None:  # noqa: ANN401
    page.goto("/map")
    point = page.locator("svg.map a.point").nth(7)
    name = point.get_attribute("href")
    point.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{name}")


def test_the_map_is_looked_around_in_and_leads_to_an_entry_and_back(page: Any) -> None:  # noqa: ANN401
    page.goto("/map")
    follow(page, page.get_by_role("link", name="Look around in it"))
    page.get_by_role("searchbox", name="Find").fill("t05")
    page.keyboard.press("Enter")
    details = page.locator("#details")
    details.get_by_role("heading", name="t05").wait_for()
    page.get_by_label("Layout").select_option("tsne")
    follow(page, page.get_by_role("link", name="Open the entry"))
    page.wait_for_url("**/entry/t05")
    page.go_back()
    follow(page, page.get_by_role("link", name="Back"))
    page.wait_for_url("**/map?*")


def test_text_of_an_entry_is_no_page(page: Any) -> None:  # noqa: ANN401
    page.goto("/entry/hostile")
    assert page.get_by_text(HTML).first.is_visible()
    assert page.locator("main script, main img").count() == 0


def test_what_is_printed_is_the_answer_whole_and_on_white_paper(chromium: Any, address: str) -> None:  # noqa: ANN401
    """The form was printed, the last columns were cut off, and who reads in dark printed a black sheet."""
    context = chromium.new_context(base_url=address, color_scheme="dark", viewport={"width": 700, "height": 900})
    page = context.new_page()
    page.emulate_media(media="print")
    for path in ("/source?name=t05&by=memory", PROMPT, "/entry/opt@good/one", "/jobs", "/map"):
        page.goto(path)
        boxes = page.locator(".scroll").all()
        assert boxes
        assert [box.evaluate("it => Math.max(it.scrollWidth - it.clientWidth, 0)") for box in boxes] == [0] * len(boxes)
        assert not any(form.is_visible() for form in page.locator("form").all())
    assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(250, 249, 246)"
    context.close()


def test_without_scripts_all_of_it_works(chromium: Any, address: str) -> None:  # noqa: ANN401
    context = chromium.new_context(base_url=address, java_script_enabled=False)
    page = context.new_page()
    page.goto("/source")
    page.get_by_label("Task or model").fill("t05")
    follow(page, page.get_by_role("button", name="Ask"))
    assert page.get_by_role("region", name="The answer").is_visible()
    context.close()


def looked_at(chromium: Any, where: str, look: dict[str, Any], base: str | None = None) -> tuple[list[Any], int]:  # noqa: ANN401
    """Return what axe finds on a page, and by how many pixels it is wider than its window."""
    if not AXE.is_file():
        pytest.skip("needs axe-core: make browser")
    context = chromium.new_context(base_url=base, bypass_csp=True, **look)
    page = context.new_page()
    page.goto(where)
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    context.close()
    return [(one["id"], one["impact"], [node["html"][:200] for node in one["nodes"][:3]]) for one in found], wider


@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing_serious(chromium: Any, address: str, look: dict[str, Any], path: str) -> None:  # noqa: ANN401
    assert looked_at(chromium, path, look, address) == ([], 0)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pages that the program writes as files."""
    store, folder = fill(tmp_path_factory.mktemp("written")), tmp_path_factory.mktemp("pages")
    for command in ("map", "heatmap"):
        page = str(folder / f"{command}.html")
        subprocess.run([FUTE, "--registry", str(store), command, page], check=True, capture_output=True, timeout=LIMIT)
    return folder


@pytest.mark.parametrize("name", ["map.html", "heatmap.html"])
def test_axe_finds_nothing_serious_on_a_page_that_is_a_file(
    chromium: Any,  # noqa: ANN401
    written: Path,
    look: dict[str, Any],
    name: str,
) -> None:
    assert looked_at(chromium, (written / name).as_uri(), look) == ([], 0)
