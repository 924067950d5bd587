"""keep each space's centre and the changes of its vectors, why an input was not answered, and ids for good.

Revision ID: 0005
Revises: 0004
Created: 2026-11-28 01:40:00

Rules: spell out columns and enum values here, import nothing from `registry`; only add (a release must be
able to read what the next one wrote); write the way down; raise SCHEMA in registry/catalog/database.py.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("spaces", sa.Column("epoch", sa.Integer(), server_default="0", nullable=False))
    op.add_column("spaces", sa.Column("centre", sa.LargeBinary(), nullable=True))
    op.add_column("spaces", sa.Column("centred_on", sa.Integer(), nullable=True))
    op.add_column("spaces", sa.Column("tasks_at_most", sa.Integer(), server_default="0", nullable=False))
    op.execute(
        "UPDATE spaces SET tasks_at_most = (SELECT count(*) FROM embeddings JOIN versions"
        " ON versions.id = embeddings.version_id JOIN entries ON entries.id = versions.entry_id"
        " WHERE embeddings.space_id = spaces.id AND entries.kind = 'task')"
    )
    op.create_table(
        "vector_changes",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("space_id", sa.Integer(), nullable=False),
        sa.Column("mark", sa.String(length=32), nullable=False),
        sa.Column("embedding_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["space_id"], ["spaces.id"], name=op.f("fk_vector_changes_space_id_spaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vector_changes")),
    )
    op.create_index("ix_vector_changes_space_id_mark", "vector_changes", ["space_id", "mark"])
    op.add_column("state", sa.Column("last_ids", sa.JSON(), nullable=True))
    op.add_column("predictions", sa.Column("unanswered", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("predictions", "unanswered")  # a batch would make the table anew
    op.drop_column("state", "last_ids")
    op.drop_index("ix_vector_changes_space_id_mark", "vector_changes")
    op.drop_table("vector_changes")
    for column in ("tasks_at_most", "centred_on", "centre", "epoch"):
        op.drop_column("spaces", column)
