"""The documents as a site: `make site` links what it should, and fails where it should."""

import shutil
import subprocess
from pathlib import Path

import pytest
from typed_commands import ROOT
from waiting import LIMIT

BUILDER = ROOT / ".venv-site"
SOURCES = ("Makefile", "mkdocs.yml", "README.md", "CONTRIBUTING.md", "CHANGELOG.md")

pytestmark = pytest.mark.skipif(not (BUILDER / "ready").exists(), reason="needs mkdocs: `make site` installs it")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what the site is made of."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("__pycache__"))
    for name in SOURCES:
        shutil.copy2(ROOT / name, folder / name)
    (folder / BUILDER.name).symlink_to(BUILDER)
    return folder


def make_site(checkout: Path) -> tuple[int, str]:
    """Run `make site` with the environment that is there; return the exit code and what it said."""
    made = subprocess.run(
        ["make", "--old-file", f"{BUILDER.name}/ready", "site"],
        cwd=checkout,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    return made.returncode, made.stdout + made.stderr


def test_readme_and_tutorial_are_pages_and_links_lead_to_them(checkout: Path) -> None:
    code, said = make_site(checkout)

    assert code == 0, said
    site = checkout / "build" / "site"
    start = (site / "index.html").read_text()
    assert 'href="tutorial.html">A tutorial</a>' in start
    assert 'href="formats.html#bundles">format</a>' in start
    assert 'href="../tutorial.html">tutorial</a>' in (site / "guides" / "own-dataset.html").read_text()
    assert 'href="index.html#words">README</a>' in (site / "architecture.html").read_text()
    assert "best_prompt" in (site / "tutorial.html").read_text()
    assert not [*site.rglob("*.py"), *site.rglob("*.ipynb")]


@pytest.mark.parametrize(
    ("document", "text", "named"),
    [
        ("docs/web.md", "[gone](gone.md)", "gone.md"),
        ("docs/web.md", "[no such heading](methods.md#nowhere)", "#nowhere"),
        ("docs/guides/team.md", "[no such heading](../../README.md#nowhere)", "#nowhere"),
        ("README.md", "[gone](docs/gone.md)", "gone.md"),
        ("docs/web.md", '<img src="https://example.org/a.png">', "https://example.org/a.png"),
    ],
)
def test_a_page_that_leads_nowhere_or_loads_from_elsewhere_fails(
    checkout: Path, document: str, text: str, named: str
) -> None:
    with (checkout / document).open("a") as file:
        file.write(f"\n{text}\n")

    code, said = make_site(checkout)

    assert code != 0
    assert named in said


def test_a_page_that_the_navigation_leaves_out_fails(checkout: Path) -> None:
    (checkout / "docs" / "guides" / "forgotten.md").write_text("# Forgotten\n")

    code, said = make_site(checkout)

    assert code != 0
    assert "guides/forgotten.md" in said
