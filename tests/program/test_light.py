"""What a fresh process loads: nothing heavy before it is needed."""

from pathlib import Path

import pytest
from loading import loaded_by_code, loaded_by_program
from tiny_cli import hand_made_space, put_vector, tiny_rows, write_rows

from registry import Registry
from registry.formats.tasks import read_task

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "transformers", "peft", "pandas", "matplotlib"}


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
    "command", ["task", "model", "prompt", "corpus", "space", "embed", "nearest", "transfer", "demo"]
)
def test_help_on_a_command_is_as_light(store: Path, command: str) -> None:
    loaded, _ = loaded_by_program(command, "--help", registry=store)

    assert loaded & (HEAVY | {"numpy", "sqlalchemy", "faiss"}) == set()


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
