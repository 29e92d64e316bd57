"""Every channel, listening and calling."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "listening_count",
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("what", sa.String(length=20), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("account", "what", name=op.f("pk_listening_count")),
    )
    op.create_table(
        "seen_call",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_seen_call")),
    )
    with op.batch_alter_table("seen_call", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_seen_call_at"), ["at"], unique=False)

    op.create_table(
        "escalation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column(
            "purpose",
            sa.Enum(
                "alert", "call_out", name="escalationpurpose", native_enum=False, create_constraint=True, length=20
            ),
            nullable=False,
        ),
        sa.Column("repeats", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_escalation_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation")),
        sa.UniqueConstraint("unit_id", "key", name=op.f("uq_escalation_unit_id_key")),
    )
    op.create_table(
        "inbound_count",
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column(
            "mode",
            sa.Enum("live", "drill", name="mode", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column(
            "lane",
            sa.Enum(
                "danger",
                "next_of_kin",
                "press",
                "rumour",
                "question",
                "offer",
                "complaint",
                "thanks",
                "noise",
                name="lane",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("minute", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_inbound_count_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "mode", "channel", "lane", "minute", name=op.f("pk_inbound_count")),
    )
    with op.batch_alter_table("inbound_count", schema=None) as batch_op:
        batch_op.create_index("ix_inbound_count_minute", ["minute"], unique=False)

    op.create_table(
        "rota",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("zone", sa.String(length=40), nullable=False),
        sa.Column("every", sa.String(length=4), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("handover", sa.String(length=5), nullable=False),
        sa.Column("begins", sa.Date(), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("feed_token", sa.String(length=64), nullable=True),
        sa.CheckConstraint("every IN ('day', 'week')", name=op.f("ck_rota_every")),
        sa.CheckConstraint("length > 0", name=op.f("ck_rota_length")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_rota_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rota")),
        sa.UniqueConstraint("unit_id", "key", name=op.f("uq_rota_unit_id_key")),
    )
    op.create_table(
        "spike",
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column(
            "mode",
            sa.Enum("live", "drill", name="mode", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("usual", sa.Double(), nullable=False),
        sa.Column("loud", sa.Boolean(), nullable=False),
        sa.Column("rising", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_spike_unit_id")),
        sa.PrimaryKeyConstraint("unit_id", "mode", name=op.f("pk_spike")),
    )
    op.create_table(
        "absence",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("starts", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_absence_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_absence")),
    )
    with op.batch_alter_table("absence", schema=None) as batch_op:
        batch_op.create_index("ix_absence_person", ["person_id", "ends"], unique=False)

    op.create_table(
        "account_note",
        sa.Column("account", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("written_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["account"], ["account.key"], name=op.f("fk_account_note_account")),
        sa.PrimaryKeyConstraint("account", "name", name=op.f("pk_account_note")),
    )
    with op.batch_alter_table("account_note", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_account_note_until"), ["until"], unique=False)

    op.create_table(
        "escalation_step",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("escalation_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("rota_id", sa.Uuid(), nullable=True),
        sa.Column("group_id", sa.Uuid(), nullable=True),
        sa.Column("ways", sa.JSON(), nullable=False),
        sa.Column("wait_seconds", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "(CASE WHEN person_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN rota_id IS NULL THEN 0 ELSE 1 END) + (CASE WHEN group_id IS NULL THEN 0 ELSE 1 END) = 1",
            name=op.f("ck_escalation_step_one_target"),
        ),
        sa.ForeignKeyConstraint(
            ["escalation_id"], ["escalation.id"], name=op.f("fk_escalation_step_escalation_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["group_id"], ["group.id"], name=op.f("fk_escalation_step_group_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_escalation_step_person_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["rota_id"], ["rota.id"], name=op.f("fk_escalation_step_rota_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation_step")),
        sa.UniqueConstraint("escalation_id", "position", name=op.f("uq_escalation_step_escalation_id_position")),
    )
    op.create_table(
        "rota_turn",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("rota_id", sa.Uuid(), nullable=False),
        sa.Column("holiday", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_rota_turn_person_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["rota_id"], ["rota.id"], name=op.f("fk_rota_turn_rota_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rota_turn")),
        sa.UniqueConstraint("rota_id", "holiday", "position", name=op.f("uq_rota_turn_rota_id_holiday_position")),
    )
    op.create_table(
        "rota_warning",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("rota_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("starts", sa.DateTime(timezone=True), nullable=False),
        sa.Column("near", sa.Boolean(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["rota_id"], ["rota.id"], name=op.f("fk_rota_warning_rota_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rota_warning")),
        sa.UniqueConstraint("rota_id", "kind", "starts", "near", name=op.f("uq_rota_warning_rota_id_kind_starts_near")),
    )
    op.create_table(
        "shard",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("lease_owner", sa.String(length=80), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("free_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_shard_account_id")),
        sa.PrimaryKeyConstraint("account_id", "number", name=op.f("pk_shard")),
    )
    op.create_table(
        "media_item",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("content_type", sa.String(length=40), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("alt", sa.JSON(), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("source", sa.String(length=300), nullable=False),
        sa.Column("licence", sa.String(length=200), nullable=False),
        sa.Column("rights_by", sa.Uuid(), nullable=True),
        sa.Column("rights_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("consent", sa.String(length=10), nullable=False),
        sa.Column("consent_by", sa.Uuid(), nullable=True),
        sa.Column("consent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("added_by", sa.Uuid(), nullable=True),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_reason", sa.String(length=500), nullable=False),
        sa.CheckConstraint("kind IN ('picture', 'film')", name=op.f("ck_media_item_kind_known")),
        sa.ForeignKeyConstraint(["added_by"], ["user.id"], name=op.f("fk_media_item_added_by")),
        sa.ForeignKeyConstraint(["consent_by"], ["user.id"], name=op.f("fk_media_item_consent_by")),
        sa.ForeignKeyConstraint(["rights_by"], ["user.id"], name=op.f("fk_media_item_rights_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_media_item_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_media_item")),
        sa.UniqueConstraint("unit_id", "key", name=op.f("uq_media_item_unit_id_key")),
        sa.UniqueConstraint("unit_id", "sha256", name=op.f("uq_media_item_unit_id_sha256")),
    )
    op.create_table(
        "rota_change",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("rota_id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=True),
        sa.Column("starts", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=200), nullable=False),
        sa.Column("made_by", sa.Uuid(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["made_by"], ["user.id"], name=op.f("fk_rota_change_made_by")),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_rota_change_person_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["rota_id"], ["rota.id"], name=op.f("fk_rota_change_rota_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rota_change")),
    )
    with op.batch_alter_table("rota_change", schema=None) as batch_op:
        batch_op.create_index("ix_rota_change", ["rota_id", "ends"], unique=False)

    op.create_table(
        "saved_view",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("filters", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_saved_view_unit_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_saved_view_user_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
        sa.UniqueConstraint("user_id", "unit_id", "name", name=op.f("uq_saved_view_user_id_unit_id_name")),
    )
    op.create_table(
        "planned_post",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("texts", sa.JSON(), nullable=False),
        sa.Column("own", sa.JSON(), nullable=False),
        sa.Column("link", sa.String(length=500), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("accounts", sa.JSON(), nullable=False),
        sa.Column("media", sa.JSON(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "planned",
                "approved",
                "paused",
                "released",
                "cancelled",
                name="plannedstate",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("pause_reason", sa.String(length=500), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("paused_by", sa.Uuid(), nullable=True),
        sa.Column("created_by", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_by", sa.Uuid(), nullable=True),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "at IS NOT NULL OR state IN ('draft', 'cancelled')", name=op.f("ck_planned_post_planned_has_time")
        ),
        sa.CheckConstraint("state != 'paused' OR pause_reason != ''", name=op.f("ck_planned_post_paused_has_reason")),
        sa.ForeignKeyConstraint(["changed_by"], ["user.id"], name=op.f("fk_planned_post_changed_by")),
        sa.ForeignKeyConstraint(["created_by"], ["user.id"], name=op.f("fk_planned_post_created_by")),
        sa.ForeignKeyConstraint(["paused_by"], ["incident.id"], name=op.f("fk_planned_post_paused_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_planned_post_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_planned_post")),
    )
    with op.batch_alter_table("planned_post", schema=None) as batch_op:
        batch_op.create_index("ix_planned_post_due", ["state", "at"], unique=False)
        batch_op.create_index("ix_planned_post_unit", ["unit_id", "at"], unique=False)

    op.create_table(
        "rumour",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column(
            "mode",
            sa.Enum("live", "drill", name="mode", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("claim", sa.String(length=300), nullable=False),
        sa.Column("verdict", sa.String(length=10), nullable=False),
        sa.Column("source", sa.String(length=300), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("decided_by", sa.Uuid(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["decided_by"], ["user.id"], name=op.f("fk_rumour_decided_by")),
        sa.ForeignKeyConstraint(
            ["incident_id", "mode"], ["incident.id", "incident.mode"], name=op.f("fk_rumour_incident_id_mode")
        ),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_rumour_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rumour")),
    )
    with op.batch_alter_table("rumour", schema=None) as batch_op:
        batch_op.create_index("ix_rumour_incident", ["incident_id"], unique=False)

    op.create_table(
        "alert",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column(
            "mode",
            sa.Enum("live", "drill", name="mode", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("incident_id", sa.Uuid(), nullable=True),
        sa.Column("broadcast_id", sa.Uuid(), nullable=True),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("title", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=60), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "taken",
                "exhausted",
                "closed",
                name="alertstate",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opened_again", sa.Integer(), nullable=False),
        sa.Column("taken_by", sa.Uuid(), nullable=True),
        sa.Column("taken_name", sa.String(length=80), nullable=False),
        sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(length=200), nullable=False),
        sa.Column("escalation_id", sa.Uuid(), nullable=True),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("climbed", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["broadcast_id"], ["broadcast.id"], name=op.f("fk_alert_broadcast_id")),
        sa.ForeignKeyConstraint(
            ["escalation_id"], ["escalation.id"], name=op.f("fk_alert_escalation_id"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["incident_id", "mode"], ["incident.id", "incident.mode"], name=op.f("fk_alert_incident_id_mode")
        ),
        sa.ForeignKeyConstraint(["taken_by"], ["person.id"], name=op.f("fk_alert_taken_by"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_alert_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sa.UniqueConstraint("id", "mode", name=op.f("uq_alert_id_mode")),
    )
    with op.batch_alter_table("alert", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_alert_due_at"), ["due_at"], unique=False)
        batch_op.create_index("ix_alert_unit", ["unit_id", "state", "opened_at"], unique=False)
        batch_op.create_index(
            "uq_alert_open",
            ["unit_id", "mode", "key"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "broadcast_media",
        sa.Column("broadcast_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["broadcast_id"], ["broadcast.id"], name=op.f("fk_broadcast_media_broadcast_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["item_id"], ["media_item.id"], name=op.f("fk_broadcast_media_item_id")),
        sa.PrimaryKeyConstraint("broadcast_id", "item_id", name=op.f("pk_broadcast_media")),
    )
    op.create_table(
        "call_out",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("unit_id", sa.Uuid(), nullable=False),
        sa.Column("incident_id", sa.Uuid(), nullable=False),
        sa.Column(
            "mode",
            sa.Enum("live", "drill", name="mode", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("broadcast_id", sa.Uuid(), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("site", sa.String(length=80), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "planned",
                "open",
                "filled",
                "exhausted",
                "closed",
                name="calloutstate",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("ways", sa.JSON(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("again_seconds", sa.Integer(), nullable=False),
        sa.Column("surplus", sa.Integer(), nullable=False),
        sa.Column("widen_seconds", sa.Integer(), nullable=False),
        sa.Column("override_quiet", sa.Boolean(), nullable=False),
        sa.Column("needs_pin", sa.Boolean(), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opened_by", sa.Uuid(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("end_reason", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(["broadcast_id"], ["broadcast.id"], name=op.f("fk_call_out_broadcast_id")),
        sa.ForeignKeyConstraint(
            ["incident_id", "mode"], ["incident.id", "incident.mode"], name=op.f("fk_call_out_incident_id_mode")
        ),
        sa.ForeignKeyConstraint(["opened_by"], ["user.id"], name=op.f("fk_call_out_opened_by")),
        sa.ForeignKeyConstraint(["unit_id"], ["unit.id"], name=op.f("fk_call_out_unit_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_call_out")),
        sa.UniqueConstraint("id", "mode", name=op.f("uq_call_out_id_mode")),
    )
    with op.batch_alter_table("call_out", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_call_out_due_at"), ["due_at"], unique=False)
        batch_op.create_index("ix_call_out_incident", ["incident_id"], unique=False)

    op.create_table(
        "frozen_media",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("text_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("content_type", sa.String(length=40), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("alt", sa.Text(), nullable=False),
        sa.Column("token", sa.String(length=43), nullable=False),
        sa.ForeignKeyConstraint(["item_id"], ["media_item.id"], name=op.f("fk_frozen_media_item_id")),
        sa.ForeignKeyConstraint(
            ["text_id"], ["broadcast_text.id"], name=op.f("fk_frozen_media_text_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_frozen_media")),
        sa.UniqueConstraint("text_id", "position", name=op.f("uq_frozen_media_text_id_position")),
        sa.UniqueConstraint("token", name=op.f("uq_frozen_media_token")),
    )
    with op.batch_alter_table("frozen_media", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_frozen_media_item_id"), ["item_id"], unique=False)

    op.create_table(
        "need",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("call_out_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("skill", sa.String(length=60), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("by", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["call_out_id"], ["call_out.id"], name=op.f("fk_need_call_out_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_need")),
        sa.UniqueConstraint("call_out_id", "position", name=op.f("uq_need_call_out_id_position")),
    )
    op.create_table(
        "ask",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("call_out_id", sa.Uuid(), nullable=True),
        sa.Column("alert_id", sa.Uuid(), nullable=True),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("need_id", sa.Uuid(), nullable=True),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "ringing",
                "yes",
                "no",
                "no_answer",
                "busy",
                "voicemail",
                "unreachable",
                "spared",
                name="askstate",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("why", sa.String(length=200), nullable=False),
        sa.Column("reserve", sa.Boolean(), nullable=False),
        sa.Column("unclear", sa.Boolean(), nullable=False),
        sa.Column("arrives_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("way", sa.String(length=20), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("token_hash", sa.String(length=64), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], name=op.f("fk_ask_alert_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["call_out_id"], ["call_out.id"], name=op.f("fk_ask_call_out_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["need_id"], ["need.id"], name=op.f("fk_ask_need_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_ask_person_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ask")),
        sa.UniqueConstraint("call_out_id", "person_id", name=op.f("uq_ask_call_out_id_person_id")),
    )
    with op.batch_alter_table("ask", schema=None) as batch_op:
        batch_op.create_index("ix_ask_alert", ["alert_id", "person_id"], unique=False)
        batch_op.create_index("ix_ask_call_out", ["call_out_id", "state", "position"], unique=False)
        batch_op.create_index("ix_ask_due", ["due_at"], unique=False)
        batch_op.create_index("ix_ask_token", ["token_hash"], unique=True)

    op.create_table(
        "reply",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("ask_id", sa.Uuid(), nullable=False),
        sa.Column("way", sa.String(length=20), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=False),
        sa.Column("word", sa.String(length=10), nullable=False),
        sa.Column("minutes", sa.Integer(), nullable=True),
        sa.Column("raw", sa.String(length=500), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["ask_id"], ["ask.id"], name=op.f("fk_reply_ask_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reply")),
        sa.UniqueConstraint("ask_id", "reference", name=op.f("uq_reply_ask_id_reference")),
    )
    op.create_table(
        "removal",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("after_id", sa.Uuid(), nullable=True),
        sa.Column(
            "mode",
            sa.Enum("live", "drill", name="mode", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("through_id", sa.Uuid(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "queued",
                "deleting",
                "gone",
                "failed",
                "uncertain",
                "cancelled",
                name="removalstate",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("asked_by", sa.Uuid(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("code", sa.String(length=60), nullable=False),
        sa.Column("say", sa.String(length=500), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["after_id"], ["delivery.id"], name=op.f("fk_removal_after_id")),
        sa.ForeignKeyConstraint(["asked_by"], ["user.id"], name=op.f("fk_removal_asked_by")),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_removal_delivery_id")),
        sa.ForeignKeyConstraint(
            ["through_id", "mode"], ["account.id", "account.mode"], name=op.f("fk_removal_through_id_mode")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_removal")),
        sa.UniqueConstraint("delivery_id", name=op.f("uq_removal_delivery_id")),
    )
    with op.batch_alter_table("removal", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_removal_after_id"), ["after_id"], unique=False)
        batch_op.create_index(
            "ix_removal_queue",
            ["through_id", "due_at"],
            unique=False,
            sqlite_where=sa.text("state IN ('queued', 'deleting', 'uncertain')"),
            postgresql_where=sa.text("state IN ('queued', 'deleting', 'uncertain')"),
        )

    op.create_table(
        "shown_post",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("provider_id", sa.String(length=200), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=True),
        sa.Column(
            "word",
            sa.Enum(
                "present",
                "missing",
                "changed",
                "stranger",
                "still_there",
                name="standing",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("url", sa.String(length=500), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("was_shown", sa.Boolean(), nullable=False),
        sa.Column("accepted_by", sa.Uuid(), nullable=True),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["accepted_by"], ["user.id"], name=op.f("fk_shown_post_accepted_by")),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_shown_post_account_id")),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_shown_post_delivery_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shown_post")),
        sa.UniqueConstraint("account_id", "provider_id", name=op.f("uq_shown_post_account_id_provider_id")),
    )
    op.create_table(
        "answer",
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("inbound_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["delivery.id"], name=op.f("fk_answer_delivery_id")),
        sa.ForeignKeyConstraint(["inbound_id"], ["inbound.id"], name=op.f("fk_answer_inbound_id")),
        sa.PrimaryKeyConstraint("delivery_id", name=op.f("pk_answer")),
    )
    with op.batch_alter_table("answer", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_answer_inbound_id"), ["inbound_id"], unique=False)

    op.create_table(
        "hand_over",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("inbound_id", sa.Uuid(), nullable=False),
        sa.Column("to", sa.String(length=60), nullable=False),
        sa.Column("taken_by", sa.String(length=120), nullable=False),
        sa.Column("note", sa.String(length=500), nullable=False),
        sa.Column("by", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["by"], ["user.id"], name=op.f("fk_hand_over_by")),
        sa.ForeignKeyConstraint(["inbound_id"], ["inbound.id"], name=op.f("fk_hand_over_inbound_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hand_over")),
    )
    with op.batch_alter_table("hand_over", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hand_over_inbound_id"), ["inbound_id"], unique=False)

    op.create_table(
        "inbound_band",
        sa.Column("band", sa.BigInteger(), nullable=False),
        sa.Column("inbound_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["inbound_id"], ["inbound.id"], name=op.f("fk_inbound_band_inbound_id")),
        sa.PrimaryKeyConstraint("band", "inbound_id", name=op.f("pk_inbound_band")),
    )
    with op.batch_alter_table("inbound_band", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_inbound_band_inbound_id"), ["inbound_id"], unique=False)

    with op.batch_alter_table("account", schema=None) as batch_op:
        batch_op.add_column(sa.Column("fallback_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("troubled_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("well_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("over_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("back_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("over_reason", sa.String(length=500), server_default="", nullable=False))
        batch_op.add_column(sa.Column("over_by", sa.String(length=80), server_default="", nullable=False))
        batch_op.add_column(sa.Column("looked_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("look_asked_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("look_say", sa.String(length=500), server_default="", nullable=False))
        batch_op.add_column(sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("expiry_told", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("budget_used", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("budget_limit", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("budget_what", sa.String(length=40), server_default="", nullable=False))
        batch_op.add_column(sa.Column("budget_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.alter_column("cursor", existing_type=sa.VARCHAR(length=200), type_=sa.Text(), existing_nullable=True)
        batch_op.create_foreign_key(
            batch_op.f("fk_account_fallback_id_mode"), "account", ["fallback_id", "mode"], ["id", "mode"]
        )

    with op.batch_alter_table("broadcast", schema=None) as batch_op:
        batch_op.add_column(sa.Column("planned_post_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("manners", sa.JSON(), nullable=True))
        batch_op.create_index(batch_op.f("ix_broadcast_planned_post_id"), ["planned_post_id"], unique=False)
        batch_op.create_foreign_key(
            batch_op.f("fk_broadcast_planned_post_id"), "planned_post", ["planned_post_id"], ["id"]
        )

    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.add_column(sa.Column("through_id", sa.Uuid(), nullable=True))
        batch_op.add_column(
            sa.Column(
                "manner",
                sa.Enum(
                    "under", "in_place", "apart", name="manner", native_enum=False, create_constraint=True, length=20
                ),
                nullable=True,
            )
        )
        batch_op.add_column(sa.Column("round", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("ask_id", sa.Uuid(), nullable=True))
        batch_op.drop_constraint(batch_op.f("uq_delivery_broadcast_id_account_id_address_language"), type_="unique")
        batch_op.drop_index(batch_op.f("ix_delivery_address"))
        batch_op.create_index("ix_delivery_address", ["through_id", "address"], unique=False)
        batch_op.drop_index(batch_op.f("ix_delivery_provider"))
        batch_op.create_index("ix_delivery_provider", ["through_id", "provider_id"], unique=False)
        batch_op.drop_index(batch_op.f("ix_delivery_queue"), sqlite_where=sa.text("state = 'queued'"))
        batch_op.create_index(
            "ix_delivery_queue",
            ["through_id", "priority", "due_at", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'queued'"),
            postgresql_where=sa.text("state = 'queued'"),
        )
        batch_op.create_index(batch_op.f("ix_delivery_ask_id"), ["ask_id"], unique=False)
        batch_op.create_unique_constraint(
            batch_op.f("uq_delivery_broadcast_id_account_id_address_language_round"),
            ["broadcast_id", "account_id", "address", "language", "round"],
        )
        batch_op.create_foreign_key(batch_op.f("fk_delivery_ask_id"), "ask", ["ask_id"], ["id"], ondelete="SET NULL")
        batch_op.create_foreign_key(
            batch_op.f("fk_delivery_through_id_mode"), "account", ["through_id", "mode"], ["id", "mode"]
        )

    with op.batch_alter_table("destination", schema=None) as batch_op:
        batch_op.add_column(sa.Column("verified_at", sa.DateTime(timezone=True), nullable=True))

    with op.batch_alter_table("inbound", schema=None) as batch_op:
        batch_op.add_column(sa.Column("unit_id", sa.Uuid(), nullable=True))
        batch_op.add_column(
            sa.Column(
                "mode",
                sa.Enum("live", "drill", name="mode", native_enum=False, create_constraint=True, length=20),
                nullable=True,
            )
        )
        batch_op.add_column(sa.Column("channel", sa.String(length=20), nullable=True))
        batch_op.add_column(sa.Column("kind", sa.String(length=10), server_default="mention", nullable=False))
        batch_op.add_column(sa.Column("author_name", sa.String(length=120), server_default="", nullable=False))
        batch_op.add_column(
            sa.Column(
                "received_at", sa.DateTime(timezone=True), server_default="1970-01-01 00:00:00+00:00", nullable=False
            )
        )
        batch_op.add_column(sa.Column("url", sa.String(length=500), nullable=True))
        batch_op.add_column(sa.Column("in_reply_to", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("root", sa.String(length=200), nullable=True))
        batch_op.add_column(sa.Column("private", sa.Boolean(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("repost", sa.Boolean(), server_default="0", nullable=False))
        batch_op.add_column(sa.Column("earlier_texts", sa.JSON(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("hidden_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("broadcast_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("incident_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("rumour_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("understood_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("language", sa.String(length=8), server_default="", nullable=False))
        batch_op.add_column(
            sa.Column(
                "lane",
                sa.Enum(
                    "danger",
                    "next_of_kin",
                    "press",
                    "rumour",
                    "question",
                    "offer",
                    "complaint",
                    "thanks",
                    "noise",
                    name="lane",
                    native_enum=False,
                    create_constraint=True,
                    length=20,
                ),
                server_default="question",
                nullable=False,
            )
        )
        batch_op.add_column(sa.Column("urgency", sa.Integer(), server_default="50", nullable=False))
        batch_op.add_column(sa.Column("rank", sa.Integer(), server_default="50", nullable=False))
        batch_op.add_column(sa.Column("reasons", sa.JSON(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("fold", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("folded_into_id", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("folded", sa.Integer(), server_default="0", nullable=False))
        batch_op.add_column(
            sa.Column(
                "state",
                sa.Enum(
                    "waiting",
                    "claimed",
                    "snoozed",
                    "answered",
                    "handed_over",
                    "closed",
                    name="inboundstate",
                    native_enum=False,
                    create_constraint=True,
                    length=20,
                ),
                server_default="waiting",
                nullable=False,
            )
        )
        batch_op.add_column(sa.Column("claimed_by", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("claimed_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("snoozed_until", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("settled_by", sa.Uuid(), nullable=True))
        batch_op.add_column(sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True))
        batch_op.add_column(sa.Column("settled_why", sa.String(length=200), server_default="", nullable=False))
        batch_op.drop_index(batch_op.f("ix_inbound_at"))
        batch_op.create_index("ix_inbound_at", ["unit_id", "mode", "at"], unique=False)
        batch_op.create_index("ix_inbound_author", ["account_id", "author"], unique=False)
        batch_op.create_index(
            "ix_inbound_claimed",
            ["claimed_by"],
            unique=False,
            sqlite_where=sa.text("state = 'claimed'"),
            postgresql_where=sa.text("state = 'claimed'"),
        )
        batch_op.create_index(
            "ix_inbound_clock",
            ["unit_id", "mode", "lane", "at"],
            unique=False,
            sqlite_where=sa.text("state IN ('waiting', 'claimed') AND folded_into_id IS NULL"),
            postgresql_where=sa.text("state IN ('waiting', 'claimed') AND folded_into_id IS NULL"),
        )
        batch_op.create_index(
            "ix_inbound_fold",
            ["unit_id", "mode", "fold"],
            unique=False,
            sqlite_where=sa.text("folded_into_id IS NULL AND fold IS NOT NULL"),
            postgresql_where=sa.text("folded_into_id IS NULL AND fold IS NOT NULL"),
        )
        batch_op.create_index("ix_inbound_folded_into", ["folded_into_id"], unique=False)
        batch_op.create_index("ix_inbound_incident", ["incident_id", "at"], unique=False)
        batch_op.create_index(
            "ix_inbound_kept",
            ["unit_id", "lane", "at"],
            unique=False,
            sqlite_where=sa.text("erased_at IS NULL"),
            postgresql_where=sa.text("erased_at IS NULL"),
        )
        batch_op.create_index(
            "ix_inbound_lane",
            ["unit_id", "mode", "lane", "rank", "at", "id"],
            unique=False,
            sqlite_where=sa.text("state IN ('waiting', 'claimed') AND folded_into_id IS NULL"),
            postgresql_where=sa.text("state IN ('waiting', 'claimed') AND folded_into_id IS NULL"),
        )
        batch_op.create_index(
            "ix_inbound_queue",
            ["unit_id", "mode", "rank", "at", "id"],
            unique=False,
            sqlite_where=sa.text("state IN ('waiting', 'claimed') AND folded_into_id IS NULL"),
            postgresql_where=sa.text("state IN ('waiting', 'claimed') AND folded_into_id IS NULL"),
        )
        batch_op.create_index(
            "ix_inbound_raw",
            ["received_at", "id"],
            unique=False,
            sqlite_where=sa.text("understood_at IS NULL"),
            postgresql_where=sa.text("understood_at IS NULL"),
        )
        batch_op.create_index("ix_inbound_settled", ["unit_id", "mode", "state", "settled_at"], unique=False)
        batch_op.create_index(
            "ix_inbound_snoozed",
            ["unit_id", "mode", "snoozed_until"],
            unique=False,
            sqlite_where=sa.text("state = 'snoozed'"),
            postgresql_where=sa.text("state = 'snoozed'"),
        )
        batch_op.create_index(
            "ix_inbound_unlinked",
            ["received_at"],
            unique=False,
            sqlite_where=sa.text("delivery_id IS NULL AND in_reply_to IS NOT NULL"),
            postgresql_where=sa.text("delivery_id IS NULL AND in_reply_to IS NOT NULL"),
        )
        batch_op.create_foreign_key(batch_op.f("fk_inbound_incident_id"), "incident", ["incident_id"], ["id"])
        batch_op.create_foreign_key(
            batch_op.f("fk_inbound_account_id_mode"), "account", ["account_id", "mode"], ["id", "mode"]
        )
        batch_op.create_foreign_key(batch_op.f("fk_inbound_rumour_id"), "rumour", ["rumour_id"], ["id"])
        batch_op.create_foreign_key(batch_op.f("fk_inbound_broadcast_id"), "broadcast", ["broadcast_id"], ["id"])
        batch_op.create_foreign_key(batch_op.f("fk_inbound_settled_by"), "user", ["settled_by"], ["id"])
        batch_op.create_foreign_key(batch_op.f("fk_inbound_unit_id"), "unit", ["unit_id"], ["id"])
        batch_op.create_foreign_key(batch_op.f("fk_inbound_folded_into_id"), "inbound", ["folded_into_id"], ["id"])
        batch_op.create_foreign_key(batch_op.f("fk_inbound_claimed_by"), "user", ["claimed_by"], ["id"])

    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.add_column(sa.Column("sites", sa.JSON(), server_default="[]", nullable=False))
        batch_op.add_column(sa.Column("quiet_from", sa.String(length=5), nullable=True))
        batch_op.add_column(sa.Column("quiet_to", sa.String(length=5), nullable=True))
        batch_op.add_column(sa.Column("pin", sa.String(length=200), nullable=True))

    with op.batch_alter_table("user", schema=None) as batch_op:
        batch_op.add_column(sa.Column("password_until", sa.DateTime(timezone=True), nullable=True))

    op.execute("UPDATE broadcast SET manners = ('{}')")
    with op.batch_alter_table("broadcast", schema=None) as batch_op:
        batch_op.alter_column("manners", existing_type=sa.JSON(), nullable=False)

    op.execute("UPDATE delivery SET through_id = (account_id)")
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.alter_column("through_id", existing_type=sa.Uuid(), nullable=False)

    op.execute("UPDATE delivery SET manner = ('under')")
    with op.batch_alter_table("delivery", schema=None) as batch_op:
        batch_op.alter_column(
            "manner",
            existing_type=sa.Enum(
                "under", "in_place", "apart", name="manner", native_enum=False, create_constraint=True, length=20
            ),
            nullable=False,
        )

    op.execute(
        "UPDATE inbound SET unit_id = (SELECT account.unit_id FROM account WHERE account.id = inbound.account_id)"
    )
    with op.batch_alter_table("inbound", schema=None) as batch_op:
        batch_op.alter_column("unit_id", existing_type=sa.Uuid(), nullable=False)

    op.execute("UPDATE inbound SET mode = (SELECT account.mode FROM account WHERE account.id = inbound.account_id)")
    with op.batch_alter_table("inbound", schema=None) as batch_op:
        batch_op.alter_column(
            "mode",
            existing_type=sa.Enum("live", "drill", name="mode", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        )

    op.execute(
        "UPDATE inbound SET channel = (SELECT account.channel FROM account WHERE account.id = inbound.account_id)"
    )
    with op.batch_alter_table("inbound", schema=None) as batch_op:
        batch_op.alter_column("channel", existing_type=sa.String(length=20), nullable=False)

    with op.batch_alter_table("broadcast", schema=None) as batch_op:
        batch_op.drop_constraint(batch_op.f("ck_broadcast_purpose"), type_="check")
        batch_op.drop_constraint(batch_op.f("ck_broadcast_statement_has_incident"), type_="check")
        batch_op.create_check_constraint(
            batch_op.f("ck_broadcast_purpose"),
            "purpose IN ('statement', 'self_test', 'answer', 'call_out', 'planned', 'notice')",
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_broadcast_statement_has_incident"),
            "incident_id IS NOT NULL OR purpose IN ('notice', 'answer', 'call_out', 'planned')",
        )
        batch_op.create_check_constraint(
            batch_op.f("ck_broadcast_planned_stands_alone"),
            "(purpose = 'planned') = (planned_post_id IS NOT NULL) AND (purpose != 'planned' OR (incident_id IS NULL AND mode = 'live'))",
        )
