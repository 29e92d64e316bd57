"""What every page must be in a real browser: free of accessibility faults, quiet, and no wider than the screen.

A page is opened once and seen three ways: on a phone, at a desk, and on a phone at night. Nothing our pages load depends on
the width, and night changes colours alone; so there only the rules about colours are asked again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from werkzeug.serving import make_server

axe = pytest.importorskip("axe_playwright_python.sync_playwright")

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 844}
ABOUT_COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
_ASKED = "options => axe.run({...options, resultTypes: ['violations']})"


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """The address of this console for as long as the block lasts."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def faults(context: Any, address: str, paths: Iterable[str], *, unfold: bool = False) -> list[str]:
    """Everything that is wrong with these pages. `unfold` opens what is folded away."""
    page, found = context.new_page(), []
    page.on("console", lambda said: found.append(f"console: {said.text}") if said.type == "error" else None)
    for path in paths:
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(PHONE)
        answer = page.goto(address + path)
        assert answer.status < 400, (path, answer.status)
        if unfold:
            page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
        page.evaluate(axe.Axe().axe_script)
        found += _seen(page, f"{path} on a phone")
        page.emulate_media(color_scheme="dark")
        found += _seen(page, f"{path} at night", ABOUT_COLOURS)
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(DESK)
        found += _seen(page, f"{path} at a desk")
    page.close()
    return found


def _seen(page: Any, where: str, options: dict[str, Any] | None = None) -> list[str]:
    results = axe.AxeResults(page.evaluate(_ASKED, options or {}))
    found = [f"{where}\n{results.generate_report()}"] if results.violations_count else []
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return [*found, f"{where} is {wide} px too wide"] if wide > 0 else found
