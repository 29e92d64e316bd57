"""Answering, calling in and calm times."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "feed",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=False),
        sa.Column("etag", sa.String(length=200), nullable=False),
        sa.Column("modified", sa.String(length=200), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("say", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_feed_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed")),
        sa.UniqueConstraint("unit_id", "url", name=op.f("uq_feed_unit_id_url")),
    )
    op.create_table(
        "suggestion",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("feed_id", sa.Uuid(), nullable=False),
        sa.Column("entry", sa.String(length=64), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("text", sa.String(length=600), nullable=False),
        sa.Column("link", sa.String(length=500), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("found_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "used",
                "passed",
                name="suggestionstate",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("post_id", sa.Uuid(), nullable=True),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state != 'used' OR post_id IS NOT NULL", name=op.f("ck_suggestion_used_has_post")),
        sa.ForeignKeyConstraint(["decided_by"], ["user.id"], name=op.f("fk_suggestion_decided_by")),
        sa.ForeignKeyConstraint(["feed_id"], ["feed.id"], name=op.f("fk_suggestion_feed_id")),
        sa.ForeignKeyConstraint(["post_id"], ["planned_post.id"], name=op.f("fk_suggestion_post_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suggestion")),
        sa.UniqueConstraint("feed_id", "entry", name=op.f("uq_suggestion_feed_id_entry")),
    )
    with op.batch_alter_table("suggestion", schema=None) as batch_op:
        batch_op.create_index("ix_suggestion_waiting", ["state", "found_at"], unique=False)

    op.create_table(
        "hiding",
        sa.Column("inbound_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.String(length=200), nullable=False),
        sa.Column("author", sa.String(length=254), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=True),
        sa.Column("said_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("say", sa.String(length=500), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_hiding_account_id")),
        sa.ForeignKeyConstraint(["asked_by"], ["user.id"], name=op.f("fk_hiding_asked_by")),
        sa.ForeignKeyConstraint(["inbound_id"], ["inbound.id"], name=op.f("fk_hiding_inbound_id")),
        sa.PrimaryKeyConstraint("inbound_id", name=op.f("pk_hiding")),
    )
    with op.batch_alter_table("hiding", schema=None) as batch_op:
        batch_op.create_index(
            "ix_hiding_due",
            ["due_at"],
            unique=False,
            sqlite_where=sa.text("state = 'asked'"),
            postgresql_where=sa.text("state = 'asked'"),
        )

    with op.batch_alter_table("broadcast", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rumour_id", sa.Uuid(), nullable=True))
        batch_op.create_index(batch_op.f("ix_broadcast_rumour_id"), ["rumour_id"], unique=False)

    with op.batch_alter_table("inbound", schema=None) as batch_op:
        batch_op.create_index(
            "ix_inbound_rumour",
            ["rumour_id"],
            unique=False,
            sqlite_where=sa.text("rumour_id IS NOT NULL"),
            postgresql_where=sa.text("rumour_id IS NOT NULL"),
        )

    with op.batch_alter_table("rumour", schema=None) as batch_op:
        batch_op.create_unique_constraint(batch_op.f("uq_rumour_id_mode"), ["id", "mode"])
        batch_op.drop_column("public")

    with op.batch_alter_table("broadcast", schema=None) as batch_op:
        batch_op.create_foreign_key(
            batch_op.f("fk_broadcast_rumour_id_mode"), "rumour", ["rumour_id", "mode"], ["id", "mode"]
        )
