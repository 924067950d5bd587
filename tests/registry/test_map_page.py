"""The map's page in a real browser: what its script makes of it. Skipped where there is no Chromium."""

import html
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from waiting import LIMIT

from registry import Registry
from registry.spaces.spec import SpaceSpec
from registry.views.charts.page import Page

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((found for name in BROWSERS if (found := shutil.which(name))), "")

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed")


def after_its_script(page: Page, place: Path) -> str:
    """Return the page's document once its script has run, in a window of 1200 x 800."""
    page.save(place / "page.html")
    browser = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,800"]
    more = [f"--user-data-dir={place / 'profile'}", "--virtual-time-budget=2000", "--dump-dom"]
    made = subprocess.run(
        [*browser, *more, (place / "page.html").as_uri()], capture_output=True, text=True, timeout=LIMIT, check=True
    )
    return made.stdout


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with Registry.create(tmp_path_factory.mktemp("drawn") / "store") as made:
        made.add_space("mine", SpaceSpec.imported("ours", 16), corpus=None)
        rows = np.random.default_rng(0).normal(size=(90, 16))
        made.add_vectors([f"a_task_of_number_{i}" for i in range(70)], rows[:70])
        made.add_vectors([f"m{i}" for i in range(20)], rows[70:], kind="model")
        yield made


def test_the_browser_draws_every_point_and_names_that_do_not_overlap(registry: Registry, tmp_path: Path) -> None:
    shown = after_its_script(registry.map().page(), tmp_path)

    marks = re.findall(r'<path class="point[^"]*" display="inline"', shown)
    labels = re.findall(r'<text class="label" x="([-\d.]+)" y="([-\d.]+)">([^<]+)</text>', shown)
    assert len(marks) == 90
    assert 15 < len(labels) <= 90
    places = [(float(x), float(y), 5.0 * len(name)) for x, y, name in labels]  # a letter is wider than 5 pixels
    for n, (x, y, width) in enumerate(places):
        for other_x, other_y, other_width in places[n + 1 :]:
            assert abs(y - other_y) >= 12 or x + width <= other_x or other_x + other_width <= x
    assert re.search(r">tasks</span><span class=\"count\">70<", shown)
    assert re.search(r">models</span><span class=\"count\">20<", shown)


def test_a_name_is_text_in_the_browser_whatever_stands_in_it(registry: Registry, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=document.title='caught'>"
    page = registry.map().page()
    inert = hostile.replace("<", "\\u003c").replace(">", "\\u003e").replace("'", "\\u0027")
    assert page.text.count('"m3"') == 2  # the name, and the model that it is
    shown = after_its_script(Page(page.text.replace('"m3"', f'"{inert}"')), tmp_path)

    assert "<img" not in shown
    assert "caught</title>" not in shown
    assert html.escape(hostile, quote=False) in shown


def test_the_heatmap_s_script_runs_too(registry: Registry, tmp_path: Path) -> None:
    shown = after_its_script(registry.heatmap().page(), tmp_path)

    assert "Point at a cell to read it." in shown
    assert len(re.findall(r'<option value="(?:m|a_task_of_number_)\d+"', shown)) == 90


def test_the_map_is_moved_searched_and_filtered(registry: Registry, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api", reason="pip install playwright")
    expect = playwright.expect
    registry.map().page().save(tmp_path / "page.html")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        faults: list[str] = []
        asked: list[str] = []
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto((tmp_path / "page.html").as_uri())
        mark, headings = page.locator("#points path").nth(5), page.locator("#details h2")

        whole = mark.get_attribute("transform")
        page.fill("#search", "m5")
        page.press("#search", "Enter")
        expect(page.locator("#points .is-faint")).to_have_count(89)
        expect(headings.nth(1)).to_have_text("m5")
        expect(page.locator("#details .list").nth(1).locator("button")).to_have_count(10)
        page.fill("#search", "")
        expect(headings.first).to_have_text("m5")

        page.focus("#map")
        page.keyboard.press("+")
        expect(mark).not_to_have_attribute("transform", whole)
        page.click("#reset")
        expect(mark).to_have_attribute("transform", whole)

        page.locator("#shapes button").nth(1).click()
        expect(page.locator("#points path[display=none]")).to_have_count(20)
        page.select_option("#layout", "pca")
        expect(mark).not_to_have_attribute("transform", whole)
        browser.close()
    assert faults == []
    assert asked == [(tmp_path / "page.html").as_uri()]
