"""Records on the pretend Bluesky, as com.atproto.repo has them: written once under a key, read, listed, deleted; and blobs."""

from typing import Any

from aiohttp import web

from crisis.simulator.bluesky import lexicon
from crisis.simulator.bluesky.network import Actor, Atmosphere, cid
from crisis.simulator.bluesky.words import body_of, paged, query_of
from crisis.simulator.counter import Refusal


class Repository:
    """Handlers over one sky."""

    def __init__(self, sky: Atmosphere) -> None:
        self.sky = sky

    async def put(self, request: web.Request, actor: Actor) -> Any:
        given = await body_of(
            request, {"repo", "collection", "rkey", "record"}, {"validate", "swapRecord", "swapCommit"}
        )
        return self._written(given, actor, str(given["rkey"]))

    async def create(self, request: web.Request, actor: Actor) -> Any:
        given = await body_of(request, {"repo", "collection", "record"}, {"rkey", "validate", "swapCommit"})
        key = str(given.get("rkey") or self.sky.tid())
        if self.sky.standing(f"at://{actor.did}/{given['collection']}/{key}"):
            raise Refusal(500, "InternalServerError", "Internal Server Error")
        return self._written(given, actor, key)

    def _written(self, given: dict[str, Any], actor: Actor, key: str) -> Any:
        collection, record = str(given["collection"]), given["record"]
        if given["repo"] not in (actor.did, actor.handle):
            raise Refusal(400, "InvalidRequest", "Could not find repo")
        if not lexicon.TID.fullmatch(key):
            raise Refusal(400, "InvalidRequest", f"Invalid record key for {collection}: {key}")
        sizes = {link: len(data) for link, (_, data) in self.sky.blobs.items()}
        if wrong := lexicon.complaint(record, collection, sizes):
            raise Refusal(400, "InvalidRequest", wrong)
        for end in ("root", "parent") if "reply" in record else ():
            named = record["reply"][end]
            parent = self.sky.standing(str(named["uri"]))
            if parent is None or parent.cid != named["cid"]:
                raise Refusal(400, "InvalidRequest", "reply names a post that is not there, or not that version of it")
        old = self.sky.standing(f"at://{actor.did}/{collection}/{key}")
        if "swapRecord" in given and (old.cid if old else None) != given["swapRecord"]:
            raise Refusal(400, "InvalidSwap", f"Record was at {old.cid if old else None}")
        made = old if old and old.value == record else self.sky.put(actor, collection, key, record)
        return {"uri": made.uri, "cid": made.cid, "validationStatus": "valid"}

    async def delete(self, request: web.Request, actor: Actor) -> Any:
        given = await body_of(request, {"repo", "collection", "rkey"}, {"swapRecord", "swapCommit"})
        if given["repo"] not in (actor.did, actor.handle):
            raise Refusal(400, "InvalidRequest", "Could not find repo")
        if record := self.sky.standing(f"at://{actor.did}/{given['collection']}/{given['rkey']}"):
            record.deleted = True
        return {}

    async def blob(self, request: web.Request, _actor: Actor) -> Any:
        data, kind = await request.read(), request.content_type
        if not data or len(data) > 50_000_000 or "/" not in kind:
            raise Refusal(413 if data else 400, "BlobTooLarge" if data else "InvalidRequest", "not a blob we take")
        link = cid(data).replace("bafyrei", "bafkrei")
        self.sky.blobs[link] = (kind, data)
        return {"blob": {"$type": "blob", "ref": {"$link": link}, "mimeType": kind, "size": len(data)}}

    async def get(self, request: web.Request, _actor: Actor) -> Any:
        query = query_of(request, {"repo", "collection", "rkey"})
        record = self.sky.standing(f"at://{query['repo']}/{query['collection']}/{query['rkey']}")
        if record is None:
            raise Refusal(400, "RecordNotFound", "Could not locate record")
        return {"uri": record.uri, "cid": record.cid, "value": record.value}

    async def listed(self, request: web.Request, _actor: Actor) -> Any:
        query = query_of(request, {"repo", "collection", "limit", "cursor"})
        found = sorted(
            (
                one
                for one in self.sky.records.values()
                if one.actor.did == query.get("repo") and one.collection == query.get("collection") and not one.deleted
            ),
            key=lambda one: one.key,
            reverse=True,
        )
        shown, more = paged(found, query, lambda one: one.key)
        return {"records": [{"uri": one.uri, "cid": one.cid, "value": one.value} for one in shown], **more}
