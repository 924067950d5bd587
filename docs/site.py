"""What the site adds to mkdocs: `make site`. README and the tutorial become pages, and every link holds in both places.

On the forge a document is read where it lies. On the site README.md is the first page, and the notebook is a page too;
links to them, and to folders, are turned as the pages are read. mkdocs.yml names this file as a hook.
"""

import json
import re
from pathlib import Path
from posixpath import dirname, normpath, relpath
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]
# Documents that lie elsewhere on the forge, by their path from the root of the repository.
MOVED = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "docs/notebooks/own_table.ipynb": "tutorial.md",
}
PYTHON = (  # what people use of the packages, in the order of a first use
    *("registry.registry.Registry", "registry.catalog.records.Filter", "embedders.spaces.create_space"),
    *("embedders.jobs.runs.embed", "embedders.jobs.runs.EmbedReport", "embedders.black_boxes.registering"),
    "embedders.black_boxes.recorded.recorded_model",
    *("embedders.black_boxes.live.live_model", "registry.ranking.matches.Match", "registry.ranking.matches.Ranking"),
    *("registry.ranking.matches.Comparison", "registry.spaces.spec.SpaceSpec"),
)
PLACES = {page: place for place, page in MOVED.items()}
LINK = re.compile(r"(?<=\]\()([^)#:\s]+)(?=[)#])")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LOADED = re.compile(r"""<(?:script|link|img|iframe|source)\b[^>]*?\b(?:src|href)=["']?((?:https?:)?//[^"'\s>]+)""")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the documents that lie outside docs/, and the notebook as a page."""
    for place, page in MOVED.items():
        path = ROOT / place
        text = path.read_text(encoding="utf-8")
        files.append(File.generated(config, page, content=notebook(text) if path.suffix == ".ipynb" else text))
    files.append(File.generated(config, "python.md", content=python()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn the links of a page from where it lies on the forge to where it lies on the site."""
    here = page.file.src_uri
    there = PLACES.get(here, f"docs/{here}")
    parts = FENCE.split(markdown)
    turned = [LINK.sub(lambda found: turn(found[1], dirname(there), dirname(here)), part) for part in parts]
    fences = [*FENCE.findall(markdown), ""]
    return "".join(text + fence for text, fence in zip(turned, fences, strict=True))


def turn(link: str, forge: str, site: str) -> str:
    """Return a link of a document in the folder `forge` of the repository, for the folder `site` of the site."""
    target = normpath(f"{forge}/{link}" if forge else link)
    return relpath(MOVED.get(target, target.removeprefix("docs/")), site or ".")


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse pages that load anything from elsewhere: the site is read without a network.

    Raises:
        PluginError: a page loads something from another server.
    """
    for path in sorted(Path(config.site_dir).rglob("*.html")):
        foreign = LOADED.findall(path.read_text(encoding="utf-8"))
        if foreign:
            raise PluginError(f"{path}: loads {', '.join(foreign)}")


def python() -> str:
    """Return the page of the Python names that people use, each with its docstring."""
    names = "\n\n".join(f"::: {name}" for name in PYTHON)
    return f"# Python\n\nWhat is used from Python: the same that the commands use.\n\n{names}\n"


def notebook(text: str) -> str:
    """Return a notebook as Markdown: its texts as they are, its code in blocks."""
    cells = json.loads(text)["cells"]
    return "\n\n".join(map(_cell, cells)) + "\n"


def _cell(cell: dict[str, Any]) -> str:
    source = "".join(cell["source"])
    return f"```python\n{source}\n```" if cell["cell_type"] == "code" else source
