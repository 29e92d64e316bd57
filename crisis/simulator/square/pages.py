"""Serves the public incident pages from a folder, read-only, never from outside it."""

from pathlib import Path

from aiohttp import web


class Pages:
    """A folder under /pages/."""

    def __init__(self, folder: Path | None) -> None:
        """Serve this folder; None says that there is none."""
        self._root = folder.resolve() if folder else None

    def routes(self) -> list[web.RouteDef]:
        """The addresses served."""
        return [web.get("/pages", self._to_folder), web.get("/pages/{path:.*}", self._serve)]

    async def _to_folder(self, _request: web.Request) -> web.Response:
        raise web.HTTPMovedPermanently("/pages/")

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self._root is None:
            return _plain("The simulator was started without --public-dir, so there are no public pages.")
        asked = request.match_info["path"]
        if "\0" in asked or any(part.startswith(".") for part in asked.split("/")):
            return _plain("There is no such page.")
        # Resolving follows links, so a link that leads out of the folder is refused like a path with dots.
        found = (self._root / asked.lstrip("/")).resolve()
        if not found.is_relative_to(self._root):
            return _plain("There is no such page.")
        if found.is_dir():
            if asked and not asked.endswith("/"):
                raise web.HTTPFound(request.rel_url.with_path(request.path + "/"))
            found = found / "index.html"
        if not found.is_file():
            return _plain("Nothing has been published here yet." if not asked else "There is no such page.")
        headers = {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        kind = {".atom": "application/atom+xml", ".cap": "application/cap+xml"}.get(found.suffix)
        return web.FileResponse(found, headers=headers | ({"Content-Type": kind} if kind else {}))


def _plain(text: str) -> web.Response:
    return web.Response(status=404, text=text + "\n")
