"""find names in any case of their letters, newer versions and failed jobs by an index.

Revision ID: 0008
Revises: 0007
Created: 2026-11-28 15:45:00

Rules: spell out columns and enum values here, import nothing from `registry`; only add (a release must be
able to read what the next one wrote); write the way down; raise SCHEMA in registry/catalog/database.py.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

AT_ONCE = 1_000  # rows
FOLDED = (
    ("entries", "name", "folded"),
    ("transfers", "target", "folded_target"),
    ("transfers", "source", "folded_source"),
)


def upgrade() -> None:
    for table, name, folded in FOLDED:
        op.add_column(table, sa.Column(folded, sa.String(length=260), nullable=True))
        _fold(table, name, folded)
        op.create_index(op.f(f"ix_{table}_{folded}"), table, [folded])
    op.create_index("ix_entries_kind_name", "entries", ["kind", "name"])
    op.drop_index(op.f("ix_entries_kind"), table_name="entries")
    op.create_index(op.f("ix_versions_number"), "versions", ["number"])
    op.create_index(op.f("ix_jobs_state"), "jobs", ["state"])
    op.create_index(op.f("ix_aliases_version_id"), "aliases", ["version_id"])  # a version that goes looks for them


def downgrade() -> None:
    op.drop_index(op.f("ix_aliases_version_id"), table_name="aliases")
    op.drop_index(op.f("ix_jobs_state"), table_name="jobs")
    op.drop_index(op.f("ix_versions_number"), table_name="versions")
    op.create_index(op.f("ix_entries_kind"), "entries", ["kind"])
    op.drop_index("ix_entries_kind_name", table_name="entries")
    for table, _, folded in reversed(FOLDED):
        op.drop_index(op.f(f"ix_{table}_{folded}"), table_name=table)
        op.drop_column(table, folded)


def _fold(table: str, name: str, folded: str) -> None:
    """Write each name in the one case that Python has for comparing; a database knows that of few letters."""
    rows = sa.table(table, sa.column("id", sa.Integer), sa.column(name, sa.String), sa.column(folded, sa.String))
    change = sa.update(rows).where(rows.c.id == sa.bindparam("row")).values({folded: sa.bindparam("said")})
    connection, last = op.get_bind(), 0
    query = sa.select(rows.c.id, rows.c[name]).order_by(rows.c.id).limit(AT_ONCE)
    while found := connection.execute(query.where(rows.c.id > last)).all():
        connection.execute(change, [{"row": row, "said": text.casefold()} for row, text in found])
        last = found[-1][0]
