"""Less to keep in order."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "abuse_report",
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("inbound_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.String(length=200), nullable=False),
        sa.Column("author", sa.String(length=254), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=True),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("say", sa.String(length=500), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_abuse_report_account_id")),
        sa.ForeignKeyConstraint(["asked_by"], ["user.id"], name=op.f("fk_abuse_report_asked_by")),
        sa.ForeignKeyConstraint(["inbound_id"], ["inbound.id"], name=op.f("fk_abuse_report_inbound_id")),
        sa.PrimaryKeyConstraint("inbound_id", name=op.f("pk_abuse_report")),
    )
    with op.batch_alter_table("abuse_report", schema=None) as batch_op:
        batch_op.create_index(
            "ix_abuse_report_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'asked'"),
            postgresql_where=sa.text("state = 'asked'"),
        )

    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_delivery_ask_id"))
        batch_op.drop_index(batch_op.f("ix_delivery_follows"))
        batch_op.drop_index(batch_op.f("ix_delivery_provider"))
        batch_op.create_index(
            "ix_delivery_filled_ask_id",
            ["ask_id"],
            unique=False,
            sqlite_where=sa.text("ask_id IS NOT NULL"),
            postgresql_where=sa.text("ask_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_delivery_filled_follows_id",
            ["follows_id"],
            unique=False,
            sqlite_where=sa.text("follows_id IS NOT NULL"),
            postgresql_where=sa.text("follows_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_delivery_filled_provider_id",
            ["through_id", "provider_id"],
            unique=False,
            sqlite_where=sa.text("provider_id IS NOT NULL"),
            postgresql_where=sa.text("provider_id IS NOT NULL"),
        )

    with op.batch_alter_table("inbound", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_inbound_folded_into"))
        batch_op.drop_index(batch_op.f("ix_inbound_incident"))
        batch_op.drop_index(batch_op.f("ix_inbound_settled"))
        batch_op.create_index(
            "ix_inbound_done",
            ["unit_id", "mode", "state", "settled_at"],
            unique=False,
            sqlite_where=sa.text("settled_at IS NOT NULL"),
            postgresql_where=sa.text("settled_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_inbound_erased",
            ["unit_id", "lane", "erased_at"],
            unique=False,
            sqlite_where=sa.text("erased_at IS NOT NULL"),
            postgresql_where=sa.text("erased_at IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_inbound_of_incident",
            ["incident_id", "at"],
            unique=False,
            sqlite_where=sa.text("incident_id IS NOT NULL"),
            postgresql_where=sa.text("incident_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_inbound_repeats",
            ["folded_into_id"],
            unique=False,
            sqlite_where=sa.text("folded_into_id IS NOT NULL"),
            postgresql_where=sa.text("folded_into_id IS NOT NULL"),
        )
