"""What the tests of the three networks of Meta share: options with secrets, pictures, signed webhooks, the rules."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from crisis.channels.base import Attachment, Hook
from crisis.settings import SecretRef
from tests.channels.specs import spec
from tests.channels.stub import Reply, Request

SECRETS = ["meta-access-token-1", "meta-app-secret", "vtoken"]
NAMES = ("access_token", "app_secret", "verify_token")
REFUSED = Reply(400, {"error": {"message": "Invalid parameter", "type": "OAuthException", "code": 100}})
GONE = Reply(400, {"error": {"message": "Object does not exist", "code": 100, "error_subcode": 33}})
EXPIRED = Reply(400, {"error": {"message": "Session has expired", "code": 190, "error_subcode": 463}})
NO_RIGHT = Reply(403, {"error": {"message": "(#200) Permissions error", "code": 200}})
FULL = Reply(400, {"error": {"message": "Application request limit reached", "code": 4, "is_transient": True}})
DONE = Reply(200, {"success": True})
# Given to every call, and so in no list of parameters (Graph API docs: fields, paging, login security).
EVERYWHERE = {"fields", "limit", "after", "appsecret_proof"}


def secrets(monkeypatch: pytest.MonkeyPatch) -> dict[str, SecretRef]:
    for name, secret in zip(NAMES, SECRETS, strict=True):
        monkeypatch.setenv(f"META_{name.upper()}", secret)
    return {name: SecretRef(env=f"META_{name.upper()}") for name in NAMES}


def attachment(tmp_path: Path, name: str = "a.jpg", kind: Any = "picture") -> Attachment:
    path = tmp_path / name
    path.write_bytes(b"\xff\xd8\xff\xe0 not looked at")
    return Attachment(
        kind=kind,
        path=path,
        content_type="image/jpeg" if kind == "picture" else "video/mp4",
        size=path.stat().st_size,
        width=1080,
        height=1080,
        alt="Inngangen til akuttmottaket",
        url=f"https://crisis.example.org/media/{name}",
    )


def rows(*found: dict[str, Any], more: str = "") -> Reply:
    paging = (
        {"next": "https://graph.example.org/?access_token=never-follow", "cursors": {"after": more}} if more else {}
    )
    return Reply(200, {"data": list(found), "paging": paging})


def hook(body: Any, secret: str = SECRETS[1]) -> Hook:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    signature = "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    url = "https://crisis.example.org/hooks/a/inbound"
    return Hook("POST", url, {"X-Hub-Signature-256": signature}, raw)


def handshake(token: str = SECRETS[2], challenge: str = "1158201444", mode: str = "subscribe") -> Hook:
    query = f"hub.mode={mode}&hub.verify_token={token}&hub.challenge={challenge}"
    return Hook("GET", f"https://crisis.example.org/hooks/a/inbound?{query}", {}, b"")


def keeps_the_token_private(requests: list[Request], version: str = "") -> None:
    """The token stands in the header, and in no address."""
    assert requests
    for request in requests:
        assert request.headers["Authorization"] == f"Bearer {SECRETS[0]}"
        assert not any(secret in f"{request.path}{request.query}" for secret in SECRETS)
        assert request.path.startswith(version)


def known_parameters(object_name: str, method: str, endpoint: str = "") -> set[str]:
    """What the published schema of the Graph API lets a call carry."""
    found: set[str] = set()
    for api in spec(f"meta/graph/{object_name}.json")["apis"]:
        if api["method"] == method and (api.get("endpoint") or "") == endpoint:
            found |= {param["name"] for param in api.get("params", ())}
    return found | EVERYWHERE


def known_fields(object_name: str) -> set[str]:
    return {field["name"] for field in spec(f"meta/graph/{object_name}.json")["fields"]}
