"""Every set of pages the console has, in one list. A new one is one import and one line here; nothing is found by magic."""

from __future__ import annotations

from flask import Blueprint

from crisis.console import (
    accounts,
    alert_api,
    alerts,
    approvals,
    audit,
    board,
    broadcasts,
    calendar,
    first,
    hooks,
    imports,
    incidents,
    library,
    metrics,
    own,
    people,
    playbooks,
    probes,
    public_media,
    release,
    signin,
    triage,
    unsubscribe,
    users,
)

BLUEPRINTS: tuple[Blueprint, ...] = (
    probes.pages,
    metrics.pages,
    signin.pages,
    own.pages,
    first.pages,
    incidents.pages,
    broadcasts.pages,
    release.pages,
    approvals.pages,
    board.pages,
    triage.pages,
    hooks.pages,
    unsubscribe.pages,
    people.pages,
    imports.pages,
    users.pages,
    accounts.pages,
    alerts.pages,
    alert_api.pages,
    playbooks.pages,
    library.pages,
    calendar.pages,
    public_media.pages,
    audit.pages,
)
