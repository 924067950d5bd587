"""keep what models wrote, from which their answers were read, and until when a job is held.

Revision ID: 0006
Revises: 0005
Created: 2026-11-28 12:00:00

Rules: spell out columns and enum values here, import nothing from `registry`; only add (a release must be
able to read what the next one wrote); write the way down; raise SCHEMA in registry/catalog/database.py.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("predictions", sa.Column("replies", sa.LargeBinary(), nullable=True))
    op.add_column("jobs", sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    op.drop_column("jobs", "lease_until")
    op.drop_column("predictions", "replies")
