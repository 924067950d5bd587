"""What may load what: nothing heavy before it is needed, arrows that run one way, and files of a readable size."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tiny_cli import FUTE, hand_made_space, put_vector, tiny_rows, write_rows

from registry import Registry
from registry.formats.tasks import read_task

ROOT = Path(__file__).parent.parent
HEAVY = {"torch", "transformers", "peft", "pandas", "matplotlib"}
MODULE_LINES, FUNCTION_LINES = 400, 50


# -- what a fresh process loads ----------------------------------------------------------------------


def loaded_by_program(*arguments: str, registry: Path) -> tuple[set[str], str]:
    """Run `fute` in a fresh interpreter; return the top-level modules it imported, and stdout."""
    result = subprocess.run(
        [sys.executable, "-X", "importtime", FUTE, *arguments],
        env={**os.environ, "FUTE_REGISTRY": str(registry)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    lines = [line.rsplit("|", 1) for line in result.stderr.splitlines() if line.startswith("import time:")]
    return {name.strip().split(".")[0] for _, name in lines}, result.stdout


def loaded_by_code(code: str) -> set[str]:
    """Run code in a fresh interpreter; return the top-level modules that are loaded at its end."""
    tell = "; import sys; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    result = subprocess.run(
        [sys.executable, "-c", code + tell], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    return set(result.stdout.split())


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


# -- who may import whom -----------------------------------------------------------------------------


def sources(*rooms: str) -> list[Path]:
    found = [
        path for room in rooms for path in ([ROOT / room] if room.endswith(".py") else (ROOT / room).rglob("*.py"))
    ]
    assert found, f"no source in {rooms}"
    return sorted(found)


def imported_by(path: Path) -> set[str]:
    """Return the top-level modules that a file imports anywhere, inside functions and for types too."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names.add((node.module or "").split(".")[0])
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            names |= {str(arg.value).split(".")[0] for arg in node.args if isinstance(arg, ast.Constant)}
    return names


def importers(of: str, *rooms: str) -> set[str]:
    return {str(path.relative_to(ROOT)) for path in sources(*rooms) if of in imported_by(path)}


@pytest.mark.parametrize("other", ["torch", "transformers", "peft", "click", "embedders", "commands", "cli"])
def test_the_registry_never_imports(other: str) -> None:
    assert importers(other, "registry") == set()


@pytest.mark.parametrize("other", ["sqlalchemy", "alembic", "faiss", "click", "commands", "cli"])
def test_the_embedders_never_import(other: str) -> None:
    assert importers(other, "embedders") == set()


@pytest.mark.parametrize("other", ["torch", "transformers", "peft", "sqlalchemy", "faiss", "cli"])
def test_the_commands_never_import(other: str) -> None:
    assert importers(other, "commands", "cli.py") == set()


def test_sqlalchemy_is_known_to_the_catalog_alone() -> None:
    allowed = {"registry/database.py", "registry/sqlite.py", "registry/tables.py"}

    using = importers("sqlalchemy", "registry", "embedders", "commands", "cli.py")

    assert {path for path in using if not path.startswith("registry/catalog/")} == allowed
    assert "registry/catalog/entries.py" in using


def test_faiss_is_known_to_the_index_and_its_snapshot_alone() -> None:
    using = {
        str(path.relative_to(ROOT))
        for path in sources("registry", "embedders", "commands", "cli.py")
        if "faiss" in imported_by(path) or "load_faiss" in path.read_text(encoding="utf-8")
    }

    assert using == {"registry/index.py", "registry/snapshot.py"}


def test_a_migration_imports_nothing_of_ours() -> None:
    ours = {"registry", "embedders", "commands", "cli"}

    assert [path.name for path in sources("migrations/versions") if imported_by(path) & ours] == []


# -- size --------------------------------------------------------------------------------------------

OURS = ("registry", "embedders", "commands", "cli.py")


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{path.relative_to(ROOT)} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def test_no_module_is_longer_than_can_be_read() -> None:
    lines = {str(path.relative_to(ROOT)): path.read_bytes().count(b"\n") for path in sources(*OURS)}

    assert {path: count for path, count in lines.items() if count > MODULE_LINES} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    lines = dict(length for path in sources(*OURS) for length in functions(path))

    assert len(lines) > 100
    assert {name: count for name, count in lines.items() if count > FUNCTION_LINES} == {}
