"""Reads the body of a create-post request as strictly as the published contract: no unknown field, no wrong type.

Pure: a mapping in, a list of complaints out.
"""

import re
from typing import Any

_ID = re.compile(r"[0-9]{1,19}")
_REPLY_SETTINGS = ("following", "mentionedUsers", "subscribers", "verified")
_BOOLEANS = ("for_super_followers_only", "made_with_ai", "nullcast", "paid_partnership", "share_with_followers")
_TEXTS = ("card_uri", "direct_message_deep_link", "text")
_IDS = ("community_id", "quote_tweet_id")
_OBJECTS: dict[str, tuple[str, ...]] = {
    "reply": ("in_reply_to_tweet_id", "auto_populate_reply_metadata", "exclude_reply_user_ids"),
    "edit_options": ("previous_post_id",),
    "geo": ("place_id",),
    "poll": ("options", "duration_minutes", "reply_settings"),
    "media": ("media_ids", "tagged_user_ids", "description", "embeddable", "call_to_actions", "title"),
}
KNOWN = (*_TEXTS, *_IDS, *_BOOLEANS, *_OBJECTS, "reply_settings")


def complaints(body: Any) -> list[str]:
    """What is wrong with the body; empty when nothing is."""
    if not isinstance(body, dict):
        return ["the body is not a JSON object"]
    wrong = [f"{name} is not a known field" for name in body if name not in KNOWN]
    wrong += [f"{name} is not a string" for name in _TEXTS if name in body and not isinstance(body[name], str)]
    wrong += [f"{name} is not an id in a string" for name in _IDS if name in body and not _is_id(body[name])]
    wrong += [f"{name} is not true or false" for name in _BOOLEANS if name in body and not isinstance(body[name], bool)]
    if "reply_settings" in body and body["reply_settings"] not in _REPLY_SETTINGS:
        wrong.append(f"reply_settings is none of {', '.join(_REPLY_SETTINGS)}")
    for name, inside in _OBJECTS.items():
        if name in body:
            wrong += _object(name, body[name], inside)
    return wrong


def _object(name: str, value: Any, inside: tuple[str, ...]) -> list[str]:
    if not isinstance(value, dict):
        return [f"{name} is not an object"]
    wrong = [f"{name}.{key} is not a known field" for key in value if key not in inside]
    if name == "reply" and not _is_id(value.get("in_reply_to_tweet_id")):
        wrong.append("reply.in_reply_to_tweet_id is not an id in a string")
    if name == "edit_options" and not _is_id(value.get("previous_post_id")):
        wrong.append("edit_options.previous_post_id is not an id in a string")
    if name == "media" and not (isinstance(value.get("media_ids"), list) and 1 <= len(value["media_ids"]) <= 4):
        wrong.append("media.media_ids is not a list of one to four ids")
    return wrong


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and _ID.fullmatch(value) is not None
