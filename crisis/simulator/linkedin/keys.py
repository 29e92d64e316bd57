"""Whose keys a call to the pretend LinkedIn shows, and the renewing of tokens."""

from urllib.parse import parse_qsl

from aiohttp import web

from crisis.simulator.front import Refusal
from crisis.simulator.ledger import Ledger
from crisis.simulator.linkedin import rules
from crisis.simulator.linkedin.page import DEMO, Organization, now

TOKEN_SECONDS, REFRESH_SECONDS = 60 * 86_400, 365 * 86_400
SCOPES = "r_organization_social,w_organization_social,rw_organization_admin"


class Keys:
    """The tokens of the demo's organisations."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._by_token = {one.keys["access_token"]: one for one in DEMO}

    async def who(self, request: web.Request) -> Organization:
        account = self._by_token.get(request.headers.get("Authorization", "").removeprefix("Bearer "))
        if account is None:
            raise Refusal(401, "Invalid access token")
        if "access_token" in request.query or "oauth2_access_token" in request.query:
            raise Refusal(400, "a token stands in the address")
        if request.path.startswith("/linkedin/rest"):
            version = request.headers.get("LinkedIn-Version", "")
            if not version:
                raise Refusal(400, "A version must be present. Please specify a version by adding LinkedIn-Version")
            if not rules.OLDEST_VERSION <= version <= rules.NEWEST_VERSION:
                raise Refusal(426, f"Requested version {version} is not active")
            if request.headers.get("X-Restli-Protocol-Version") != "2.0.0":
                raise Refusal(400, "X-Restli-Protocol-Version is not 2.0.0")
            if "urn:li:" in request.rel_url.raw_path:
                raise Refusal(400, "Syntax exception in path variables: URNs must be escaped")
        return account

    async def token(self, request: web.Request) -> web.Response:
        given = dict(parse_qsl(await request.text()))
        account = next((one for one in DEMO if one.keys["refresh_token"] == given.get("refresh_token")), None)
        self._ledger.count("linkedin", "token")
        known = {"grant_type", "refresh_token", "client_id", "client_secret"}
        if account is None or set(given) != known or given["grant_type"] != "refresh_token":
            self._ledger.refuse("linkedin", "token", 400, "the refresh token is not known")
            return web.json_response({"error": "invalid_request", "error_description": "invalid token"}, status=400)
        if (given["client_id"], given["client_secret"]) != (account.client_id, account.keys["client_secret"]):
            self._ledger.refuse("linkedin", "token", 401, "the app is not known", account.name)
            return web.json_response({"error": "invalid_client"}, status=401)
        return web.json_response(
            {
                "access_token": account.keys["access_token"],
                "expires_in": TOKEN_SECONDS,
                "refresh_token": account.keys["refresh_token"],
                "refresh_token_expires_in": REFRESH_SECONDS,
                "scope": SCOPES,
            }
        )

    async def introspect(self, request: web.Request) -> web.Response:
        given = dict(parse_qsl(await request.text()))
        account = self._by_token.get(given.get("token", ""))
        if account is None or given.get("client_secret") != account.keys["client_secret"]:
            self._ledger.refuse("linkedin", "introspect", 400, "unknown token or app")
            return web.json_response({"error": "invalid_request"}, status=400)
        ends = now() // 1000 + TOKEN_SECONDS
        return web.json_response({"active": True, "status": "active", "scope": SCOPES, "expires_at": ends})
