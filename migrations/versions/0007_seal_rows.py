"""keep a checksum of every row, and of the tables themselves.

Revision ID: 0007
Revises: 0006
Created: 2026-11-28 12:15:00

Rules: spell out columns and enum values here, import nothing from `registry`; only add (a release must be
able to read what the next one wrote); write the way down; raise SCHEMA in registry/catalog/database.py.

The checksums are written when all revisions are done, by `registry.catalog.database`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = (
    *("state", "entries", "tags", "versions", "aliases", "contents", "version_contents", "spaces"),
    *("vector_changes", "embeddings", "predictions", "jobs", "transfers"),
)


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("checksum", sa.Integer(), nullable=True))
    op.add_column("state", sa.Column("layout", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("state", "layout")
    for table in TABLES:
        op.drop_column(table, "checksum")
