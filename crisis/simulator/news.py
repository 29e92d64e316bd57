"""The web site of a pretend hospital: a news feed, and the articles it names. It knows when a reader has seen it all."""

import hashlib
from datetime import UTC, datetime, timedelta
from html import escape

from aiohttp import web

SITE = "ous"
ARTICLES = (
    (2, "Nytt vaksinekurs i høst", "Kurset er åpent for alle ansatte. Påmelding innen fredag."),
    (26, "Slik finner du frem i det nye bygget", "Fra mandag er hovedinngangen flyttet til Kirkeveien. Se kartet her."),
    (75, "Ny brosjyre om hjertesvikt", "Brosjyren er skrevet sammen med pasientene og finnes på seks språk."),
)  # hours since it was published, title, first words


class News:
    """Under /news/. Articles are dated from the moment the simulator was started."""

    def __init__(self) -> None:
        """Published now and in the days before."""
        now = datetime.now(UTC).replace(microsecond=0)
        self._articles = [(now - timedelta(hours=hours), title, words) for hours, title, words in ARTICLES]

    def routes(self) -> list[web.RouteDef]:
        """The addresses served."""
        return [web.get(f"/news/{SITE}.atom", self._feed), web.get("/news/{number:[0-9]+}", self._article)]

    async def _feed(self, request: web.Request) -> web.Response:
        text = self._atom(f"{request.scheme}://{request.host}/news")
        mark = f'"{hashlib.sha256(text.encode()).hexdigest()[:16]}"'
        if request.headers.get("If-None-Match") == mark:
            return web.Response(status=304, headers={"ETag": mark})
        return web.Response(text=text, content_type="application/atom+xml", charset="utf-8", headers={"ETag": mark})

    def _atom(self, base: str) -> str:
        entries = "".join(
            f"<entry><id>{base}/{number}</id><title>{escape(title)}</title><link href='{base}/{number}'/>"
            f"<updated>{at.isoformat()}</updated><published>{at.isoformat()}</published>"
            f"<summary type='html'>{escape(f'<p>{escape(words)}</p>')}</summary></entry>"
            for number, (at, title, words) in enumerate(self._articles, 1)
        )
        return (
            "<?xml version='1.0' encoding='utf-8'?><feed xmlns='http://www.w3.org/2005/Atom'>"
            f"<id>{base}/</id><title>Nyheter</title><updated>{self._articles[0][0].isoformat()}</updated>{entries}</feed>"
        )

    async def _article(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        if not 1 <= number <= len(self._articles):
            return web.Response(status=404, text="There is no such article.\n")
        _, title, words = self._articles[number - 1]
        page = (
            f"<!doctype html><html lang='nb'><meta charset='utf-8'><meta name='viewport' content='width=device-width'>"
            f"<title>{escape(title)}</title><main><h1>{escape(title)}</h1><p>{escape(words)}</p></main></html>"
        )
        return web.Response(text=page, content_type="text/html")
