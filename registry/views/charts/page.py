"""Pages that stand alone: one HTML file each, with its own style and script, that fetches nothing from anywhere."""

import base64
import hashlib
import html
import json
from functools import cache
from pathlib import Path
from typing import Any

from registry.errors import InputError
from registry.files.writing import written

ASSETS = Path(__file__).parent / "assets"
ENDING = ".html"
FRAME_HEIGHT = 640  # pixels, in a notebook
NO_SCRIPT = "This is drawn by JavaScript, which is off. A picture, .svg or .png, needs none."
EMPTY = {"map": "map.html", "heat": "heat.html"}  # kind -> what stands in the body


class Page:
    """A page as text. A notebook shows it in a frame of its own, `save` writes it."""

    def __init__(self, text: str) -> None:
        self.text = text

    def save(self, path: str | Path) -> Path:
        """Write it as .html, whole or not at all, and return where; raise `InputError` for another ending."""
        place = Path(path)
        if place.suffix.lower() != ENDING:
            raise InputError(f"{place}: a page is written as {ENDING}.")
        with written(place) as draft:
            draft.write_text(self.text, encoding="utf-8")
        return place

    def _repr_html_(self) -> str:
        return (
            f'<iframe sandbox="allow-scripts" style="width:100%;height:{FRAME_HEIGHT}px;border:0;border-radius:6px" '
            f'srcdoc="{html.escape(self.text)}"></iframe>'
        )

    def __repr__(self) -> str:
        return f"<Page of {len(self.text):,} characters; save(PATH) writes .html>"


def built(kind: str, title: str, data: dict[str, Any], *, assets: str | None = None) -> Page:
    """Return a page.

    The browser is told to run its own script alone, by that script's hash, and to fetch nothing. Data stand in it as
    JSON that no parser of HTML could take for markup.

    Args:
        kind: `map` or `heat`: what its script draws.
        title: of the page.
        data: JSON values for the script.
        assets: the address at which a server has `ASSETS`, and says itself what the page may do; None for a page that
            stands alone.
    """
    head, end = _alone(kind) if assets is None else _linked(kind, assets)
    parts = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        '<meta name="color-scheme" content="light dark">',
        f"<title>{html.escape(title)}</title>",
        f"{head}\n</head>\n<body>\n<main>",
        f"<h1>{html.escape(title)}</h1>",
        f"<noscript><p>{NO_SCRIPT}</p></noscript>",
        _asset(EMPTY[kind]) + "\n</main>",
        f'<script type="application/json" id="data">{inert(data)}</script>',
        f"{end}\n</body>\n</html>\n",
    )
    return Page("\n".join(parts))


def _alone(kind: str) -> tuple[str, str]:
    """Return style and script as they stand in a page that has them itself."""
    style, script = _asset("page.css"), _asset(f"{kind}.js")
    policy = f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; base-uri 'none'"
    told = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    return f"{told}\n<style>{style}</style>", f"<script>{script}</script>"


def _linked(kind: str, assets: str) -> tuple[str, str]:
    return f'<link rel="stylesheet" href="{assets}/page.css">', f'<script src="{assets}/{kind}.js"></script>'


def inert(value: Any) -> str:  # noqa: ANN401 - any JSON value
    """Return JSON without a sign that could begin a tag, an entity or a line in HTML or JavaScript."""
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


@cache
def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8").strip()


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
