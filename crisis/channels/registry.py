"""The channels there are, one line each. A new channel is its own folder, a line here and its test table.

Importing this opens no network and reveals no secret, so that settings and playbooks can be checked anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel

from crisis.channels import apprise
from crisis.channels.base import Facts
from crisis.channels.bluesky import adapter as bluesky
from crisis.channels.email import adapter as email
from crisis.channels.email.options import Options as EmailOptions
from crisis.channels.flickr import adapter as flickr
from crisis.channels.linkedin import adapter as linkedin
from crisis.channels.mastodon import adapter as mastodon
from crisis.channels.meta import facebook, instagram, threads
from crisis.channels.opening import Kind, Opening
from crisis.channels.page import adapter as page
from crisis.channels.twilio import sms, voice, whatsapp
from crisis.channels.wordpress import adapter as wordpress
from crisis.channels.x import adapter as x
from crisis.channels.youtube import adapter as youtube

__all__ = ["FACTS", "KINDS", "OPTIONS", "Kind", "Opening"]

KINDS: Mapping[str, Kind] = {
    "apprise": Kind(apprise.FACTS, apprise.Options, apprise.Apprise),
    "x": Kind(x.FACTS, x.Options, x.X),
    "sms": Kind(sms.FACTS, sms.Options, sms.Sms),
    "whatsapp": Kind(whatsapp.FACTS, whatsapp.Options, whatsapp.WhatsApp),
    "voice": Kind(voice.FACTS, voice.Options, voice.Voice),
    "email": Kind(email.FACTS, EmailOptions, email.Email),
    "mastodon": Kind(mastodon.FACTS, mastodon.Options, mastodon.Mastodon),
    "bluesky": Kind(bluesky.FACTS, bluesky.Options, bluesky.Bluesky),
    "wordpress": Kind(wordpress.FACTS, wordpress.Options, wordpress.WordPress),
    "page": Kind(page.FACTS, page.Options, page.Page),
    "linkedin": Kind(linkedin.FACTS, linkedin.Options, linkedin.LinkedIn),
    "youtube": Kind(youtube.FACTS, youtube.Options, youtube.YouTube),
    "facebook": Kind(facebook.FACTS, facebook.Options, facebook.Facebook),
    "instagram": Kind(instagram.FACTS, instagram.Options, instagram.Instagram),
    "threads": Kind(threads.FACTS, threads.Options, threads.Threads),
    "flickr": Kind(flickr.FACTS, flickr.Options, flickr.Flickr),
}
FACTS: Mapping[str, Facts] = {name: kind.facts for name, kind in KINDS.items()}
OPTIONS: dict[str, type[BaseModel]] = {name: kind.options for name, kind in KINDS.items()}
