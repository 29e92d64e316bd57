"""The console: Flask, and nowhere else. Pages for signed-in users; every rule they apply lives in the domain folders.

How to add a page
-----------------
1. A module with a blueprint called `pages`, and one line in `pages.py`::

       pages = Blueprint("incidents", __name__)

       @pages.get("/incidents/<uuid:incident_id>")
       @may(Role.OFFICER, Role.VIEWER)              # the guard stands nearest the function; no guard, no page
       def show(incident_id: uuid.UUID) -> ResponseReturnValue:
           with runtime().database.reading() as session:
               incident = session.get(Incident, incident_id) or abort(404)
               enter(incident.unit_id)              # work in its unit; 404 when it is not one of theirs
               return render_template("console/incident.html", incident=incident, mode=incident.mode)

   Guards (`guard.py`): `may(*roles)` one of these roles in the current unit (none named: any role), `signed_in`,
   `half_signed_in`, `public`. `csrf.exempt(blueprint)` is for webhooks only.
   From `here.py`: `runtime()`, `actor()` (hand it to the domain), `unit()` (id, key, name, settings, roles), `fragment()`,
   `local_path()`. Write with `with runtime().database.writing() as session:`, then redirect with
   `flash(gettext("..."), "good")` (good | warn | bad) to the page that shows the result. A `NotAllowed` that a route
   does not catch becomes a plain page with its words; catch it to show them beside the form. Render inside the
   `reading()` block: its rows forget themselves at its end.

2. A template that extends `console/layout.html`. Pass (or `{% set %}`) `mode` ("live" or "drill", else nothing): frame,
   colours, icon and title prefix follow by themselves. Blocks: `title` (words only), `main`, `head`, `scripts`, and
   `toolbar` (buttons beside the heading). Set `heading` for the h1, `section` for the menu ("incidents", "people"...).
   `{% import "console/parts.html" as ui with context %}` gives `ui.csrf()`, `ui.field(...)`, `ui.area(...)`,
   `ui.choose(...)`, `ui.tick(...)`, `ui.button(word, kind="primary|quiet|danger", icon="")`,
   `ui.release_button(mode, word, detail)`, `ui.chip(kind, word, icon)` with kind good|busy|wait|warn|bad|off,
   `ui.banner(kind, title)` as a call block, `ui.icon(name)`, `ui.pager(page)`. A `table.cards` becomes cards on a phone:
   give each `td` a `data-label`. Filters: `|clock` (03:12 CET), `|moment`, `|day`.

3. Scripts are small modules in `static/js`, loaded by `layout.html`; pages work without them. No inline script or style
   (the policy forbids both; use classes, `<progress>`, `<meter>`).
   Live piece: `<section data-refresh="{{ url }}" data-every="1000">{% include "piece.html" %}</section>` and a route that
   returns `fragment("console/piece.html", ...)`: swapped when its ETag changed, paused while hidden, and a banner says
   "connection lost" with the time of the last answer. Keep form fields out of refreshed pieces.
   Counter: `data-count="40"` on a field made with `ui.field(..., most=40)`. Question before a form is sent:
   `<form data-confirm="Stop it?" data-confirm-yes="Stop">`.

4. Words: `{{ _("...") }}` in templates, `gettext("...")` in routes, `refusal(error)` and `|told` for sentences of the
   domain (`wording.py`); see `language.py` for the catalogues. A route that changes something and goes back to its page does
   it `with acting() as session:`, which says there what was refused. The tests in tests/console walk every route and refuse one without a guard.
"""

from crisis.console.app import create_app

__all__ = ["create_app"]
