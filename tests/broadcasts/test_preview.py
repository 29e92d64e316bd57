"""A preview of a dozen networks shows the same words once."""

from __future__ import annotations

from datetime import UTC, datetime

from crisis.broadcasts.authority import Authority
from crisis.broadcasts.compose import Composed, Words
from crisis.broadcasts.freeze import Read
from crisis.broadcasts.preview import AccountPreview, Preview
from crisis.channels.registry import FACTS
from crisis.models import Account


def share(channel: str, *texts: tuple[str, str, str], edited: bool = False) -> AccountPreview:
    """An account's share of (language, title, text)."""
    facts = FACTS[channel]
    words = [
        Words(channel, language, title, text, facts.measure(text), plain=text, edited=edited)  # type: ignore[arg-type]
        for language, title, text in texts
    ]
    account = Account(key=f"{channel}-ous", channel=channel)
    return AccountPreview(account, facts.label, facts.medium, [(one, 1) for one in words], 1, 0, 0.0, None, None)


def repeats(*shares: AccountPreview, composed: Composed | None = None) -> dict[tuple[str, str], str]:
    made = Preview(
        composed or Composed(), Authority("single", ""), shares, (), 1, 0, 0, None, Read("", datetime.now(UTC))
    )
    return dict(made.repeats)


def test_the_same_words_are_told_from_where_they_stand_first() -> None:
    told = ("nb", "Brann", "Det brenner.")
    found = repeats(
        share("x", told),
        share("mastodon", ("nb", "En annen overskrift", "Det brenner.")),  # a short form shows no headline
        share("bluesky", ("nb", "Brann", "Det brenner!")),
        share("facebook", told),
        share("linkedin", told, ("en", "Fire", "It burns.")),
        share("wordpress", ("nb", "En annen overskrift", "Det brenner.")),
    )
    assert found == {("mastodon-ous", "nb"): "x", ("linkedin-ous", "nb"): "facebook"}


def test_what_must_be_looked_at_by_itself_repeats_nothing() -> None:
    told = ("nb", "Brann", "Det brenner.")
    assert repeats(share("x", told), share("mastodon", told, edited=True)) == {}
    assert repeats(share("sms", told), share("whatsapp", told)) == {}  # two ways to people, with numbers of their own
    pictured = Composed(media={("instagram", "nb"): [object()]})  # type: ignore[list-item]
    assert repeats(share("facebook", told), share("instagram", told), composed=pictured) == {}
