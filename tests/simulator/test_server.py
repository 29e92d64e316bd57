"""Starting, stopping, the public pages, the town square, and two thousand texts at once."""

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
import requests

from crisis.simulator.accounts import DEMO, BadAccounts, SmsAccount, load
from crisis.simulator.server import Simulator, running
from crisis.simulator.square.page import own_links

SOURCES = Path(__file__).resolve().parents[2] / "crisis" / "simulator"


def _start(*flags: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "crisis.simulator", *flags]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_process_says_when_it_is_ready_and_ends_cleanly(how: signal.Signals) -> None:
    process = _start("--port", "0", "--smtp-port", "0", "--imap-port", "0")
    assert process.stdout
    line = process.stdout.readline()
    url = re.search(r"http://\S+/", line)
    assert url
    assert requests.get(url[0] + "control/state", timeout=5).json()["counts"]["posts"] == 0
    process.send_signal(how)
    out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (0, "", "")


@pytest.mark.parametrize("flag", ["--port", "--smtp-port"])
def test_a_taken_port_is_explained(flag: str) -> None:
    other = {"--port": "--smtp-port", "--smtp-port": "--port"}[flag]
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = str(taken.getsockname()[1])
        process = _start(flag, number, other, "0")
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (1, "")
    assert number in err
    assert f"choose another port with {flag}" in err
    assert "Traceback" not in err


def test_in_an_event_loop_and_twice_at_once() -> None:
    async def story() -> None:
        async with running() as one, running() as two, aiohttp.ClientSession() as session:
            assert one.url != two.url
            for internet in (one, two):
                async with session.get(f"{internet.url}/") as page:
                    assert "nothing here reaches the real world" in await page.text()

    asyncio.run(story())


def test_stop_frees_the_port_even_while_a_request_hangs() -> None:
    simulator = Simulator.start()
    port = int(simulator.url.rpartition(":")[2])
    simulator.fault("twilio", "hang")
    account = simulator.internet.accounts.sms[0]
    with socket.create_connection(("127.0.0.1", port)) as line:
        login = requests.auth._basic_auth_str(account.sid, account.auth_token)
        line.sendall(
            f"POST /twilio/2010-04-01/Accounts/{account.sid}/Messages.json HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\nAuthorization: {login}\r\n\r\nTo=1".encode()
        )
        time.sleep(0.2)
        began = time.monotonic()
        simulator.stop()
        assert time.monotonic() - began < 5
    again = Simulator.start(port=port)
    again.stop()
    again.stop()


def test_public_pages_stay_inside_their_folder(tmp_path: Path) -> None:
    folder, secret = tmp_path / "public", tmp_path / "secret.txt"
    (folder / "incident" / "1").mkdir(parents=True)
    (folder / "incident" / "1" / "index.html").write_text("<h1>Flood</h1>")
    (folder / "feed.atom").write_text("<feed/>")
    (folder / ".hidden").write_text("no")
    secret.write_text("no")
    (folder / "link.txt").symlink_to(secret)
    with Simulator.start(public_dir=folder) as simulator:
        port = int(simulator.url.rpartition(":")[2])
        assert "Flood" in requests.get(f"{simulator.url}/pages/incident/1", timeout=5).text
        atom = requests.get(f"{simulator.url}/pages/feed.atom", timeout=5)
        assert atom.headers["Content-Type"] == "application/atom+xml"
        assert requests.post(f"{simulator.url}/pages/feed.atom", timeout=5).status_code == 405
        assert requests.get(f"{simulator.url}/pages/", timeout=5).status_code == 404
        for path in (
            "../secret.txt",
            "%2e%2e/secret.txt",
            "..%2fsecret.txt",
            "link.txt",
            ".hidden",
            "/etc/passwd",
            "a%00b",
        ):
            with socket.create_connection(("127.0.0.1", port)) as line:
                line.sendall(f"GET /pages/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                answer = b"".join(iter(lambda line=line: line.recv(65536), b""))
            assert b" 404 " in answer.splitlines()[0] or b" 400 " in answer.splitlines()[0], path


def test_accounts_from_a_file(tmp_path: Path) -> None:
    given = tmp_path / "accounts.json"
    given.write_text(json.dumps({"undelivered": {"+4799900001": 30005}, "x": DEMO["x"][:1]}))
    accounts = load(given)
    assert [account.name for account in accounts.x] == ["ous"]
    assert [account.name for account in accounts.sms] == ["ous", "hod", "ous-drill", "hod-drill"]
    for wrong in ('{"fax": []}', "[]", "{", '{"x": [{"name": "a"}]}', '{"x": [{"colour": 1}]}', '{"mail": [1]}'):
        given.write_text(wrong)
        with pytest.raises(BadAccounts):
            load(given)


def test_the_square_shows_everything_and_escapes_it(
    simulator: Simulator, post_text: Callable[..., requests.Response]
) -> None:
    nasty = "<script>alert(1)</script>"
    post_text(Body=nasty)
    requests.post(f"{simulator.url}/control/posts", json={"handle": "kari", "text": nasty}, timeout=5)
    page = requests.get(f"{simulator.url}/", timeout=5)
    assert nasty not in page.text
    assert page.text.count("&lt;script&gt;") == 2
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "+15005559001" in page.text
    parts = requests.get(f"{simulator.url}/square/parts", timeout=5)
    assert set(parts.json()) == {"posts", "phones", "calls", "networks", "mail", "trouble"}
    again = requests.get(f"{simulator.url}/square/parts", headers={"If-None-Match": parts.headers["ETag"]}, timeout=5)
    assert again.status_code in (200, 304)
    found = requests.get(f"{simulator.url}/square/parts", params={"search": "no such thing"}, timeout=5).json()
    assert "No phone fits" in found["phones"]


def test_only_links_to_this_machine_work() -> None:
    shown = own_links(
        '<b> http://127.0.0.1:8000/a?b=1&c="x. https://example.org/ http://127.0.0.1.example.org/ http://['
    )
    assert shown.count("<a ") == 1
    assert '<a href="http://127.0.0.1:8000/a?b=1&amp;c=" target' in shown
    assert shown.startswith("&lt;b&gt;")


def test_state_can_be_narrowed(simulator: Simulator, post_text: Callable[..., requests.Response]) -> None:
    for number in range(3):
        post_text(Body=f"{number}")
    state = requests.get(f"{simulator.url}/control/state?only=messages&limit=2", timeout=5).json()
    assert [message["body"] for message in state["messages"]] == ["1", "2"]
    assert set(state) == {"version", "counts", "messages"}
    assert requests.get(f"{simulator.url}/control/state?only=fax", timeout=5).status_code == 400
    assert requests.post(f"{simulator.url}/control/reset", timeout=5).status_code == 200
    assert simulator.state()["messages"] == []
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert requests.post(f"{simulator.url}/control/reset", headers=foreign, timeout=5).status_code == 403


def test_it_imports_nothing_else_of_crisis() -> None:
    for source in SOURCES.rglob("*.py"):
        for found in re.findall(r"^\s*(?:from|import) (crisis\S*)", source.read_text("utf-8"), re.MULTILINE):
            assert found.startswith("crisis.simulator"), source


def test_two_thousand_texts_are_all_kept(simulator: Simulator, sms_account: SmsAccount) -> None:
    url = f"{simulator.url}/twilio/2010-04-01/Accounts/{sms_account.sid}/Messages.json"

    async def send() -> None:
        login = {"Authorization": aiohttp.encode_basic_auth(sms_account.sid, sms_account.auth_token)}
        async with aiohttp.ClientSession(headers=login) as session:

            async def one(number: int) -> None:
                form = {"To": f"+1500556{number:04}", "From": sms_account.numbers[0], "Body": "Come to work, please."}
                async with session.post(url, data=form) as answer:
                    assert answer.status == 201

            for start in range(0, 2000, 100):
                await asyncio.gather(*(one(number) for number in range(start, start + 100)))

    asyncio.run(send())
    assert simulator.state("requests")["counts"]["messages"] == 2000
