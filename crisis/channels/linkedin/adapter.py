"""Posts of an organisation on LinkedIn: the versioned REST API over plain HTTP, as an administrator of its page.

Little text is written and read back in `linkedin_words`, pictures go up in `linkedin_pictures`, tokens are kept fresh by
`tokens`. Comments come by webhook as a hint and by asking as the truth; both have the same shape.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import Field, model_validator

from crisis.channels.base import (
    Accepted,
    Facts,
    Health,
    Hook,
    HookEvents,
    Inbound,
    MediaFacts,
    Outgoing,
    Polled,
    Rejected,
    SendError,
    Shown,
    Uncertain,
)
from crisis.channels.calling import Caller
from crisis.channels.errors import as_promised, odd_left_out
from crisis.channels.linkedin import words
from crisis.channels.linkedin.calls import FINDER, MOST_PAGES, PAGE, PARTIAL, Calls, comments_of, escaped, posted_at
from crisis.channels.linkedin.hooks import read_hook
from crisis.channels.linkedin.pictures import uploaded
from crisis.channels.opening import Opening
from crisis.channels.text.unmarked import comparable
from crisis.settings import Frozen, SecretRef

FACTS = Facts(
    name="linkedin",
    label="LinkedIn",
    form="full",
    medium="wall",
    public=True,
    repeat_safe=False,  # no idempotency key; DUPLICATE_POST is only a weak guard
    threads=False,
    receipts=False,
    pace=0.5,  # limits are per day and not published (LinkedIn docs, rate limiting); about 150 posts a day are reported
    concurrency=1,
    measure=words.measure,
    media=MediaFacts(
        pictures=20,  # LinkedIn docs, MultiImage API: 2 to 20
        picture_types=frozenset({"image/jpeg", "image/png", "image/gif"}),  # LinkedIn docs, Images API
        picture_bytes=8 * 1024 * 1024,  # not documented; only pixels are (36 million)
        picture_side=4096,
        alt_length=4086,  # LinkedIn docs, Posts API, altText
    ),
    edits=timedelta.max,
    deletes=True,
)

OWN_PHASES = frozenset({"initial", "update", "correction", "all_clear"})
CLOCK_DOUBT = timedelta(minutes=1)
OLDEST_NOTIFICATION = timedelta(days=59)  # LinkedIn keeps them for 60 days
ROLES = frozenset({"ADMINISTRATOR", "CONTENT_ADMINISTRATOR", "CONTENT_ADMIN"})


class Options(Frozen):
    """The keys of a LinkedIn account in crisis.toml."""

    organization: str = Field(pattern=r"^\d{1,20}$", description="the number of the organisation's page")
    version: str = Field(
        default="202607", pattern=r"^20\d{2}(0[1-9]|1[0-2])$", description="the API's version; each lives about a year"
    )
    access_token: SecretRef | None = Field(default=None, description="a token that a person renews every 60 days")
    refresh_token: SecretRef | None = Field(
        default=None, description="renews tokens for a year; better than the former"
    )
    client_id: str | None = Field(default=None, description="the app; needed with refresh_token")
    client_secret: SecretRef | None = Field(default=None, description="the app's secret; it proves webhooks too")
    base_url: str = Field(default="https://api.linkedin.com", pattern=r"^https?://\S+$", description="where the API is")
    auth_url: str = Field(
        default="https://www.linkedin.com", pattern=r"^https?://\S+$", description="where tokens are renewed"
    )
    connect_seconds: float = Field(default=5, gt=0, le=60, description="longest wait for a connection")
    read_seconds: float = Field(default=20, gt=0, le=120, description="longest wait for an answer")
    poll_seconds: float = Field(default=120, ge=5, le=3600, description="between looks for comments")

    @model_validator(mode="after")
    def _some_token(self) -> Options:
        if self.refresh_token is None and self.access_token is None:
            msg = "give refresh_token (with client_id and client_secret) or access_token"
            raise ValueError(msg)
        if self.refresh_token is not None and (self.client_id is None or self.client_secret is None):
            msg = "refresh_token needs client_id and client_secret"
            raise ValueError(msg)
        return self


class LinkedIn:
    """One organisation's page."""

    facts = FACTS
    shakes_hands = True  # the challenge, every two hours
    largest_hook = 512 * 1024  # ten notifications at once, each with the post and the comment in it

    def __init__(self, opening: Opening) -> None:
        options: Options = opening.options
        self.poll_seconds = options.poll_seconds
        self._own = f"urn:li:organization:{options.organization}"
        patience: dict[str, Any] = {"connect": options.connect_seconds, "read": options.read_seconds, "connections": 4}
        versions = {"LinkedIn-Version": options.version, "X-Restli-Protocol-Version": "2.0.0"}
        self._client_secret = options.client_secret.reveal() if options.client_secret else ""
        self._calls = Calls(
            self._own,
            Caller(options.base_url, headers=versions, **patience),
            Caller(options.auth_url, **patience),
            client_id=options.client_id or "",
            client_secret=self._client_secret,
            token=options.access_token.reveal() if options.access_token and not options.refresh_token else "",
        )
        if options.refresh_token is not None:
            self._calls.refreshed(opening.notes, options.refresh_token.reveal())

    async def send(self, out: Outgoing) -> Accepted:
        """Post once; an answer to a person hangs under their comment or under the post it names.

        A follow-up of our own is a post of its own: comments hold 1,250 characters, and few people open them.
        """
        if _answers(out):
            return await self._comment(out, str(out.reply_to))
        content = await uploaded(self._calls.api, await self._calls.bearer(), self._own, out.media)
        post = {
            "author": self._own,
            "commentary": words.little_text(out.text),
            "visibility": "PUBLIC",
            "distribution": {
                "feedDistribution": "MAIN_FEED",
                "targetEntities": [],
                "thirdPartyDistributionChannels": [],
            },
            "lifecycleState": "PUBLISHED",
            "isReshareDisabledByAuthor": False,
            **({"content": content} if content else {}),
        }
        try:
            urn, wait = await self._calls.created("/rest/posts", post)
        except Rejected as error:
            if error.code == "duplicate" and (earlier := await self._ours(out, words.duplicate_of(error))):
                return earlier
            raise
        await self._whole(urn, out)
        return Accepted(urn, words.permalink(urn), wait=wait)

    async def find(self, out: Outgoing) -> Accepted | None:
        """Look for `out` among what we said since its first attempt."""
        if out.first_attempt_at is None:
            raise Uncertain("cannot look for a post without the time of its first attempt")
        since, wanted = out.first_attempt_at - CLOCK_DOUBT, comparable(out.text)
        with as_promised():
            if _answers(out):
                for one in await self._calls.comments(str(out.reply_to)):
                    said_at = words.moment((one.get("created") or {})["time"])
                    mine = one.get("actor") == self._own and said_at >= since
                    if mine and comparable(str(one["message"]["text"])) == wanted:
                        return Accepted(words.comment_urn(str(one["commentUrn"])), None)
                return None
            for post in await self._calls.posts(since):
                if comparable(words.as_written(str(post.get("commentary", "")))) == wanted:
                    return Accepted(str(post["id"]), words.permalink(str(post["id"])))
        return None

    async def edit(self, provider_id: str, out: Outgoing) -> Accepted:
        if words.is_comment(provider_id):
            under, number = words.comment_parts(provider_id)
            path = f"{comments_of(under)}/{number}?actor={escaped(self._own)}"
            patch: dict[str, Any] = {"patch": {"message": {"$set": {"text": out.text}}}}
        else:
            path = f"/rest/posts/{escaped(provider_id)}"
            patch = {"patch": {"$set": {"commentary": words.little_text(out.text)}}}
        await self._calls.done("POST", path, json=patch, headers=PARTIAL)
        return Accepted(provider_id, None if words.is_comment(provider_id) else words.permalink(provider_id))

    async def delete(self, provider_id: str) -> None:
        path = f"/rest/posts/{escaped(provider_id)}"
        if words.is_comment(provider_id):
            under, number = words.comment_parts(provider_id)
            path = f"{comments_of(under)}/{number}?actor={escaped(self._own)}"
        try:
            await self._calls.done("DELETE", path)
        except Rejected as error:
            if error.code != "404":  # already gone
                raise

    async def shown(self, since: datetime) -> Sequence[Shown]:
        """Our posts as the page shows them. Reshares and drafts of people are not asked for."""
        with as_promised():
            return [
                Shown(
                    provider_id=str(post["id"]),
                    text=words.as_written(str(post.get("commentary", ""))),
                    at=posted_at(post),
                    url=words.permalink(str(post["id"])),
                    edited_at=words.moment(post["lastModifiedAt"])
                    if (post.get("lifecycleStateInfo") or {}).get("isEditedByAuthor")
                    else None,
                )
                for post in await self._calls.posts(since)
                if post.get("lifecycleState", "PUBLISHED") == "PUBLISHED"
            ]

    async def check(self) -> Health:
        """Is the token alive, does it hold the scopes, may its owner speak for this organisation, and until when?"""
        try:
            until, missing = await self._calls.inspected()
            query = "/rest/organizationAcls?q=roleAssignee&state=APPROVED&count=100"
            roles = await self._calls.ask("GET", query, headers=FINDER)
        except SendError as error:
            return Health(ok=False, say=error.say)
        if missing:
            return Health(ok=False, say=f"the token lacks {', '.join(sorted(missing))}", expires_at=until)
        mine = {str(one.get("role")) for one in roles.get("elements", ()) if self._own in _organizations(one)}
        if not mine & ROLES:
            say = f"the owner of this token may not post for organisation {self._own.rpartition(':')[2]}"
            return Health(ok=False, say=say, expires_at=until)
        return Health(ok=True, say=f"signed in as {', '.join(sorted(mine & ROLES))} of the page", expires_at=until)

    async def poll(self, cursor: str | None) -> Polled:
        """Comments since the cursor's moment; what webhooks brought already has the same id and is stored once."""
        now = datetime.now(UTC)
        end = int(now.timestamp() * 1000)
        if cursor is None:
            return Polled(json.dumps({"since": end}))
        with as_promised():
            start = max(int(json.loads(cursor)["since"]), int((now - OLDEST_NOTIFICATION).timestamp() * 1000))
        found: list[Inbound] = []
        for page in range(MOST_PAGES):
            query = (
                "/rest/organizationalEntityNotifications?q=criteria"
                "&actions=List(COMMENT,COMMENT_EDIT,COMMENT_DELETE)"
                f"&organizationalEntity={escaped(self._own)}&timeRange=(start:{start},end:{end})"
                f"&start={page * PAGE}&count={PAGE}"
            )
            told = (await self._calls.ask("GET", query, headers=FINDER)).get("elements", ())
            for one in told:
                with odd_left_out("LinkedIn"):
                    found += filter(None, [words.inbound(one, self._own)])
            if len(told) < PAGE:
                return Polled(json.dumps({"since": end}), inbounds=sorted(found, key=lambda said: said.at))
        raise Uncertain(f"more than {MOST_PAGES * PAGE} comments since the last look; look on LinkedIn")

    def read_hook(self, hook: Hook) -> HookEvents:
        return read_hook(hook, self._client_secret, self._own)

    async def close(self) -> None:
        await self._calls.close()

    # -- posts and comments ----------------------------------------------------------------------------------------

    async def _comment(self, out: Outgoing, target: str) -> Accepted:
        if len(out.text) > words.COMMENT_LIMIT:
            raise Rejected(f"a comment on LinkedIn holds {words.COMMENT_LIMIT} characters", code="too_long")
        said: dict[str, Any] = {"actor": self._own, "object": target, "message": {"text": out.text}}
        if words.is_comment(target):
            said |= {"object": words.comment_parts(target)[0], "parentComment": await self._calls.top(target)}
            target = said["parentComment"]
        number, wait = await self._calls.created(comments_of(target), said)
        urn = number if words.is_comment(number) else f"urn:li:comment:({said['object']},{number})"
        return Accepted(words.comment_urn(urn), words.permalink(str(said["object"])), wait=wait)

    async def _ours(self, out: Outgoing, urn: str | None) -> Accepted | None:
        """Is the post that a refused duplicate names our own earlier attempt? It may also be a ghost that answers 404."""
        if urn is None or out.first_attempt_at is None:
            return None
        try:
            post = await self._calls.ask("GET", f"/rest/posts/{escaped(urn)}")
        except Rejected:
            return None
        with as_promised():
            new = posted_at(post) >= out.first_attempt_at - CLOCK_DOUBT
        return Accepted(urn, words.permalink(urn)) if new else None

    async def _whole(self, urn: str, out: Outgoing) -> None:
        """Read the new post back. One that was cut is worse than none: it is taken down, and the delivery fails.

        Raises `Rejected` for that alone; when it cannot be read, the post stands as accepted.
        """
        try:
            post = await self._calls.ask("GET", f"/rest/posts/{escaped(urn)}")
            shown = words.as_written(str(post.get("commentary", out.text)))
            if not words.cut(out.text, shown):
                return
            await self.delete(urn)
        except SendError:
            return
        say = f"LinkedIn cut the text after {len(shown)} characters, so the post was taken down again"
        raise Rejected(say, code="cut")


def _answers(out: Outgoing) -> bool:
    """Is this said to one person, rather than a post of our own?"""
    return out.reply_to is not None and out.phase not in OWN_PHASES


def _organizations(acl: Mapping[str, Any]) -> set[str]:
    return {str(acl.get(name)) for name in ("organization", "organizationTarget")}
