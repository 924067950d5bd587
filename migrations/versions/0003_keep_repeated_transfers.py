"""keep repeated transfers side by side, and how an embedding differs on halves of its data.

Revision ID: 0003
Revises: 0002
Created: 2026-11-21 21:10:00

Rules: spell out columns and enum values here, import nothing from `registry`; only add (a release must be
able to read what the next one wrote); write the way down; raise SCHEMA in registry/catalog/database.py.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("embeddings", sa.Column("deviations", sa.LargeBinary(), nullable=True))
    with op.batch_alter_table("transfers", schema=None) as batch_op:
        batch_op.add_column(sa.Column("run", sa.String(length=128), server_default="", nullable=False))
        batch_op.add_column(sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.drop_constraint(batch_op.f("uq_transfers_model"), type_="unique")
        batch_op.create_unique_constraint(
            batch_op.f("uq_transfers_model"), ["model", "adaptation", "target", "source", "run"]
        )


def downgrade() -> None:
    op.execute(
        "DELETE FROM transfers WHERE id NOT IN"  # of several runs the newest stays
        " (SELECT max(id) FROM transfers GROUP BY model, adaptation, target, source)"
    )
    with op.batch_alter_table("transfers", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("uq_transfers_model"), type_="unique")
        batch_op.create_unique_constraint(batch_op.f("uq_transfers_model"), ["model", "adaptation", "target", "source"])
        batch_op.drop_column("recorded_at")
        batch_op.drop_column("run")

    with op.batch_alter_table("embeddings", schema=None) as batch_op:
        batch_op.drop_column("deviations")
