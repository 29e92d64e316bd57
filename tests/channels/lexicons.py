"""The lexicons of the AT Protocol as JSON schemas, so that requests can be held against them."""

from __future__ import annotations

from typing import Any

import jsonschema  # type: ignore[import-untyped]
import regex

from tests.channels.specs import spec


def check_input(nsid: str, body: Any) -> None:
    """Is `body` an input of this procedure? Unknown fields are mistakes."""
    main = _lexicon(nsid)["main"]
    jsonschema.validate(body, _schema(main["input"]["schema"], nsid))


def check_record(nsid: str, record: Any) -> None:
    jsonschema.validate(
        {k: v for k, v in record.items() if k != "$type"}, _schema(_lexicon(nsid)["main"]["record"], nsid)
    )
    for name, rule in _lexicon(nsid)["main"]["record"]["properties"].items():
        if "maxGraphemes" in rule and name in record:
            assert len(regex.findall(r"\X", record[name])) <= rule["maxGraphemes"]


def _lexicon(nsid: str) -> dict[str, Any]:
    found: dict[str, Any] = spec(f"bluesky/lexicons/{nsid.replace('.', '/')}.json")["defs"]
    return found


def _schema(rule: dict[str, Any], nsid: str) -> dict[str, Any]:
    match rule["type"]:
        case "ref":
            return _named(rule["ref"], nsid)
        case "union":
            return {"anyOf": [_named(one, nsid) for one in rule["refs"] if "embed" not in one or _ours(one)]}
        case "object":
            fields = {name: _schema(one, nsid) for name, one in rule.get("properties", {}).items()}
            required = rule.get("required", [])
            return {
                "type": "object",
                "properties": fields | {"$type": {}},
                "required": required,
                "additionalProperties": False,
            }
        case "array":
            more = {"maxItems": rule["maxLength"]} if "maxLength" in rule else {}
            return {"type": "array", "items": _schema(rule["items"], nsid), **more}
        case "blob":
            size = {"type": "integer", "maximum": rule["maxSize"]}
            return {"type": "object", "properties": {"size": size}, "required": ["ref", "mimeType", "size"]}
        case "unknown":
            return {"type": "object"}
        case kind:
            known = {"minimum": "minimum", "maximum": "maximum"}
            return {"type": kind, **{ours: rule[theirs] for theirs, ours in known.items() if theirs in rule}}


def _ours(ref: str) -> bool:
    return ref in ("app.bsky.embed.images", "app.bsky.embed.video")


def _named(ref: str, nsid: str) -> dict[str, Any]:
    document, _, name = ref.partition("#")
    document = document or nsid
    return _schema(_lexicon(document)[name or "main"], document)
