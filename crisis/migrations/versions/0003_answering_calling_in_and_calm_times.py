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
        "link_test",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("planned_for", sa.Date(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("wished_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_link_test_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link_test")),
        sa.UniqueConstraint("unit_id", "planned_for", "number", name=op.f("uq_link_test_unit_id_planned_for_number")),
    )
    op.create_table(
        "rota_swap",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("rota_id", sa.Uuid(), nullable=False),
        sa.Column("giver_id", sa.Uuid(), nullable=False),
        sa.Column("taker_id", sa.Uuid(), nullable=False),
        sa.Column("starts", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends", sa.DateTime(timezone=True), nullable=False),
        sa.Column("back_starts", sa.DateTime(timezone=True), nullable=True),
        sa.Column("back_ends", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("offered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('offered', 'accepted', 'declined', 'withdrawn')", name=op.f("ck_rota_swap_state")
        ),
        sa.CheckConstraint("(back_starts IS NULL) = (back_ends IS NULL)", name=op.f("ck_rota_swap_back")),
        sa.ForeignKeyConstraint(["giver_id"], ["person.id"], name=op.f("fk_rota_swap_giver_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["rota_id"], ["rota.id"], name=op.f("fk_rota_swap_rota_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["taker_id"], ["person.id"], name=op.f("fk_rota_swap_taker_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rota_swap")),
    )
    with op.batch_alter_table("rota_swap", schema=None) as batch_op:
        batch_op.create_index("ix_rota_swap", ["rota_id", "state"], unique=False)

    op.create_table(
        "tested_way",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("test_id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("ok", sa.Boolean(), nullable=True),
        sa.Column("say", sa.String(length=500), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_tested_way_account_id")),
        sa.ForeignKeyConstraint(["test_id"], ["link_test.id"], name=op.f("fk_tested_way_test_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tested_way")),
        sa.UniqueConstraint("test_id", "account_id", name=op.f("uq_tested_way_test_id_account_id")),
    )
    with op.batch_alter_table("tested_way", schema=None) as batch_op:
        batch_op.create_index("ix_tested_way", ["account_id"], unique=False)

    op.create_table(
        "practice_plan",
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("playbook", sa.String(length=40), nullable=False),
        sa.Column("message", sa.String(length=40), nullable=False),
        sa.Column("groups", sa.JSON(), nullable=False),
        sa.Column("day", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(length=5), nullable=False),
        sa.Column("planned_by", sa.Uuid(), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("paused", sa.Boolean(), nullable=False),
        sa.CheckConstraint("day BETWEEN 1 AND 28", name=op.f("ck_practice_plan_day")),
        sa.ForeignKeyConstraint(["planned_by"], ["user.id"], name=op.f("fk_practice_plan_planned_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_practice_plan_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", name=op.f("pk_practice_plan")),
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
        "practice",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("planned_for", sa.Date(), nullable=False),
        sa.Column("call_out_id", sa.Uuid(), nullable=True),
        sa.Column("why_not", sa.String(length=300), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("figures", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_out_id"], ["call_out.id"], name=op.f("fk_practice_call_out_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_practice_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_practice")),
        sa.UniqueConstraint("unit_id", "planned_for", name=op.f("uq_practice_unit_id_planned_for")),
    )
    op.create_table(
        "address_code",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("destination_id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("address", sa.String(length=254), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_address_code_delivery_id")),
        sa.ForeignKeyConstraint(
            ["destination_id"], ["destination.id"], name=op.f("fk_address_code_destination_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_code")),
    )
    with op.batch_alter_table("address_code", schema=None) as batch_op:
        batch_op.create_index("ix_address_code", ["address", "sent_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_address_code_destination_id"), ["destination_id"], unique=False)

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

    op.create_table(
        "inbound_answer",
        sa.Column("broadcast_id", sa.Uuid(), nullable=False),
        sa.Column("inbound_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=60), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("came_back", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["broadcast_id"], ["broadcast.id"], name=op.f("fk_inbound_answer_broadcast_id")),
        sa.ForeignKeyConstraint(["inbound_id"], ["inbound.id"], name=op.f("fk_inbound_answer_inbound_id")),
        sa.PrimaryKeyConstraint("broadcast_id", name=op.f("pk_inbound_answer")),
    )
    with op.batch_alter_table("inbound_answer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inbound_answer_inbound_id"), ["inbound_id"], unique=False)
        batch_op.create_index(
            "ix_inbound_answer_open",
            ["broadcast_id"],
            unique=False,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    with op.batch_alter_table("answer", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_answer_inbound_id"))

    op.drop_table("answer")
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.add_column(sa.Column("bundled_with", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("bundled_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.create_index(
            "ix_alert_broadcast",
            ["broadcast_id"],
            unique=False,
            sqlite_where=sa.text("broadcast_id IS NOT NULL"),
            postgresql_where=sa.text("broadcast_id IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_alert_bundled_with"), ["bundled_with"], unique=False)

    with op.batch_alter_table("broadcast", schema=None) as batch_op:
        batch_op.add_column(sa.Column("rumour_id", sa.Uuid(), nullable=True))
        batch_op.create_index(batch_op.f("ix_broadcast_rumour_id"), ["rumour_id"], unique=False)

    with op.batch_alter_table("escalation", schema=None) as batch_op:
        batch_op.add_column(sa.Column("override_quiet", sa.Boolean(), server_default="1", nullable=False))

    with op.batch_alter_table("inbound", schema=None) as batch_op:
        batch_op.create_index(
            "ix_inbound_rumour",
            ["rumour_id"],
            unique=False,
            sqlite_where=sa.text("rumour_id IS NOT NULL"),
            postgresql_where=sa.text("rumour_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_inbound_thread",
            ["account_id", "in_reply_to"],
            unique=False,
            sqlite_where=sa.text("in_reply_to IS NOT NULL"),
            postgresql_where=sa.text("in_reply_to IS NOT NULL"),
        )

    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.add_column(sa.Column("pin_by", sa.Uuid(), nullable=True))

    with op.batch_alter_table("rumour", schema=None) as batch_op:
        batch_op.create_unique_constraint(batch_op.f("uq_rumour_id_mode"), ["id", "mode"])
        batch_op.drop_column("public")

    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.create_foreign_key(
            batch_op.f("fk_alert_bundled_with"), "alert", ["bundled_with"], ["id"], ondelete="SET NULL"
        )

    with op.batch_alter_table("broadcast", schema=None) as batch_op:
        batch_op.create_foreign_key(
            batch_op.f("fk_broadcast_rumour_id_mode"), "rumour", ["rumour_id", "mode"], ["id", "mode"]
        )

    with op.batch_alter_table("escalation", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_escalation_escalationpurpose"), type_="check")
        batch_op.create_check_constraint(
            batch_op.f("ck_escalation_escalationpurpose"), "purpose IN ('alert', 'call_out', 'approval')"
        )
