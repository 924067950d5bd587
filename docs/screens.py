"""Makes the pictures of docs/web.md, and of the map's page: the pages of the demo's registry, in Chromium.

make demo && python -m docs.screens

Needs the system's Chromium, and Playwright, which `make browser` installs.
"""

import io
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

PICTURES = Path(__file__).parent / "pictures"
STORE = "fute-demo/registry"
SHOTS: dict[str, tuple[str, tuple[int, int], str]] = {  # name -> page, size, scheme
    "source": ("/source?name=product_reviews&k=6", (1100, 800), "light"),
    "prompt": ("/prompt?task=film_reviews&model=minilm&like=product_reviews&space=prompts", (1100, 860), "dark"),
    "map": ("/map?space=demo", (1100, 1140), "light"),
    "map_page": ("/map/page?space=demo", (1000, 582), "light"),
    "phone": ("/entry/film_reviews", (400, 1000), "light"),
}
COLOURS, NARROW = 128, 500  # a phone's picture ends with its screen


def main() -> None:
    """Write the pictures."""
    from playwright.sync_api import sync_playwright

    command = [str(Path(sys.executable).parent / "fute"), "--registry", STORE, "serve", "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own program
    try:
        line = server.stdout.readline() if server.stdout else ""
        found = re.search(r"http://[^/]+", line)
        if found is None:
            sys.exit(f"{STORE} is not served: run 'make demo' first.")
        with sync_playwright() as playwright:
            path = shutil.which("chromium") or shutil.which("chromium-browser")
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
            for name, (page, size, scheme) in SHOTS.items():
                (PICTURES / f"{name}.png").write_bytes(_shot(browser, found[0] + page, size, scheme))
    finally:
        server.kill()


def _shot(browser: Any, address: str, size: tuple[int, int], scheme: str) -> bytes:  # noqa: ANN401 - Playwright's
    """Return a page as a small PNG."""
    from PIL import Image

    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, color_scheme=scheme)
    page = context.new_page()
    page.goto(address)
    taken = Image.open(io.BytesIO(page.screenshot(full_page=size[0] > NARROW))).convert("RGB")
    context.close()
    body = io.BytesIO()
    taken.quantize(COLOURS).save(body, "PNG", optimize=True)
    return body.getvalue()


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    main()
