"""How the pretend YouTube words an answer, and what the town square sees of it."""

from aiohttp import web

from crisis.simulator.front import Dialect, Refusal
from crisis.simulator.network import Picture, Seen
from crisis.simulator.when import iso
from crisis.simulator.youtube import views
from crisis.simulator.youtube.tube import Film, Said


class Words(Dialect):
    def refused(self, refusal: Refusal) -> web.Response:
        return web.json_response(
            refusal.body or views.error(refusal.status, "badRequest", refusal.reason), status=refusal.status
        )

    def busy(self, seconds: float) -> web.Response:
        body = views.error(429, "rateLimitExceeded", "Rate Limit Exceeded", "usageLimits")
        return web.json_response(body, status=429, headers={"Retry-After": str(int(seconds + 0.999))})

    def broken(self) -> web.Response:
        return web.json_response(views.error(503, "backendError", "Backend Error"), status=503)

    def unknown_keys(self) -> web.Response:
        return web.json_response(views.error(401, "authError", "Invalid Credentials"), status=401)

    def not_allowed(self) -> web.Response:
        return web.json_response(views.error(403, "forbidden", "Forbidden"), status=403)


def seen_film(film: Film) -> Seen:
    return Seen(
        id=film.id,
        account=film.owner.name,
        author=film.owner.title,
        title=film.snippet["title"],
        text=film.snippet["description"],
        at=iso(film.at),
        url=f"https://www.youtube.com/watch?v={film.id}",
        pictures=[Picture("film", f"/youtube/films/{film.id}", film.snippet["title"])],
        edited=film.edited,
        deleted=film.deleted,
        hidden=film.status["privacyStatus"] == "private",
        details={"privacy": film.status["privacyStatus"]},
    )


def seen_comment(said: Said) -> Seen:
    return Seen(
        id=said.id,
        account=said.film.owner.name,
        author=said.name,
        text=said.text,
        at=iso(said.at),
        reply_to=said.parent or said.film.id,
        edited=bool(said.changed),
        deleted=said.deleted,
        hidden=said.status != "published",
        ours=said.author == said.film.owner.id,
    )
