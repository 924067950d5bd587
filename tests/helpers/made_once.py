"""The tables of a new catalog: made by the migrations once in a process, and after that as those have left them.

That takes a tenth of the time. A catalog that has tables is migrated as always, and so is one in a server;
`test_migrations.py` migrates each, and holds that the tables are the same.
"""

from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

MIGRATE = command.upgrade
_made: list[str] = []


def statements_for(connection: Connection) -> list[str]:
    """Return what makes the tables that are there."""
    found = connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
    return [str(sql) for (sql,) in found]


def upgrade(config: Config, revision: str, **more: Any) -> None:  # noqa: ANN401 - whatever Alembic takes
    """Do what Alembic's command does."""
    connection: Connection | None = config.attributes.get("connection")
    if revision != "head" or connection is None or connection.dialect.name != "sqlite" or statements_for(connection):
        MIGRATE(config, revision, **more)
        return
    if _made:
        for statement in _made:
            connection.exec_driver_sql(statement)
        return
    MIGRATE(config, revision, **more)
    version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
    _made.extend((*statements_for(connection), f"INSERT INTO alembic_version VALUES ('{version}')"))  # noqa: S608


def tables_are_made_once() -> None:
    """Let every catalog that is made in this process have its tables so."""
    command.upgrade = upgrade
