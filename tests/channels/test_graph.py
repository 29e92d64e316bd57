"""What Facebook, Instagram and Threads share: refusals, limits, lists, the token and its renewal, webhooks."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from crisis.channels.base import BadSignature, Busy, Hook, Misconfigured, Rejected, SendError, Uncertain
from crisis.channels.errors import answer
from crisis.channels.meta.facebook import Options
from crisis.channels.meta.graph import Graph, GraphOptions
from crisis.channels.meta.graph_words import moment, refusal, regained_in, used_share
from crisis.channels.meta.hooks import changes, prove, shake
from crisis.channels.text.unmarked import comparable
from crisis.logs import clean
from tests.channels import contract
from tests.channels.graph_scene import EXPIRED, SECRETS, handshake, hook, rows, secrets
from tests.channels.specs import samples, spec
from tests.channels.stub import Reply, serving

MEANS: dict[str, type[SendError]] = {
    "duplicate": Rejected,
    "retry_backoff": Busy,
    "auth": Misconfigured,
    "operator": Misconfigured,
    "ambiguous": Uncertain,
}


def refused(error: dict[str, Any], status: int = 400, headers: dict[str, str] | None = None) -> SendError:
    told = refusal(answer(status, headers or {}, str(Reply(200, {"error": error}).text)))
    assert told is not None
    return told


@pytest.fixture
def graph_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    refs: dict[str, Any] = secrets(monkeypatch)
    notes = contract.MemoryNotes()

    def graph_at(url: str, *, proof: bool = False) -> Graph:
        options = GraphOptions(connect_seconds=0.5, read_seconds=0.4, **refs)
        return Graph(contract.opening(options, tmp_path, notes=notes), f"{url}/v26.0", proof=proof)

    graph_at.notes = notes  # type: ignore[attr-defined]
    return graph_at


@pytest.mark.parametrize("sample", samples("meta"), ids=lambda sample: sample["name"])
def test_reads_the_recorded_answers(sample: dict[str, Any]) -> None:
    told = refusal(answer(sample["http_status"], sample["headers"], Reply(200, sample["body"]).text))
    assert type(told) is MEANS[sample["class"]]
    if sample["name"] == "page rate limit":
        assert told.retry_after == 12 * 60


@pytest.mark.parametrize("code", [4, 17, 32, 341, 613, 80001])
def test_a_limit_is_waited_for(code: int) -> None:
    error = refused({"message": "limit", "code": code})
    assert isinstance(error, Busy)
    assert error.retry_after is not None
    assert error.retry_after >= 60


@pytest.mark.parametrize(
    ("error", "means", "code"),
    [
        ({"code": 100, "error_subcode": 33}, Rejected, "gone"),
        ({"code": 1609005}, Rejected, "link"),
        ({"code": 10, "error_subcode": 2018278}, Rejected, "window_closed"),
        ({"code": 10}, Misconfigured, "forbidden"),
        ({"code": 190, "error_subcode": 492}, Misconfigured, "190.492"),
        ({"code": 2, "is_transient": True}, Uncertain, "2"),
        ({"code": "odd", "error_subcode": None}, Rejected, "400"),
    ],
)
def test_each_refusal_has_one_meaning(error: dict[str, Any], means: type[SendError], code: str) -> None:
    told = refused({"message": "<b>no</b>", **error})
    assert (type(told), told.code) == (means, code)
    assert "<" not in told.say


def test_an_error_may_come_with_a_success() -> None:
    assert isinstance(refused({"message": "bad", "code": 100}, status=200), Rejected)


def test_how_much_of_the_limit_is_used() -> None:
    business = '{"1":[{"type":"pages","call_count":100,"total_time":20,"estimated_time_to_regain_access":12}]}'
    headers = {"x-app-usage": '{"call_count":28,"total_time":81}', "x-business-use-case-usage": business}
    assert (used_share(headers), regained_in(headers)) == (100, 720)
    assert used_share({"x-app-usage": '{"call_count":28,"total_time":81}'}) == 81
    assert (used_share({"x-app-usage": "[1]"}), regained_in({"x-business-use-case-usage": "odd"})) == (0, None)


def test_times_and_texts() -> None:
    assert moment("2026-11-22T03:12:00+0000") == moment(datetime(2026, 11, 22, 3, 12, tzinfo=UTC).timestamp())
    assert comparable(" O\u0308l\n\nog  mat ") == "Öl og mat"


@pytest.mark.asyncio
async def test_the_token_never_stands_in_an_address_and_its_proof_goes_along(graph_at: Any) -> None:
    async with serving(rows({"id": "1"}, more="A1"), rows({"id": "2"}), Reply(200, {"id": "3"})) as stub:
        graph: Graph = graph_at(stub.url, proof=True)
        assert [row["id"] async for page in graph.pages("/7/feed", fields="id") for row in page] == ["1", "2"]
        await graph.post("/7/feed", message="Ring 113", published=False, attached_media=None)
        await graph.close()
    proof = hmac.new(SECRETS[1].encode(), SECRETS[0].encode(), hashlib.sha256).hexdigest()
    first, second, third = stub.requests
    assert second.query == {"fields": "id", "after": "A1", "appsecret_proof": proof}
    assert third.form == {"message": "Ring 113", "published": "false", "appsecret_proof": proof}
    for request in (first, second, third):
        assert request.path == "/v26.0/7/feed"
        assert request.headers["Authorization"] == f"Bearer {SECRETS[0]}"


@pytest.mark.asyncio
async def test_a_list_without_end_is_not_read_for_ever(graph_at: Any) -> None:
    async with serving(rows({"id": "1"}, more="again")) as stub:
        graph: Graph = graph_at(stub.url)
        with pytest.raises(Uncertain, match="longer"):
            _ = [page async for page in graph.pages("/7/feed")]
        await graph.close()


@pytest.mark.asyncio
async def test_a_token_is_renewed_in_time_and_kept(graph_at: Any) -> None:
    renewed = Reply(200, {"access_token": "renewed-token-9", "token_type": "bearer", "expires_in": 5_184_000})
    async with serving(renewed, Reply(200, {"id": "7"})) as stub:
        graph: Graph = graph_at(stub.url)
        await graph.renew("th_refresh_token")
        await graph.renew("th_refresh_token")
        await graph.get("/7")
        await graph.close()
        other: Graph = graph_at(stub.url)  # another process
        expires = await other._token.expires_at()
        assert await other.ends_at() is None, "nobody needs to do anything"
        await other.renew("th_refresh_token")
        await other.get("/7")
        await other.close()
    assert expires is not None
    assert expires > datetime.now(UTC) + timedelta(days=59)
    asked, *later = stub.requests
    assert (asked.path, asked.query) == ("/refresh_access_token", {"grant_type": "th_refresh_token"})
    assert [one.headers["Authorization"] for one in (asked, *later)] == [
        f"Bearer {SECRETS[0]}",
        *["Bearer renewed-token-9"] * 2,
    ]
    assert "renewed-token-9" not in clean("the token is renewed-token-9")


@pytest.mark.asyncio
async def test_a_new_token_in_the_settings_wins_over_a_renewed_old_one(
    graph_at: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(
        Reply(200, {"access_token": "renewed", "expires_in": 5_184_000}), Reply(200, {"id": "7"})
    ) as stub:
        graph: Graph = graph_at(stub.url)
        await graph.renew("th_refresh_token")
        monkeypatch.setenv("META_ACCESS_TOKEN", "typed-in-today")
        newer: Graph = graph_at(stub.url)
        await newer.get("/7")
        await graph.close()
        await newer.close()
    assert stub.requests[-1].headers["Authorization"] == "Bearer typed-in-today"


@pytest.mark.asyncio
async def test_a_token_that_is_not_renewed_is_used_on(graph_at: Any) -> None:
    async with serving(EXPIRED, Reply(200, {"id": "7"})) as stub:
        graph: Graph = graph_at(stub.url)
        await graph.renew("th_refresh_token")
        await graph.get("/7")
        assert await graph.ends_at() is None
        await graph.close()


@pytest.mark.asyncio
async def test_the_end_of_a_token_is_told_when_renewing_fails(graph_at: Any) -> None:
    async with serving(Reply(200, {"access_token": "nine-days", "expires_in": 9 * 86_400}), EXPIRED) as stub:
        graph: Graph = graph_at(stub.url)
        await graph.renew("th_refresh_token")
        ends = await graph.ends_at()
        await graph.close()
    assert ends is not None
    assert timedelta(days=8) < ends - datetime.now(UTC) < timedelta(days=10)


def test_the_recorded_signature() -> None:
    vectors = [one for one in spec("webhooks/signature-vectors.json")["vectors"] if one["provider"] == "meta"]
    assert len(vectors) == 2
    for vector in vectors:
        if "query" in vector:
            query = "&".join(f"{name}={value}" for name, value in vector["query"].items())
            asked = Hook("GET", f"https://crisis.example.org/hooks/a/inbound?{query}", {}, b"")
            assert shake(asked, vector["verify_token"]).answer == vector["expect_response"]
            continue
        told = Hook("POST", "https://crisis.example.org/", vector["headers"], vector["body"].encode())
        prove(told, vector["secret"])
        assert [one.value["message"] for one in changes(told)] == ["à l'aide"]
        with pytest.raises(BadSignature):
            prove(Hook("POST", told.url, told.headers, told.body + b" "), vector["secret"])


@pytest.mark.parametrize("headers", [{}, {"X-Hub-Signature-256": ""}, {"X-Hub-Signature-256": "sha256=ÆØÅ"}])
def test_what_is_not_proven_is_refused(headers: dict[str, str]) -> None:
    with pytest.raises(BadSignature):
        prove(Hook("POST", "https://crisis.example.org/", headers, b"{}"), SECRETS[1])


def test_without_a_secret_nothing_is_proven() -> None:
    with pytest.raises(BadSignature):
        prove(hook({}, secret=""), "")
    with pytest.raises(BadSignature):
        shake(handshake(token=""), "")


@pytest.mark.parametrize(
    "asked",
    [handshake(token="other"), handshake(mode="unsubscribe"), handshake(challenge="<script>"), handshake(challenge="")],
)
def test_a_handshake_that_is_not_ours(asked: Hook) -> None:
    with pytest.raises(BadSignature):
        shake(asked, SECRETS[2])


@pytest.mark.parametrize(
    "body",
    [b"", b"nonsense", b"[]", b'{"entry": 7}', b'{"entry": [7, {"changes": [7, {"value": 7}]}]}', b"[" * 100_000],
    ids=["empty", "no JSON", "a list", "odd entry", "odd changes", "a bomb"],
)
def test_odd_bodies_say_nothing(body: bytes) -> None:
    assert list(changes(hook(body))) == []


def test_addresses_of_the_real_networks_are_the_default() -> None:
    assert Options.model_fields["base_url"].default == "https://graph.facebook.com/v26.0"
