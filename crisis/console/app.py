"""Builds the Flask application around a running set of parts: headers, cookies, guard, languages, error pages.

Wires and decides nothing else. Which pages exist stands in pages.py, what they may do in the domain folders.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from flask import Flask, Response, current_app, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

from crisis.console import act_words, guard, here, language, pages, request_log, wording
from crisis.console.here import visitor
from crisis.console.keeping import Keeping
from crisis.console.uploads import UploadRequest
from crisis.media.store import EXTENSIONS
from crisis.settings import LANGUAGES, Settings
from crisis.states import NotAllowed, Role

if TYPE_CHECKING:
    from crisis.runtime import Runtime

log = structlog.get_logger()
TEMPLATES = Path(__file__).parents[2] / "templates"
LARGEST_UPLOAD = 12 * 1024 * 1024  # 20,000 people in a CSV file are about 3 MB

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self';"
        " frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def create_app(runtime: Runtime) -> Flask:
    """The console for one running set of parts. Two apps in one process do not disturb each other."""
    told = runtime.settings.console
    app = Flask("crisis.console", template_folder=str(TEMPLATES), static_folder="static")
    app.extensions["crisis"] = runtime
    app.extensions["crisis-keeping"] = Keeping(runtime.database)
    app.request_class = UploadRequest
    app.config.update(
        SECRET_KEY=hashlib.sha256(f"crisis:cookies:{told.secret_key.reveal()}".encode()).digest(),
        SESSION_COOKIE_NAME="crisis-session",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=told.secure_cookies,
        MAX_CONTENT_LENGTH=LARGEST_UPLOAD,
        # The token lives as long as the session: a form left open for two hours in a crisis must still work.
        WTF_CSRF_TIME_LIMIT=None,
        # It wants a Referer, which our own header forbids browsers to send; the token and SameSite stand.
        WTF_CSRF_SSL_STRICT=False,
    )
    if told.trusted_proxies:
        hops = told.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.globals.update(Role=Role, language_names=language.NAMES, channel_word=language.channel_word)
    app.add_template_filter(language.channel_word, "channel_word")
    app.add_template_filter(EXTENSIONS.get, "ending")
    for word in (wording.told, wording.said, act_words.act_word, act_words.detail_word, act_words.detail_value):
        app.add_template_filter(word)
    app.context_processor(_always)
    request_log.install(app)
    guard.install(app)
    language.install(app, runtime.settings.data_dir / "translations")
    for blueprint in pages.BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(CSRFError, _csrf)
    app.register_error_handler(NotAllowed, _not_allowed)
    app.register_error_handler(Exception, _broken)
    app.after_request(_headers)
    return app


def _always() -> dict[str, Any]:
    """What every template can ask."""
    return {"visitor": visitor(), "unit": g.get("unit"), "language": language.current(), "languages": LANGUAGES}


def _headers(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if current_app.config["SESSION_COOKIE_SECURE"]:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
    if request.endpoint != "static":
        # Not no-store: browsers then forget what was typed, and "go back" would lose it.
        response.headers.setdefault("Cache-Control", "private, no-cache")
    return response


def _page(status: int, title: str, do: str) -> ResponseReturnValue:
    if request.headers.get("X-Fragment"):
        return "", status
    return render_template("console/error.html", status=status, title=title, do=do), status


def _refused(error: HTTPException) -> ResponseReturnValue:
    if error.code is None or error.response is not None:
        return error
    match error.code:
        case 403:
            return _page(
                403,
                gettext("You may not open this"),
                gettext(
                    "It needs a role you do not hold in this unit. Switch unit at the top, or ask an administrator."
                ),
            )
        case 404:
            return _page(
                404,
                gettext("There is nothing here"),
                gettext(
                    "The address is wrong, or it belongs to a unit you have no role in. Start from the first page."
                ),
            )
        case 413 if request.endpoint == "library.add":
            return _page(
                413,
                gettext("That is too much at once"),
                gettext(
                    "A film may be %(film)d MB at most, a picture %(picture)d MB. Make it smaller: a shorter film, or fewer pixels.",
                    film=_told().media_film_megabytes,
                    picture=_told().media_picture_megabytes,
                ),
            )
        case 413:
            return _page(
                413,
                gettext("That is too much at once"),
                gettext(
                    "A file may be 12 MB at most. Split it in two and upload each part. What you typed is still there when you go back."
                ),
            )
        case 429:
            return _page(429, gettext("Too many tries"), error.description or gettext("Wait a minute and try again."))
        case code if code >= 500:
            return _broken(error)
        case code:
            return _page(
                code,
                gettext("That did not work"),
                gettext(
                    "Go back with the browser's back button: what you typed is still there. Check it and try again."
                ),
            )


def _told() -> Settings:
    return here.runtime().settings


def _csrf(_error: CSRFError) -> ResponseReturnValue:
    return _page(
        400,
        gettext("This form was opened before you signed in again"),
        gettext(
            "Go back with the browser's back button: what you typed is still there. Copy it, open the page again, paste it and send it. Nothing was done."
        ),
    )


def _not_allowed(error: NotAllowed) -> ResponseReturnValue:
    return _page(409, gettext("That is not possible now"), wording.refusal(error))


def _broken(error: Exception) -> ResponseReturnValue:
    log.error("page.broken", endpoint=request.endpoint, exc_info=error)
    return _page(
        500,
        gettext("Something is wrong on our side"),
        gettext(
            "Try once more: go back, what you typed is still there. If it happens again, call whoever runs the system, and use the paper edition of the playbook meanwhile."
        ),
    )
