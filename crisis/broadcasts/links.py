"""Links in a text that somebody wrote by hand: which of them lead outside the unit's own web sites.

A slot for a web address takes only the unit's `link_domains`; a text edited by hand is free, because a person reads it
before it leaves. This says what that person should look at twice. Pure, and never in anybody's way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from crisis.models import Broadcast
from crisis.playbooks.playbook import Playbook
from crisis.settings import Settings

# What networks make a link of: an address with its scheme, or a bare host in one of the usual domains.
_HOST = re.compile(
    r"(?:https?://|(?<![\w@.-])(?=(?:[a-z0-9-]+\.)+(?:no|com|org|net|eu|info|io|se|dk|uk|ly|co|me|app)\b))"
    r"(?:[^\s/?#@]*@)?((?:[\wæøå-]+\.)+[\wæøå-]{2,})",
    re.IGNORECASE,
)


def hosts(text: str) -> list[str]:
    """The hosts a text links to, each once, in order."""
    return list(dict.fromkeys(found.lower() for found in _HOST.findall(text)))


def strangers(
    settings: Settings, playbook: Playbook | None, broadcast: Broadcast, unit_key: str
) -> dict[tuple[str, str], list[str]]:
    """By channel and language: hosts in hand-edited texts that are not the unit's own.

    Its own are `link_domains`, our public pages, and what the playbook's words link to: those were signed off. A unit that
    names no domains has said nothing about what is its own, so nothing is strange there.
    """
    domains = settings.unit(unit_key).link_domains
    if not domains:
        return {}
    own = [*domains, *_pages(settings, unit_key)]
    if playbook is not None and broadcast.message in playbook.messages:
        for _, texts in playbook.messages[broadcast.message].texts():
            for language in ("nb", "nn", "en"):
                own += hosts(texts.in_(language))
    found = {
        (channel, language): [host for host in hosts(text) if not _within(host, own)]
        for channel, edits in broadcast.edits.items()
        for language, text in edits.items()
    }
    return {where: out for where, out in found.items() if out}


def _pages(settings: Settings, unit_key: str) -> Iterable[str]:
    for account in settings.accounts:
        if account.unit == unit_key and account.channel == "page" and account.options:
            yield urlsplit(account.options.public_url).hostname or ""


def _within(host: str, domains: Iterable[str]) -> bool:
    return any(host == domain.lower() or host.endswith(f".{domain.lower()}") for domain in domains if domain)
