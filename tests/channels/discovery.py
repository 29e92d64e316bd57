"""Holds a request against Google's discovery document: the path, the parameters and the fields of its body."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.channels.stub import Request

PREFIX = "/youtube/v3/"


def complaints(api: dict[str, Any], request: Request) -> list[str]:
    """What the document does not know of this request; empty when nothing."""
    found = next((one for one in _methods(api["resources"]) if _fits(one, request)), None)
    if found is None:
        return [f"no method {request.method} {request.path}"]
    known = set(found["parameters"]) | set(api["parameters"])
    wrong = [f"unknown parameter {name}" for name in request.query if name not in known]
    wrong += [
        f"{name} is missing"
        for name, one in found["parameters"].items()
        if one.get("required") and name not in request.query
    ]
    for name, value in request.query.items():
        allowed = (found["parameters"].get(name) or {}).get("enum")
        if allowed and value not in allowed:
            wrong.append(f"{name}={value} is not allowed")
    if request.body and "request" in found:
        wrong += list(_fields(api, found["request"]["$ref"], request.json))
    return wrong


def _fits(method: dict[str, Any], request: Request) -> bool:
    upload = (method.get("mediaUpload") or {}).get("protocols", {}).get("resumable", {}).get("path")
    return method["httpMethod"] == request.method and request.path in ("/" + method["path"], upload)


def _methods(resources: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for one in resources.values():
        yield from one.get("methods", {}).values()
        yield from _methods(one.get("resources", {}))


def _fields(api: dict[str, Any], schema: str, given: dict[str, Any]) -> Iterator[str]:
    known = api["schemas"][schema]["properties"]
    for name, value in given.items():
        if name not in known:
            yield f"{schema} has no {name}"
        elif "$ref" in known[name] and isinstance(value, dict):
            yield from _fields(api, known[name]["$ref"], value)
        elif known[name].get("enum") and value not in known[name]["enum"]:
            yield f"{schema}.{name} is never {value}"
