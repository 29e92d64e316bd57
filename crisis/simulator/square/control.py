"""The control interface under /control, for tests and for the town square: faults, phones, passers-by, crowds, state, reset.

It is open to whoever reaches the port, which is why the simulator listens on loopback unless told otherwise.
"""

from dataclasses import asdict
from datetime import UTC, datetime

from aiohttp import web

from crisis.simulator import network as network_rules
from crisis.simulator.crowd.script import BadCrowd
from crisis.simulator.crowd.speaking import Crowds
from crisis.simulator.faults import KINDS, BadFault
from crisis.simulator.internet import PARTS, Internet
from crisis.simulator.mail import answers
from crisis.simulator.sms.inbound import CannotSay
from crisis.simulator.square.bodies import body, same_site, wrong
from crisis.simulator.x import weights


class Control:
    """Handlers over one internet."""

    def __init__(self, internet: Internet) -> None:
        """Switch this one."""
        self._internet = internet
        self._crowds = Crowds(internet)

    def routes(self) -> list[web.RouteDef]:
        """The addresses served."""
        return [
            web.get("/control/faults", self._faults),
            web.post("/control/faults", self._add_fault),
            web.delete("/control/faults", self._clear_faults),
            web.delete("/control/faults/{number:[0-9]+}", self._clear_faults),
            web.get("/control/state", self._state),
            web.post("/control/reset", self._reset),
            web.post("/control/phones/{number}/say", self._say),
            web.post("/control/posts", self._post),
            web.post("/control/networks/{network}/say", self._network_say),
            web.get("/control/crowd", self._crowd),
            web.post("/control/crowd", self._gather),
            web.delete("/control/crowd", self._disperse),
            web.post("/control/mails/{number:[0-9]+}/{what:answer|bounce}", self._mail),
            web.get("/control/certificate.pem", self._certificate),
        ]

    async def _faults(self, _request: web.Request) -> web.Response:
        return web.json_response({"active": self._internet.faults.snapshot(), "kinds": KINDS})

    async def _add_fault(self, request: web.Request) -> web.Response:
        given = await body(request)
        try:
            fault = self._internet.faults.add(given)
        except BadFault as error:
            raise wrong(str(error)) from error
        self._internet.ledger.version += 1
        return web.json_response(asdict(fault), status=201)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        same_site(request)
        number = request.match_info.get("number")
        gone = self._internet.faults.clear(int(number) if number else None)
        self._internet.ledger.version += 1
        return web.json_response({"cleared": gone})

    async def _state(self, request: web.Request) -> web.Response:
        parts = tuple(request.query["only"].split(",")) if "only" in request.query else PARTS
        if unknown := set(parts) - set(PARTS):
            raise wrong(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
        limit = request.query.get("limit")
        if limit is not None and not limit.isdigit():
            raise wrong("limit is a whole number")
        return web.json_response(self._internet.snapshot(parts, int(limit) if limit else None))

    async def _reset(self, request: web.Request) -> web.Response:
        same_site(request)
        self._crowds.disperse()
        self._internet.reset()
        return web.json_response({"reset": True})

    async def _say(self, request: web.Request) -> web.Response:
        given = await body(request)
        number = request.match_info["number"]
        try:
            said = await self._internet.inbound.say(number, str(given.get("text", "")), str(given.get("to") or ""))
        except CannotSay as error:
            raise wrong(str(error)) from error
        answer = {"sid": said.message.sid, "to": said.message.to, "opt_out": said.opt_out}
        return web.json_response({**answer, "webhook": said.webhook, "answer": said.answer}, status=201)

    async def _post(self, request: web.Request) -> web.Response:
        """Let a passer-by write on X: {handle, text, reply_to?}."""
        given = await body(request)
        handle, text, reply_to = (str(given.get(name) or "") for name in ("handle", "text", "reply_to"))
        handle = handle.removeprefix("@")
        if not (handle.replace("_", "a").isalnum() and handle.isascii() and len(handle) <= 15):
            raise wrong("handle has 1 to 15 letters, digits or _")
        if not text.strip() or weights.length(text) > weights.GREATEST:
            raise wrong(f"a post has 1 to {weights.GREATEST} characters as X counts them")
        wall = self._internet.wall
        if reply_to and (reply_to not in wall.posts or wall.posts[reply_to].deleted):
            raise wrong("the post it answers is not there")
        post = wall.add(wall.passer_by(handle), text, reply_to or None)
        self._internet.ledger.version += 1
        return web.json_response({"id": post.id}, status=201)

    async def _network_say(self, request: web.Request) -> web.Response:
        """Let a passer-by speak on any other network: {account, author, text, reply_to?}."""
        given = await body(request)
        network = self._internet.networks.get(request.match_info["network"])
        if network is None:
            raise wrong(f"no such network; there are {', '.join(self._internet.networks)}")
        account, author, text, reply_to = (
            str(given.get(name) or "") for name in ("account", "author", "text", "reply_to")
        )
        try:
            made = await network.say(account, author, text, reply_to)
        except network_rules.CannotSay as error:
            raise wrong(str(error)) from error
        self._internet.ledger.version += 1
        return web.json_response({"id": made}, status=201)

    async def _crowd(self, _request: web.Request) -> web.Response:
        play = self._crowds.play
        return web.json_response(play.snapshot() if play else {})

    async def _gather(self, request: web.Request) -> web.Response:
        """Let a crowd answer an account: {account, size?, seed?, place?, seconds?}; GET says how far it is."""
        given = await body(request)
        try:
            size, seed, seconds = int(given.get("size", 40)), int(given.get("seed", 1)), float(given.get("seconds", 0))
        except (TypeError, ValueError) as error:
            raise wrong("size and seed are whole numbers, seconds is a number") from error
        place = str(given.get("place") or "Oslo S")[:40]
        try:
            play = self._crowds.gather(
                str(given.get("account", "")), seed=seed, size=size, place=place, seconds=max(0.0, seconds)
            )
        except BadCrowd as error:
            raise wrong(str(error)) from error
        self._internet.ledger.version += 1
        return web.json_response(play.snapshot(), status=202)

    async def _disperse(self, request: web.Request) -> web.Response:
        same_site(request)
        self._crowds.disperse()
        return web.json_response({"dispersed": True})

    async def _mail(self, request: web.Request) -> web.Response:
        """Let the person who got a mail answer it ({text}), or their mail server say that there is nobody."""
        given, now = await body(request), datetime.now(UTC)
        mail = self._internet.mailboxes.find(int(request.match_info["number"]))
        text = str(given.get("text") or "").strip()
        if mail is None or not mail.login:
            raise wrong("there is no such mail, or nobody reads what comes back to it")
        if request.match_info["what"] == "bounce":
            raw = answers.bounce(mail, now)
        elif text:
            raw = answers.answer(mail, text, now)
        else:
            raise wrong("an answer says something")
        self._internet.mailboxes.come_back(mail.login, raw)
        return web.json_response({"to": mail.login}, status=201)

    async def _certificate(self, _request: web.Request) -> web.Response:
        return web.Response(text=self._internet.certificate, content_type="application/x-pem-file")
