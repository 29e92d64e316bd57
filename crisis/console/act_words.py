"""The acts of the record as people say them. The record keeps its own short names, which searches and exports use."""

from __future__ import annotations

from collections.abc import Mapping

from flask_babel import gettext

from crisis.console.wording import told
from crisis.sentence import N_

ACTS: Mapping[str, str] = {
    "account.paused": N_("paused an account"),
    "account.resumed": N_("resumed an account"),
    "account.switched_back": N_("let an account speak for itself again"),
    "account.switched_over": N_("let the fallback speak for an account"),
    "alert.closed": N_("closed an alert"),
    "alert.exhausted": N_("found that nobody takes an alert"),
    "alert.opened": N_("opened an alert"),
    "alert.taken": N_("took an alert"),
    "broadcast.approved": N_("approved a broadcast"),
    "broadcast.discarded": N_("threw a draft away"),
    "broadcast.drafted": N_("began a draft"),
    "broadcast.glass_broken": N_("released without a second person"),
    "broadcast.rejected": N_("rejected a broadcast"),
    "broadcast.released": N_("released a broadcast"),
    "broadcast.retried": N_("retried what failed"),
    "broadcast.returned": N_("sent a broadcast back"),
    "broadcast.stopped": N_("stopped a broadcast"),
    "broadcast.submitted": N_("asked for a second person"),
    "broadcast.taken_down": N_("took posts down"),
    "broadcast.tested": N_("sent a test to themselves"),
    "broadcast.withdrawn": N_("took a broadcast back to a draft"),
    "call_out.added": N_("added people to a call-out"),
    "call_out.cancelled": N_("cancelled a call-out"),
    "call_out.discarded": N_("threw a planned call-out away"),
    "call_out.exhausted": N_("a call-out found too few"),
    "call_out.filled": N_("a call-out was filled"),
    "call_out.finished": N_("ended a call-out"),
    "call_out.messaged": N_("wrote to those who come"),
    "call_out.planned": N_("planned a call-out"),
    "call_out.released": N_("released a call-out"),
    "call_out.settled": N_("settled an answer to a call-out"),
    "call_out.widened": N_("widened a call-out"),
    "delivery.repeated": N_("looked, and sent it again"),
    "delivery.seen": N_("looked, and it is there"),
    "demo.seeded": N_("filled the demo with people"),
    "escalation.removed": N_("removed an escalation"),
    "escalation.saved": N_("saved an escalation"),
    "group.created": N_("made a group"),
    "group.renamed": N_("renamed a group"),
    "inbound.answer_undone": N_("took an answer back before it left"),
    "inbound.answer_withdrawn": N_("took back an answer that waited for a yes"),
    "inbound.answer_written": N_("asked for a yes to an answer"),
    "inbound.answered": N_("answered somebody"),
    "inbound.lane_changed": N_("said what something really is"),
    "inbound.closed": N_("closed what somebody wrote"),
    "inbound.closed_together": N_("closed thanks and noise together"),
    "inbound.closing_undone": N_("opened again what was closed together"),
    "inbound.reopened": N_("opened again what somebody wrote"),
    "incident.closed": N_("closed an incident"),
    "incident.opened": N_("opened an incident"),
    "inbound.author_erased": N_("erased what somebody said"),
    "inbound.exported": N_("took what was said as a file"),
    "inbound.hiding_asked": N_("had abuse hidden"),
    "inbound.report_asked": N_("had abuse reported to the network"),
    "inbound.handed_over": N_("handed on what somebody said"),
    "link_test.wished": N_("asked for a test of every way out"),
    "media.added": N_("added a picture or film"),
    "media.consent_recorded": N_("recorded what the people shown say"),
    "media.described": N_("described a picture or film"),
    "media.rights_recorded": N_("recorded the right to publish"),
    "media.withdrawn": N_("withdrew a picture or film"),
    "rumour.started": N_("gathered a rumour"),
    "rumour.judged": N_("wrote down what we know of a rumour"),
    "rumour.settling_undone": N_("opened again what was closed with a rumour"),
    "rumour.answer_drafted": N_("began a draft about a rumour"),
    "rumour.settled": N_("closed what was said of a rumour"),
    "people.exported": N_("exported people"),
    "people.imported": N_("imported people"),
    "person.created": N_("added a person"),
    "person.absence_removed": N_("took an absence away"),
    "person.address_verified": N_("verified a phone or mailbox"),
    "person.changed": N_("changed a person"),
    "person.code_sent": N_("sent a code to a phone or mailbox"),
    "person.pin_removed": N_("took a PIN away"),
    "person.pin_set": N_("set a PIN"),
    "person.removed": N_("removed a person"),
    "planned.approved": N_("approved a planned post"),
    "planned.cancelled": N_("cancelled a planned post"),
    "planned.moved": N_("moved a planned post"),
    "planned.paused": N_("held planned posts back"),
    "planned.planned": N_("planned a post"),
    "planned.released": N_("let a planned post go"),
    "planned.resumed": N_("gave a paused post a new time"),
    "planned.withdrawn": N_("took a planned post back to a draft"),
    "planned.written": N_("wrote a planned post"),
    "practice.paused": N_("stopped the monthly practice call-outs"),
    "practice.planned": N_("planned the monthly practice call-out"),
    "post.accepted": N_("accepted a post as it stands"),
    "playbook.revoked": N_("took a sign-off back"),
    "playbook.signed": N_("signed off a message"),
    "playbook.signed_off": N_("signed off a message"),
    "person.absent": N_("noted an absence"),
    "rota.change_removed": N_("took a change of a rota away"),
    "rota.changed": N_("let somebody stand in"),
    "rota.feed_renewed": N_("made a new calendar address"),
    "rota.imported": N_("imported a calendar into a rota"),
    "rota.saved": N_("saved a rota"),
    "sign_in.begun": N_("signed in"),
    "sign_in.ended": N_("signed out"),
    "terminal.password_wrong": N_("wrong password at the terminal"),
    "suggestion.passed": N_("passed over a suggestion"),
    "rota.swap_accepted": N_("took a duty in a swap"),
    "rota.swap_declined": N_("declined a swap of duty"),
    "rota.swap_offered": N_("offered a swap of duty"),
    "rota.swap_withdrawn": N_("took an offer of a swap back"),
    "user.tied": N_("tied a user to a person"),
    "user.added": N_("made a user at the terminal"),
    "user.created": N_("made a user"),
    "user.disabled": N_("disabled a user"),
    "user.enabled": N_("let a user sign in again"),
    "user.enrolled": N_("set up their sign-in"),
    "user.password_changed": N_("changed their password"),
    "user.roles_changed": N_("changed a user's roles"),
    "user.sign_in_reset": N_("reset a user's sign-in"),
}

DETAILS: Mapping[str, str] = {
    "to": N_("to"),
    "taken_by": N_("taken by"),
    "account": N_("account"),
    "accounts": N_("accounts"),
    "address": N_("address"),
    "after": N_("after"),
    "at": N_("time"),
    "authority": N_("needs"),
    "before": N_("before"),
    "cancelled": N_("cancelled"),
    "changed": N_("changed"),
    "consent": N_("consent"),
    "count": N_("number"),
    "deliveries": N_("deliveries"),
    "destinations": N_("destinations"),
    "digest": N_("fingerprint"),
    "erased": N_("erased"),
    "everywhere": N_("everywhere"),
    "fallback": N_("fallback"),
    "host": N_("computer"),
    "key": N_("key"),
    "licence": N_("licence"),
    "lane": N_("lane"),
    "login": N_("login"),
    "message": N_("message"),
    "mode": N_("kind"),
    "name": N_("name"),
    "new": N_("new"),
    "os_user": N_("user on the computer"),
    "owner": N_("owner"),
    "persons": N_("people"),
    "playbook": N_("playbook"),
    "posts": N_("posts"),
    "proof": N_("proof"),
    "reason": N_("why"),
    "reference": N_("reference"),
    "removed": N_("removed"),
    "role": N_("role"),
    "roles": N_("roles"),
    "rows": N_("lines"),
    "source": N_("source"),
    "title": N_("title"),
    "until": N_("until"),
    "way": N_("over"),
    "why": N_("why"),
}


def act_word(act: str) -> str:
    """What was done; an act we have no words for by its short name."""
    return str(gettext(ACTS[act])) if act in ACTS else act


def acts_like(words: str) -> list[str]:
    """The short names of the acts that read like this in the reader's language."""
    return [act for act in ACTS if words.casefold() in act_word(act).casefold()]


def detail_word(name: str) -> str:
    return str(gettext(DETAILS[name])) if name in DETAILS else name


def detail_value(value: object) -> str:
    """A detail of an act, as it may be read: lists with commas, words of ours in the reader's language."""
    if isinstance(value, bool):
        return str(gettext("yes") if value else gettext("no"))
    if isinstance(value, list):
        return ", ".join(detail_value(one) for one in value) or "–"
    if isinstance(value, dict):
        return ", ".join(f"{detail_word(name)}: {detail_value(one)}" for name, one in value.items()) or "–"
    return "–" if value in (None, "") else told(str(value))
