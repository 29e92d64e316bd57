"""The same night, seen through browsers: who is signed in where, and how forms are sent."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from jinja2 import StrictUndefined
from werkzeug.test import TestResponse

from crisis.console import create_app, identity
from crisis.models import utcnow
from tests.broadcasts.scene import Scene, a_scene


@dataclass
class Browser:
    client: FlaskClient

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(path, **more)

    def send(self, page: str, path: str, **form: Any) -> TestResponse:
        """Open `page`, then post to `path` with the token found there and whatever it says was read."""
        html = self.get(page, follow_redirects=True).text
        hidden = {name: _hidden(html, name) for name in ("csrf_token", "digest", "read_at")}
        return self.client.post(path, data={**{k: v for k, v in hidden.items() if v}, **form})

    def follow(self, page: str, path: str, **form: Any) -> str:
        """The page one lands on."""
        answer = self.send(page, path, **form)
        assert answer.status_code == 302, (answer.status_code, answer.text)
        return self.get(answer.location).text


def _hidden(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    return found[1] if found else ""


@dataclass
class Night:
    scene: Scene
    app: Flask

    def browser(self, who: str) -> Browser:
        with self.scene.runtime.database.writing() as session:
            token = identity.start(session, self.scene.users[who], "127.0.0.1", utcnow(), complete=True)
        client = self.app.test_client()
        client.set_cookie(identity.cookie_name(self.app.config), token)
        return Browser(client)


@contextmanager
def a_night(folder: Path, database_url: str = "") -> Iterator[Night]:
    with a_scene(folder, database_url) as scene:
        app = create_app(scene.runtime)
        app.jinja_env.undefined = StrictUndefined
        yield Night(scene, app)


def board(broadcast_id: uuid.UUID) -> str:
    return f"/broadcasts/{broadcast_id}/board"
