"""The databases that can hold a catalog, each in a file of its own."""

from registry.catalog.engines.contract import Engine, FileEngine
from registry.catalog.engines.postgresql import PostgresqlEngine
from registry.catalog.engines.salvage import LostRow, Salvaged
from registry.catalog.engines.sqlite import SqliteEngine
from registry.location import EngineKind, Location

__all__ = ["Engine", "FileEngine", "LostRow", "Salvaged", "engine_at"]


def engine_at(location: Location) -> Engine:
    """Return the engine that holds the catalog of a location."""
    match location.engine:
        case EngineKind.SQLITE:
            return SqliteEngine(location.folder)
        case EngineKind.POSTGRESQL:
            return PostgresqlEngine(location)
