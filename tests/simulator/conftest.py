"""One simulator for all these tests, emptied before each; a webhook receiver; the published specifications, if at hand."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
import tweepy  # type: ignore[import-untyped]
from requests.adapters import HTTPAdapter
from twilio.rest import Client

from crisis.simulator.accounts import SmsAccount, XAccount
from crisis.simulator.server import Simulator

SPECS = Path(os.environ.get("CRISIS_SPECS") or Path(__file__).resolve().parents[3] / "shared" / "specs")


@pytest.fixture(scope="session")
def specs() -> Path:
    """The folder of published specifications; tests that need it are skipped without it."""
    if not (SPECS / "x" / "openapi.json").is_file():
        pytest.skip("no folder of specifications: set CRISIS_SPECS")
    return SPECS


@pytest.fixture(scope="session")
def _started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    folder = tmp_path_factory.mktemp("public")
    (folder / "index.html").write_text("<h1>Incident</h1>")
    with Simulator.start(public_dir=folder, delay=0.05) as simulator:
        yield simulator


@pytest.fixture
def simulator(_started: Simulator) -> Simulator:
    """A simulator that remembers nothing."""
    _started.reset()
    _started.internet.inbound.template = ""
    return _started


@pytest.fixture
def x_account(simulator: Simulator) -> XAccount:
    """The account `ous`."""
    return simulator.internet.accounts.x[0]


@pytest.fixture
def sms_account(simulator: Simulator) -> SmsAccount:
    """The account `ous`."""
    return simulator.internet.accounts.sms[0]


class _Elsewhere(HTTPAdapter):
    """Sends calls for X to the simulator, after they were signed for X."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base

    def send(self, request: Any, **more: Any) -> Any:
        """Rewrite the host, give up after five seconds."""
        request.url = request.url.replace("https://api.twitter.com", self.base)
        return super().send(request, **{**more, "timeout": 5})


@pytest.fixture
def tweeting(simulator: Simulator) -> Callable[..., tweepy.Client]:
    """Makes a tweepy client for an account; wrong keys can be given."""

    def make(account: XAccount, **keys: str) -> tweepy.Client:
        good = {
            "consumer_key": account.consumer_key,
            "consumer_secret": account.consumer_secret,
            "access_token": account.access_token,
            "access_token_secret": account.access_token_secret,
        }
        client = tweepy.Client(**{**good, **keys})
        client.session.mount("https://api.twitter.com", _Elsewhere(f"{simulator.url}/x"))
        return client

    return make


@pytest.fixture
def x(tweeting: Callable[..., tweepy.Client], x_account: XAccount) -> tweepy.Client:
    """tweepy as `ous`."""
    return tweeting(x_account)


@pytest.fixture
def twilio(simulator: Simulator, sms_account: SmsAccount) -> Client:
    """The Twilio client as `ous`."""
    client = Client(sms_account.sid, sms_account.auth_token)
    client.http_client.timeout = 5
    client.api.base_url = f"{simulator.url}/twilio"
    return client


@dataclass
class Hook:
    """A webhook receiver: what came, in order."""

    url: str
    got: list[tuple[str, dict[str, str], str]] = field(default_factory=list)
    """Path with query, form, signature."""
    answers: list[int] = field(default_factory=list)
    """Statuses to answer with, one a request; then always 204."""

    def wait(self, count: int, seconds: float = 5.0) -> list[dict[str, str]]:
        """The forms, once there are `count`."""
        until = time.monotonic() + seconds
        while len(self.got) < count and time.monotonic() < until:
            time.sleep(0.01)
        return [form for _, form, _ in self.got]

    def statuses(self, count: int) -> list[str]:
        """The statuses, once there are `count`."""
        return [form["MessageStatus"] for form in self.wait(count)]


@pytest.fixture
def hook() -> Iterator[Hook]:
    """A webhook receiver on a free port."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = dict(parse_qsl(body, keep_blank_values=True))
            received.got.append((self.path, form, self.headers["X-Twilio-Signature"]))
            self.send_response(received.answers.pop(0) if received.answers else 204)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    received = Hook(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield received
    server.shutdown()
    server.server_close()


@pytest.fixture
def post_text(simulator: Simulator, sms_account: SmsAccount) -> Callable[..., requests.Response]:
    """Posts a message form without a client in between; None leaves a field out."""

    def post(**form: Any) -> requests.Response:
        good = {"To": "+15005559001", "From": sms_account.numbers[0], "Body": "Hello"}
        return requests.post(
            f"{simulator.url}/twilio/2010-04-01/Accounts/{sms_account.sid}/Messages.json",
            data={name: value for name, value in {**good, **form}.items() if value is not None},
            auth=(sms_account.sid, sms_account.auth_token),
            timeout=5,
        )

    return post
