"""One row of everything that a page can name, in one unit: what nobody of another unit may see, change or point at."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from crisis.models import (
    Absence,
    Account,
    Alert,
    Ask,
    Broadcast,
    BroadcastText,
    CallOut,
    Delivery,
    Destination,
    Escalation,
    EscalationStep,
    Feed,
    Grant,
    Group,
    InboundRow,
    Incident,
    MediaItem,
    Need,
    Person,
    PlannedPost,
    Rota,
    RotaChange,
    RotaSwap,
    RotaTurn,
    Rumour,
    ShownPost,
    Suggestion,
    Unit,
    User,
)
from crisis.states import (
    BroadcastState,
    DeliveryState,
    EscalationPurpose,
    Mode,
    PlannedState,
    Purpose,
    Role,
    Standing,
)

LATER = timedelta(days=3)


def fill(session: Session, unit: Unit, word: str) -> dict[str, uuid.UUID]:
    """Rows by the name an address gives their id ("incident_id"). `word` stands in everything a person could read."""
    now = datetime.now(UTC)
    made: dict[str, uuid.UUID] = {}

    def add(name: str, row: object) -> uuid.UUID:
        session.add(row)
        session.flush()
        made[f"{name}_id"] = row.id  # type: ignore[attr-defined]
        return made[f"{name}_id"]

    account = session.scalars(select(Account).where(Account.unit_id == unit.id, Account.mode == Mode.LIVE)).first()
    assert account is not None
    made["account_id"] = account.id
    user = User(name=f"{word} user", login=f"user-{unit.key}", password_hash="-", totp_secret="-")
    user.grants = [Grant(unit_id=unit.id, role=role) for role in Role]
    user_id = add("user", user)
    group = Group(unit_id=unit.id, key=f"group-{unit.key}", name=f"{word} group")
    add("group", group)
    person = Person(unit_id=unit.id, reference=f"{word}-1", name=f"{word} person", skills=["nurse"])
    person.destinations = [Destination(medium="phone", address=f"+4799{unit.id.int % 1_000_000:06}")]
    person.groups = [group]
    person_id = add("person", person)
    made["destination_id"] = person.destinations[0].id
    add("absence", Absence(person_id=person_id, starts=now, ends=now + LATER, reason=f"{word} away"))

    incident_id = add(
        "incident", Incident(unit_id=unit.id, mode="live", title=f"{word} incident", playbook="mass-casualty")
    )
    broadcast = Broadcast(
        incident_id=incident_id, unit_id=unit.id, mode="live", state=BroadcastState.RELEASED, playbook="mass-casualty",
        message="initial", phase="initial", authority="single", digest="0" * 64, audiences=["staff"],
        accounts=[account.key], slots={"place": word}, released_at=now, leaves_at=now, submitted_at=now, created_by=user_id,
    )  # fmt: skip
    text = BroadcastText(channel=account.channel, language="nb", title=f"{word} title", text=f"{word} text")
    broadcast.texts = [text]
    broadcast_id = add("broadcast", broadcast)
    delivery_id = add("delivery", Delivery(
        broadcast_id=broadcast_id, mode="live", account_id=account.id, address="+4799000000", language="nb",
        text_id=text.id, state=DeliveryState.UNCERTAIN, say=f"{word} say", attempts=1, first_attempt_at=now,
    ))  # fmt: skip
    add("post_shown", ShownPost(
        account_id=account.id, provider_id="1", delivery_id=delivery_id, word=Standing.CHANGED, text=f"{word} shown", at=now
    ))  # fmt: skip

    add("item", MediaItem(
        unit_id=unit.id, key=f"picture-{unit.key}", title=f"{word} picture", kind="picture", content_type="image/jpeg",
        sha256=f"{unit.id.hex}{unit.id.hex}", size=1, width=1, height=1, alt={"nb": f"{word} alt"}, owner=f"{word} owner",
    ))  # fmt: skip
    post_id = add("post", PlannedPost(
        unit_id=unit.id, title=f"{word} planned", texts={"nb": f"{word} words"}, accounts=[account.key], at=now + LATER,
        state=PlannedState.PAUSED, pause_reason=f"{word} pause", created_by=user_id, changed_by=user_id,
    ))  # fmt: skip
    assert post_id
    feed = Feed(unit_id=unit.id, url=f"https://{unit.key}.example/feed")
    session.add(feed)
    session.flush()
    add("suggestion", Suggestion(feed_id=feed.id, entry=unit.key, title=f"{word} suggestion", text=f"{word} news"))

    rota = Rota(
        unit_id=unit.id, key=f"rota-{unit.key}", name=f"{word} rota", zone="Europe/Oslo", every="week",
        handover="08:00", begins=date(2026, 1, 5), turns=[RotaTurn(position=0, person_id=person_id)],
    )  # fmt: skip
    rota_id = add("rota", rota)
    add(
        "change",
        RotaChange(rota_id=rota_id, person_id=person_id, starts=now, ends=now + LATER, reason=f"{word} change"),
    )
    add("swap", RotaSwap(
        rota_id=rota_id, giver_id=person_id, taker_id=person_id, starts=now, ends=now + LATER, reason=f"{word} swap"
    ))  # fmt: skip
    escalation = Escalation(
        unit_id=unit.id, key=f"escalation-{unit.key}", name=f"{word} escalation", purpose=EscalationPurpose.ALERT
    )
    escalation.steps = [EscalationStep(position=0, rota_id=rota_id)]
    add("escalation", escalation)
    add("alert", Alert(
        unit_id=unit.id, mode="live", key=f"alert-{unit.key}", title=f"{word} alert", text=f"{word} what", source="user"
    ))  # fmt: skip

    call = Broadcast(
        incident_id=incident_id, unit_id=unit.id, mode="live", purpose=Purpose.CALL_OUT, playbook="mass-casualty",
        message="call_out", phase="call_out", authority="single",
    )  # fmt: skip
    session.add(call)
    session.flush()
    call_out = CallOut(
        unit_id=unit.id, incident_id=incident_id, mode="live", broadcast_id=call.id, title=f"{word} call-out"
    )
    call_out.needs = [Need(position=0, skill="nurse", number=2)]
    call_out_id = add("call_out", call_out)
    add("ask", Ask(call_out_id=call_out_id, person_id=person_id, why=f"{word} why"))
    rumour_id = add("rumour", Rumour(
        unit_id=unit.id, incident_id=incident_id, mode="live", claim=f"{word} claim", source=f"{word} source"
    ))  # fmt: skip
    add("inbound", InboundRow(
        account_id=account.id, unit_id=unit.id, mode="live", channel=account.channel, provider_id="in-1",
        author=f"{word} author", text=f"{word} asks", at=now, understood_at=now, incident_id=incident_id, rumour_id=rumour_id,
    ))  # fmt: skip
    return made
