"""Runs the migrations on the connection that `registry.catalog.database` hands over, or on FUTE_REGISTRY."""

import os
from pathlib import Path

from alembic import context
from sqlalchemy import Connection

from registry.catalog.engines.sqlite import SqliteEngine
from registry.catalog.tables import Base


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=True,  # SQLite cannot alter most things in place
        transactional_ddl=True,  # a kill in the middle of a revision must leave the old schema
        compare_type=True,
        version_table_schema=None if connection.dialect.name == "sqlite" else connection.dialect.default_schema_name,
    )
    with context.begin_transaction():
        context.run_migrations()


given: Connection | None = context.config.attributes.get("connection")
if given is not None:
    migrate(given)
else:  # `alembic` on the command line, by a developer
    engine = SqliteEngine(Path(os.environ["FUTE_REGISTRY"]))
    engine.make()
    with engine.writer.begin() as connection:
        migrate(connection)
        engine.seal(connection)
