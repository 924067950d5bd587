"""The house: which way imports run, what each folder alone may know, and how big things get."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("registry", "embedders", "commands", "web")
MODULES, MODULE_LINES, FUNCTION_LINES = 12, 400, 50  # in a folder, in a module, in a function, at most

# From the top down: a folder imports those that stand below it, never one beside it in its line or above. The files
# that lie in `registry/` and `embedders/` themselves stand by name.
STOREYS = (
    ("cli",),
    ("commands.evaluate",),
    ("commands",),
    ("web.agents",),
    ("web",),
    ("embedders.evaluation.transfer", "embedders.evaluation.prompts", "embedders.evaluation.unify"),
    ("embedders.evaluation",),
    ("embedders",),
    ("embedders.jobs",),
    ("embedders.black_boxes",),
    ("embedders.spaces",),
    ("embedders.predictors.endpoint",),
    ("embedders.predictors.language",),
    ("embedders.predictors",),
    ("embedders.methods",),
    ("embedders.tuning", "embedders.fisher"),
    ("embedders.surrogate", "embedders.observed", "embedders.sketch"),
    ("embedders.hardware", "embedders.foreign"),
    ("embedders.errors",),
    ("registry", "registry.importing"),
    ("registry.exchange",),
    ("registry.registry",),
    ("registry.views", "registry.sources", "registry.bundles"),
    ("registry.choosing",),
    ("registry.ranking", "registry.prompts.importing"),
    ("registry.prompts",),
    ("registry.upkeep",),
    ("registry.packs",),
    ("registry.index",),
    ("registry.catalog.whole", "registry.catalog.incoming", "registry.catalog.browsing"),
    ("registry.catalog",),
    ("registry.catalog.engines", "registry.formats", "registry.estimates"),
    ("registry.reading",),
    ("registry.data", "registry.spaces"),
    ("registry.views.charts",),
    ("registry.files", "registry.names", "registry.location", "registry.metrics", "registry.results"),
    ("registry.kinds", "registry.errors", "registry.faults", "registry.resources", "registry.markup"),
    ("registry.shown",),
)
STOREY = {folder: number for number, folders in enumerate(STOREYS) for folder in folders}


def sources(*rooms: str) -> list[Path]:
    found = [
        path for room in rooms for path in ([ROOT / room] if room.endswith(".py") else (ROOT / room).rglob("*.py"))
    ]
    assert found, f"no source in {rooms}"
    return sorted(found)


@cache
def imported(path: Path) -> frozenset[str]:
    """Return the modules that a file imports anywhere: inside functions, for types, and by a name in a string."""
    return frozenset(named(path))


def named(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            module = node.module or ""
            for alias in node.names:
                inner = ROOT.joinpath(*module.split("."), alias.name)
                yield f"{module}.{alias.name}" if inner.is_dir() or inner.with_suffix(".py").exists() else module
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("import_module", "__import__")):
            yield from (str(argument.value) for argument in node.args if isinstance(argument, ast.Constant))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and is_module(node.value):
            yield node.value


def is_module(text: str) -> bool:
    """Say whether a text names a module of ours, as the tables of public names do."""
    parts = text.split(".")
    return len(parts) > 1 and parts[0] in ROOMS and ROOT.joinpath(*parts).with_suffix(".py").exists()


def storey_of(module: str) -> str:
    """Return the name by which a module stands in `STOREYS`: its folder, or itself in one of the two top folders."""
    parts = module.split(".")
    if ROOT.joinpath(*parts).is_dir() and not ROOT.joinpath(*parts).with_suffix(".py").exists():
        return module
    return module if len(parts) < 3 and parts[0] not in ("commands", "web") else ".".join(parts[:-1])


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def arrows() -> dict[str, set[str]]:
    """Return which folders import which."""
    found = defaultdict(set)
    for path in sources(*ROOMS, "cli.py"):
        here = storey_of(module_of(path))
        for module in imported(path):
            if module.split(".")[0] in ROOMS and storey_of(module) != here:
                found[here].add(storey_of(module))
    return dict(found)


def test_imports_run_downwards_only() -> None:
    found = arrows()
    print(*(f"{one} -> {', '.join(sorted(others))}" for one, others in sorted(found.items())), sep="\n")  # noqa: T201

    assert set(found) | {folder for others in found.values() for folder in others} <= set(STOREY), "a new folder"
    assert len(found) > 25
    upwards = [f"{one} -> {other}" for one, others in found.items() for other in others if STOREY[one] >= STOREY[other]]
    assert upwards == []


def test_no_modules_import_one_another_in_a_circle() -> None:
    known = {module_of(path): path for path in sources(*ROOMS, "cli.py")}
    found = {module: {other for other in imported(path) if other in known} - {module} for module, path in known.items()}
    assert len(found) > 300
    while ends := {module for module in found if not found[module]} | set(found) - set().union(*found.values()):
        found = {module: others - ends for module, others in found.items() if module not in ends}

    assert found == {}  # what is left imports one another, or lies between such


def test_every_folder_has_a_storey_and_every_storey_a_folder() -> None:
    assert {storey_of(module_of(path)) for path in sources(*ROOMS, "cli.py")} == set(STOREY)


def test_a_folder_holds_no_more_modules_than_can_be_kept_in_mind() -> None:
    counts: dict[str, int] = defaultdict(int)
    for path in sources("registry", "embedders", "web"):
        counts[str(path.parent.relative_to(ROOT))] += path.name != "__init__.py"

    assert {folder: count for folder, count in counts.items() if count > MODULES} == {}


def test_no_two_neighbours_have_almost_the_same_name() -> None:
    folders = {path.parent for path in sources(*ROOMS)}
    alike = []
    for folder in folders:
        names = sorted(
            {path.stem for path in folder.iterdir() if path.suffix == ".py" and path.stem != "__init__"}
            | {path.name for path in folder.iterdir() if (path / "__init__.py").exists()}
        )
        alike += [f"{folder.name}: {one}, {other}" for one, other in combinations(names, 2) if are_alike(one, other)]

    assert alike == []


def test_no_two_classes_have_almost_the_same_name() -> None:
    names: dict[str, list[str]] = defaultdict(list)
    for path in sources(*ROOMS):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                names[node.name.lstrip("_")].append(str(path.relative_to(ROOT)))
    alike = [(one, other) for one, other in combinations(sorted(names), 2) if are_alike(one.lower(), other.lower())]

    assert len(names) > 150
    assert {name: paths for name, paths in names.items() if len(paths) > 1} == {}
    assert alike == [("Facet", "Facets")]  # one of them, and the sequence of all


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        ("table", "tables", True),
        ("prompt", "prompting", True),
        ("prompted", "prompting", True),
        ("index", "indexes", True),
        ("child", "chile", True),
        ("tasks", "task_files", False),
        ("errors", "entries", False),
    ],
)
def test_names_are_alike_that_differ_by_a_letter_or_an_ending(one: str, other: str, *, alike: bool) -> None:
    assert are_alike(one, other) is alike


def are_alike(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) == len(longer):
        one_letter = sum(a != b for a, b in zip(one, other, strict=True)) == 1
    else:
        one_letter = len(longer) - len(shorter) == 1 and any(
            longer[:i] + longer[i + 1 :] == shorter for i in range(len(longer))
        )
    return one_letter or stem(one) == stem(other)


def stem(name: str) -> str:
    for ending in ("ings", "ing", "ed", "es", "ers", "er", "s"):
        if name.endswith(ending) and len(name) - len(ending) > 2:
            return name.removesuffix(ending)
    return name


# -- what only some may know -------------------------------------------------------------------------


def importers(of: str, *rooms: str) -> set[str]:
    tops = {path: {module.split(".")[0] for module in imported(path)} for path in sources(*rooms)}
    return {str(path.relative_to(ROOT)) for path, modules in tops.items() if of in modules}


@pytest.mark.parametrize("other", ["torch", "transformers", "peft", "click", "fastapi", "embedders", "commands", "cli"])
def test_the_registry_never_imports(other: str) -> None:
    assert importers(other, "registry") == set()


@pytest.mark.parametrize("other", ["sqlalchemy", "alembic", "faiss", "click", "commands", "cli"])
def test_the_embedders_never_import(other: str) -> None:
    assert importers(other, "embedders") == set()


@pytest.mark.parametrize("other", ["torch", "transformers", "peft", "sqlalchemy", "faiss", "cli"])
def test_the_commands_never_import(other: str) -> None:
    assert importers(other, "commands", "cli.py") == set()


@pytest.mark.parametrize("other", ["torch", "sqlalchemy", "faiss", "click", "embedders", "commands", "cli", "httpx2"])
def test_the_pages_never_import(other: str) -> None:
    assert importers(other, "web") == set()


@pytest.mark.parametrize("library", ["sqlalchemy", "alembic"])
def test_the_database_is_known_to_the_catalog_alone(library: str) -> None:
    using = importers(library, *ROOMS, "cli.py")

    assert using
    assert [path for path in using if not path.startswith("registry/catalog/")] == []


def test_sqlite_is_known_to_its_engine_alone() -> None:
    of_sqlite = {f"registry/catalog/engines/{name}.py" for name in ("sqlite", "checksums", "salvage")}

    assert importers("sqlite3", *ROOMS, "cli.py") == of_sqlite


def test_postgresql_is_known_to_its_engine_alone() -> None:
    assert importers("psycopg", *ROOMS, "cli.py") == {"registry/catalog/engines/postgresql.py"}


def test_faiss_is_known_to_its_index_alone() -> None:
    using = {
        str(path.relative_to(ROOT))
        for path in sources(*ROOMS, "cli.py")
        if "faiss" in {module.split(".")[0] for module in imported(path)} or "load_faiss" in path.read_text("utf-8")
    }

    assert using == {"registry/index/faiss_flat.py", "registry/index/faiss_compressed.py"}


@pytest.mark.parametrize("library", ["pymilvus", "grpc"])
def test_milvus_is_known_to_its_index_alone(library: str) -> None:
    assert importers(library, *ROOMS, "cli.py") == {"registry/index/milvus.py"}


def test_ray_is_known_to_its_launcher_alone() -> None:
    assert importers("ray", *ROOMS, "cli.py") == {"embedders/jobs/ray_launcher.py"}


def test_the_protocol_of_agents_is_known_to_its_server_alone() -> None:
    assert importers("mcp", *ROOMS, "cli.py") == {"web/agents/server.py"}


def test_a_migration_imports_nothing_of_ours() -> None:
    ours = {*ROOMS, "cli"}
    found = {path.name: {m.split(".")[0] for m in imported(path)} & ours for path in sources("migrations/versions")}

    assert {name: modules for name, modules in found.items() if modules} == {}


# -- size --------------------------------------------------------------------------------------------


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield the place and length of each function; its line tells methods of one name apart."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield (
                f"{path.relative_to(ROOT)}:{node.lineno} {node.name}",
                (node.end_lineno or node.lineno) - node.lineno + 1,
            )


def test_no_module_is_longer_than_can_be_read() -> None:
    lines = {str(path.relative_to(ROOT)): path.read_bytes().count(b"\n") for path in sources(*ROOMS, "cli.py")}

    assert {path: count for path, count in lines.items() if count > MODULE_LINES} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    lines = dict(length for path in sources(*ROOMS, "cli.py") for length in functions(path))

    assert len(lines) > 1000
    assert {name: count for name, count in lines.items() if count > FUNCTION_LINES} == {}


def test_commands_print_through_one_door() -> None:
    elsewhere = [path.name for path in sources("commands") if "click.echo(" in path.read_text(encoding="utf-8")]

    assert elsewhere == ["output.py"]  # where what a terminal would obey is written out
