"""The console's three languages and how it writes times. Source strings are English; catalogues stand in translations/.

Compiles a catalogue that is newer than its compiled form when the console starts, so a fresh machine needs no extra
step. To renew the catalogues after changing words (from the top folder):

    pybabel extract -F crisis/console/babel.cfg -k N_ -k Sentence -k NotAllowed -k NotReady:2 -k Changed \
        -k SecondPerson -k Problem -k Authority:2 -k Concern:2 -k Mistake:3 -k blame:2 -k mend:2 --no-location \
        -o messages.pot .
    pybabel update -N -w 120 -i messages.pot -d crisis/console/translations  # then translate what is empty
    rm messages.pot
"""

from __future__ import annotations

import tempfile
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

import structlog
from babel import support
from babel.messages import mofile, pofile
from flask import Flask, g, request, session
from flask_babel import Babel, format_date, get_locale, get_translations, gettext
from markupsafe import Markup

from crisis.channels.registry import FACTS
from crisis.console.here import visitor
from crisis.kept.catalogues import CATALOGUES
from crisis.models import utcnow
from crisis.sentence import N_
from crisis.settings import LANGUAGES
from crisis.states import Role

log = structlog.get_logger()
NAMES = {"nb": "Bokmål", "nn": "Nynorsk", "en": "English"}


def install(app: Flask, spare: Path) -> None:
    """Set up languages and the filters `clock`, `moment` and `day`. `spare` is used when our folder is read-only."""
    app.config["BABEL_DEFAULT_LOCALE"] = "nb"
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = f"{CATALOGUES};{spare}"
    compile_catalogues(CATALOGUES, spare)
    Babel(app, locale_selector=chosen)
    # Its own way asks for the request and its language at every word, which was a third of drawing the queue.
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]
        lambda one: words().ugettext(one), lambda one, many, count: words().ungettext(one, many, count), newstyle=True
    )
    app.add_template_filter(clock, "clock")
    app.add_template_filter(moment, "moment")
    app.add_template_filter(day, "day")


def words() -> support.Translations:
    """The catalogue of this request's language, which never changes while it is answered."""
    if "words" not in g:
        g.words = get_translations()
    return cast("support.Translations", g.words)


def chosen() -> str:
    """The user's language, else what this browser chose or asks for, else bokmål."""
    who = visitor()
    if who and who.language in LANGUAGES:
        return who.language
    if (told := session.get("language")) in LANGUAGES:
        return str(told)
    asked = request.accept_languages.best_match(["nb", "no", "nn", "en"], default="nb")
    return "nb" if asked == "no" else str(asked)


def compile_catalogues(folder: Path, spare: Path) -> None:
    """Write each stale `.mo`; whole or not at all, because several processes may start together."""
    for source in folder.glob("*/LC_MESSAGES/*.po"):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime >= source.stat().st_mtime:
            continue
        for place in (target, spare / target.relative_to(folder)):
            try:
                _compile(source, place)
                break
            except OSError as error:
                log.warning("language.not_compiled", place=str(place), error=error.strerror)


def _compile(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with source.open("rb") as words, tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as draft:
        mofile.write_mo(draft, pofile.read_po(words, locale=source.parts[-3]))
    Path(draft.name).chmod(0o644)
    Path(draft.name).replace(target)


def zone() -> tzinfo:
    """The zone of the unit the user works in."""
    here = g.get("unit")
    return here.settings.tz if here else ZoneInfo("Europe/Oslo")


def clock(at: datetime | None) -> Markup:
    """03:12 CET, with the day before it when it is not today's."""
    if at is None:
        return Markup("–")
    local = at.astimezone(zone())
    if local.date() != utcnow().astimezone(zone()).date():
        return moment(at)
    return _time(at, f"{local:%H:%M} {local:%Z}")


def moment(at: datetime | None) -> Markup:
    """22. nov. 2026 03:12 CET."""
    if at is None:
        return Markup("–")
    local = at.astimezone(zone())
    return _time(at, f"{format_date(local.date(), 'medium')} {local:%H:%M} {local:%Z}")


def day(on: date | datetime | None) -> str:
    """22. nov. 2026."""
    if on is None:
        return "–"
    return str(format_date(on.astimezone(zone()).date() if isinstance(on, datetime) else on, "medium"))


def _time(at: datetime, shown: str) -> Markup:
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(timespec="seconds"), shown)


def current() -> str:
    """The language of this page, for `lang` and for texts that exist in all three."""
    return str(get_locale() or "nb").partition("_")[0]


CHANNELS = (
    N_("E-mail"),
    N_("Incident page"),
    N_("Telephone"),
    N_("Web site (WordPress)"),
)  # the labels in the registry that differ between our languages


def channel_word(name: str) -> str:
    """What people call a channel."""
    return gettext(FACTS[name].label) if name in FACTS else name


def role_words() -> dict[Role, tuple[str, str]]:
    """Each role as people read it: its name, and what it lets them do."""
    return {
        Role.VIEWER: (gettext("Viewer"), gettext("sees everything, changes nothing")),
        Role.TRIAGER: (gettext("Triage"), gettext("answers the public")),
        Role.OFFICER: (gettext("Duty officer"), gettext("opens incidents and releases broadcasts")),
        Role.APPROVER: (gettext("Approver"), gettext("signs off playbooks and approves broadcasts")),
        Role.ADMINISTRATOR: (gettext("Administrator"), gettext("people, users and accounts")),
    }
