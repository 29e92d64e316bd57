"""Pictures for a LinkedIn post: an address for each is asked for, the bytes go there, and the post names them.

A picture that went up and was never named in a post is seen by nobody, so whatever goes wrong here is safe to repeat.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from crisis.channels.base import Attachment, Rejected, Uncertain, Unreachable
from crisis.channels.calling import Caller
from crisis.channels.errors import as_promised, failure


async def uploaded(
    caller: Caller, bearer: Mapping[str, str], owner: str, media: Sequence[Attachment]
) -> dict[str, Any] | None:
    """The `content` of a post with these pictures; None without any. Raises `SendError`, never `Uncertain`."""
    if any(one.kind != "picture" for one in media):
        raise Rejected("this channel posts pictures on LinkedIn, no film; take the film away", code="media")
    try:
        pictures = [
            {"id": await _up(caller, bearer, owner, one), **({"altText": one.alt} if one.alt else {})} for one in media
        ]
    except Uncertain as error:
        raise Unreachable(f"the picture did not go up: {error.say}", code=error.code) from None
    match pictures:
        case []:
            return None
        case [only]:
            return {"media": only}
        case _:
            return {"multiImage": {"images": pictures}}


async def _up(caller: Caller, bearer: Mapping[str, str], owner: str, picture: Attachment) -> str:
    wanted = {"initializeUploadRequest": {"owner": owner}}
    begun = await caller.ask("POST", "/rest/images?action=initializeUpload", json=wanted, headers=bearer)
    with as_promised():
        address, urn = str(begun["value"]["uploadUrl"]), str(begun["value"]["image"])
    try:
        data = await asyncio.to_thread(picture.path.read_bytes)
    except OSError as error:
        raise Rejected(f"the picture cannot be read: {error.strerror}", code="media") from None
    headers = {**bearer, "Content-Type": picture.content_type}
    if refused := failure(await caller.answer("PUT", address, data=data, headers=headers, exact=True)):
        raise refused
    return urn
