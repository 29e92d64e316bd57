"""Signing in to the pretend Bluesky, and renewing a session."""

import time
from collections import deque

from aiohttp import web

from crisis.simulator.bluesky.network import SIGN_IN_SECONDS, SIGN_INS, Actor, Atmosphere, Tokens
from crisis.simulator.bluesky.words import body_of
from crisis.simulator.counter import Counter, Refusal


class Sessions:
    """Handlers over one sky."""

    def __init__(self, sky: Atmosphere, counter: Counter) -> None:
        self.sky, self._counter = sky, counter

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        async def answered() -> web.Response:
            given = await body_of(request, {"identifier", "password"}, {"authFactorToken", "allowTakendown"})
            actor = self.sky.by_handle(str(given["identifier"]))
            recent = self.sky.sign_ins.setdefault(str(given["identifier"]), deque())
            while recent and recent[0] < time.time() - SIGN_IN_SECONDS:
                recent.popleft()
            if len(recent) >= SIGN_INS:
                headers = {"ratelimit-reset": str(int(recent[0] + SIGN_IN_SECONDS))}
                raise Refusal(429, "RateLimitExceeded", "Rate Limit Exceeded", headers=headers)
            recent.append(time.time())
            if actor is None or not actor.password or actor.password != given["password"]:
                raise Refusal(401, "AuthenticationRequired", "Invalid identifier or password")
            return self._began(actor)

        return await self._counter.serve(request, "createSession", "", answered, write=False)

    async def refresh(self, request: web.Request) -> web.StreamResponse:
        async def answered() -> web.Response:
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            session = next((one for one in self.sky.sessions if one.refresh == token), None)
            if session is None:
                raise Refusal(400, "ExpiredToken", "Token has been revoked")
            self.sky.sessions.remove(session)
            return self._began(session.actor)

        return await self._counter.serve(request, "refreshSession", "", answered, write=False)

    def _began(self, actor: Actor) -> web.Response:
        number = self.sky.tid()
        session = Tokens(actor, f"access-{actor.handle}-{number}", f"refresh-{actor.handle}-{number}")
        self.sky.sessions.append(session)
        who = {"handle": actor.handle, "did": actor.did, "active": True}
        return web.json_response({"accessJwt": session.access, "refreshJwt": session.refresh, **who})
