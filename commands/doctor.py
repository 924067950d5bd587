"""`fute doctor`, `path` and `config`: what there is, where it is, and where that is said; for reports of bugs."""

import importlib.util
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from commands.output import QUIET, json_option, print_json, print_table, registry_of, table_options, tell
from registry.errors import first_line

if TYPE_CHECKING:
    from registry.results import Cell
    from registry.upkeep.checkup import Checkup

UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))
VARIABLES = {  # of the environment, that are read here or by what embeds, and what they set
    "FUTE_NO_PROGRESS": "no bars of progress",
    "NO_COLOR": "no colours",
    "COLUMNS": "the width of tables",
    "FUTE_MILVUS": "where the Milvus server of an index is",
    "OMP_NUM_THREADS": "how many threads compute",
    "XDG_DATA_HOME": "where indexes of a server's registry lie",
    "XDG_CACHE_HOME": "where features of corpora and models of 'evaluate unify' lie",
    "HF_HOME": "where models of the hub lie",
    "HF_ENDPOINT": "which hub is asked",
    "HF_HUB_OFFLINE": "whether the hub is left alone",
}


@click.command()
@json_option
@click.pass_context
def doctor(ctx: click.Context, *, as_json: bool) -> None:
    """Say what a report of a bug should say: versions, device, registry, database and index, and what is wrong.

    Nothing is changed, and no text of a task, a prompt or a key is shown. Exit code 1 where something is wrong.
    'fute verify' reads every row instead.
    """
    from registry.location import located
    from registry.upkeep.checkup import checkup

    found, device = checkup(located(ctx.obj)), _device()
    if as_json:
        print_json({**found.as_json(), "device": device})
    else:
        _tell(found, device)
    if found.problems:
        ctx.exit(1)


def _device() -> str | None:
    """Return what models would run on; None without torch."""
    if importlib.util.find_spec("torch") is None:
        return None
    try:
        from embedders.hardware.devices import described
    except ImportError as error:  # with little memory, or installed wrongly
        return f"none: torch cannot be loaded ({first_line(error)})"
    return described()


def _tell(found: "Checkup", device: str | None) -> None:
    place, database = found.place, found.database
    entries = ", ".join(f"{count:,} {kind}" for kind, count in database.get("entries", {}).items() if count)
    where = place["file_system"] or "unknown file system"
    software = database.get("software", database["kind"])
    lines: dict[str, Any] = {
        **found.program,
        "libraries": ", ".join(f"{name} {version}" for name, version in found.libraries.items()),
        "device": device or "none: torch is not installed",
        "registry": found.location,
        "folder": f"{place['folder']} ({where}, {_bytes(place['free_bytes'])} free)",
        "database": f"{software}, this release reads schema {database['schema_of_this_release']}",
        "entries": entries,
    }
    for name, text in lines.items():
        if text:
            tell(f"{name:<14} {text}")
    for name, space in found.spaces.items():
        current = " (current)" if space["current"] else ""
        counts = f"{space['vectors']:,} vectors of {space['dimension']}, index {_bytes(space['index_bytes'])}"
        tell(f"{'space':<14} {name}{current}: {space['method']}, {counts}")
    for problem in found.problems:
        tell(f"{'wrong':<14} {problem}")
    if not found.problems:
        tell("Nothing is wrong as far as can be seen without reading everything.")


def _bytes(count: int) -> str:
    return next((f"{count / size:.1f} {unit}" for size, unit in UNITS if count >= size), f"{count} bytes")


@click.command()
@click.pass_context
def path(ctx: click.Context) -> None:
    """Print the folder of the registry, and nothing else: for scripts."""
    tell(registry_of(ctx).folder.absolute())


@click.group()
def config() -> None:
    """The settings."""


@dataclass(frozen=True)
class Setting:
    """A setting, and who has made it."""

    name: str
    value: str | None
    origin: str
    meaning: str
    with_origin: bool

    def cells(self) -> "dict[str, Cell]":
        """Return the row of a table."""
        more: dict[str, Cell] = {"origin": self.origin} if self.with_origin else {}
        return {"setting": self.name, "value": self.value, **more, "meaning": self.meaning}


@config.command("show")
@click.option("--origin", "with_origin", is_flag=True, help="Say too where each comes from.")
@table_options
@click.pass_context
def show_config(ctx: click.Context, *, with_origin: bool, as_json: bool) -> None:
    """List the settings in force: options before the command, else variables of the environment, else the default.

    There is no file of settings. What belongs to a space is told by 'fute space show'.
    """
    from registry.location import ENVIRONMENT, located
    from registry.results import Table
    from registry.shown import NO_BARS, without_secrets

    is_quiet = bool(ctx.meta.get(QUIET))
    origin = "--registry" if ctx.obj is not None else f"${ENVIRONMENT}" if os.environ.get(ENVIRONMENT) else "default"
    settings = [Setting("registry", str(located(ctx.obj)), origin, "which registry", with_origin)]
    for name, meaning in VARIABLES.items():
        value = os.environ.get(name)
        told = None if value is None else without_secrets(value)
        origin = "default" if value is None else "--quiet" if is_quiet and name == NO_BARS else f"${name}"
        settings.append(Setting(name, told, origin, meaning, with_origin))
    if as_json:
        rows = [{"setting": one.name, "value": one.value, "origin": one.origin} for one in settings]
        print_json({"settings": rows})
        return
    print_table(Table(settings), empty="")


COMMANDS = (doctor, path, config)
