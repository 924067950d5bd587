"""Rows that a test has changed behind the program's back, made to look as if the program had written them."""

from pathlib import Path

from registry.catalog.engines.sqlite import SqliteEngine


def seal(folder: Path) -> None:
    """Write the checksums of a registry's rows and tables as they are now."""
    engine = SqliteEngine(folder)
    with engine.writer.begin() as connection:
        engine.seal(connection)
    engine.writer.dispose()
