"""What a fresh process loads: nothing heavy before it is needed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from loading import loaded_by_code, loaded_by_program
from tiny_cli import hand_made_space, put_vector, tiny_rows, write_rows

from registry import Registry
from registry.formats.tasks import read_task
from registry.spaces.facets import Facet, Facets
from registry.spaces.spec import SpaceSpec

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "transformers", "peft", "pandas", "matplotlib", "ray"}


# -- what a fresh process loads ----------------------------------------------------------------------


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry whose vectors were made by hand, so that no torch was needed to make it."""
    place = tmp_path_factory.mktemp("light")
    with Registry.create(place / "store") as registry:
        space = hand_made_space(registry, "by-hand")
        for number, name in enumerate(("film", "shop", "bank")):
            registry.add_task(name, read_task(str(write_rows(place / f"{name}.jsonl", tiny_rows(number)))))
            put_vector(registry, name, space, number)
        registry.refresh_index("by-hand")
    return place / "store"


def test_help_loads_neither_numpy_nor_the_database_nor_the_index(store: Path) -> None:
    loaded, text = loaded_by_program("--help", registry=store)

    assert "Commands:" in text
    assert "click" in loaded
    assert loaded & (HEAVY | {"numpy", "sqlalchemy", "alembic", "faiss", "rich", "tqdm"}) == set()


@pytest.mark.parametrize(
    "command", ["task", "model", "prompt", "corpus", "space", "embed", "nearest", "transfer", "demo", "serve", "mcp"]
)
def test_help_on_a_command_is_as_light(store: Path, command: str) -> None:
    loaded, _ = loaded_by_program(command, "--help", registry=store)

    assert loaded & (HEAVY | {"numpy", "sqlalchemy", "faiss", "fastapi"}) == set()


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("task", "list"), "classification"),
        (("task", "show", "film"), "film"),
        (("space", "list"), "by-hand"),
        (("status",), "by-hand"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else value,
)
def test_catalog_commands_load_neither_torch_nor_the_index(store: Path, arguments: tuple[str, ...], shown: str) -> None:
    loaded, text = loaded_by_program(*arguments, registry=store)

    assert shown in text
    assert "sqlalchemy" in loaded
    assert loaded & (HEAVY | {"faiss", "alembic", "jinja2", "yaml"}) == set()


def test_nearest_answers_without_torch(store: Path) -> None:
    loaded, text = loaded_by_program("nearest", "film", registry=store)

    assert "shop" in text
    assert "bank" in text
    assert "faiss" in loaded
    assert loaded & HEAVY == set()


def test_vectors_that_are_copied_from_another_space_need_no_torch(tmp_path: Path) -> None:
    """The two spaces differ in their corpus alone, and the surrogate is nowhere."""
    with Registry.create(tmp_path / "store") as registry:
        for name in ("one", "two"):
            spec = SpaceSpec("0" * 64, "nowhere", "mapemb", {"ridge": 0.01}, Facets([Facet("inputs", 8)]), name * 16)
            registry.add_space(name, spec, corpus=None)
        registry.add_task("film", read_task(str(write_rows(tmp_path / "film.jsonl", tiny_rows(0)))))
        put_vector(registry, "film", registry.catalog.spaces.get("one"), 0)

    loaded, text = loaded_by_program("embed", "film", "--space", "two", registry=tmp_path / "store")

    assert "embedded film" in text
    assert loaded & HEAVY == set()


def test_threads_sleep_while_they_wait_from_python_too() -> None:
    """The policy is set before torch can be loaded; a user's own stays."""
    code = (
        "import os, sys; from embedders import live_model; print(os.environ['OMP_WAIT_POLICY'], 'torch' in sys.modules)"
    )
    without = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    said = [
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=given, capture_output=True, text=True, check=True)
        for given in (without, {**without, "OMP_WAIT_POLICY": "ACTIVE"})
    ]

    assert [one.stdout for one in said] == ["PASSIVE False\n", "ACTIVE False\n"]


def test_the_package_loads_next_to_nothing() -> None:
    assert loaded_by_code("import registry") & (HEAVY | {"numpy", "sqlalchemy", "faiss"}) == set()


def test_a_notebook_gets_its_registry_without_torch_or_faiss() -> None:
    loaded = loaded_by_code("import registry; from registry import Registry")

    assert "sqlalchemy" in loaded
    assert loaded & (HEAVY | {"faiss"}) == set()


def test_embedders_load_torch_only_when_they_embed() -> None:
    loaded = loaded_by_code("import embedders; from embedders import create_space, embed, hf_model")

    assert "embedders" in loaded
    assert loaded & (HEAVY | {"faiss"}) == set()
