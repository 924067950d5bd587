"""mark each change of a space's vectors, for a counter repeats itself once a backup is restored.

Revision ID: 0004
Revises: 0003
Created: 2026-11-22 08:00:00

Rules: spell out columns and enum values here, import nothing from `registry`; only add (a release must be
able to read what the next one wrote); write the way down; raise SCHEMA in registry/catalog/database.py.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("spaces", sa.Column("mark", sa.String(length=32), nullable=True))


def downgrade() -> None:
    op.drop_column("spaces", "mark")  # a batch would make the table anew, and the vectors go with the old one
