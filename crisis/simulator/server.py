"""Puts the pretend internet on real ports: for a process of its own, inside a test's event loop, or in a thread.

Every way goes through `running`.
"""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Self, TypeVar

from aiohttp import web

from crisis.simulator.accounts import Accounts, demo
from crisis.simulator.internet import Internet
from crisis.simulator.mail import certificate, imap, smtp
from crisis.simulator.news import News
from crisis.simulator.square.control import Control
from crisis.simulator.square.page import Square
from crisis.simulator.square.pages import Pages
from crisis.simulator.voice.control import Telephones

Result = TypeVar("Result")
START_WITHIN = 30.0
LARGEST_REQUEST = 128 * 1024 * 1024  # a film of the size Mastodon takes


class PortTaken(OSError):
    """A port cannot be opened; the text says which and what to do."""


def application(internet: Internet, public_dir: Path | None = None) -> web.Application:
    """All HTTP addresses of the simulator."""
    app = web.Application(client_max_size=LARGEST_REQUEST)
    app.add_routes(internet.x.routes())
    app.add_routes(internet.voice.routes())  # before the texts', whose last route takes everything else of Twilio
    app.add_routes(internet.twilio.routes())
    for network in internet.networks.values():
        app.add_routes(network.routes())
    app.add_routes(Control(internet).routes())
    app.add_routes(Telephones(internet.exchange, internet.inbound, internet.accounts.sms, internet.ledger).routes())
    app.add_routes(Pages(public_dir).routes())
    app.add_routes(News().routes())
    app.add_routes(Square(internet, public=public_dir is not None).routes())
    return app


@contextlib.asynccontextmanager
async def running(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    smtp_port: int = 0,
    imap_port: int = 0,
    public_dir: Path | None = None,
    accounts: Accounts | None = None,
    sms_inbound: str = "",
    delay: float = 0.3,
) -> AsyncIterator[Internet]:
    """A running simulator; port 0 takes a free one. Raises PortTaken."""
    internet = Internet(accounts or demo(), sms_inbound=sms_inbound, delay=delay)
    # A caller who hangs up does not undo what it asked for: like a real provider, we carry on and accept.
    runner = web.AppRunner(application(internet, public_dir), access_log=None, shutdown_timeout=0.5)
    made = await asyncio.to_thread(certificate.make)
    internet.certificate = made.pem
    async with contextlib.AsyncExitStack() as stack:
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await internet.callbacks.start()
        stack.push_async_callback(internet.callbacks.stop)
        stack.push_async_callback(internet.exchange.stop)
        try:
            site = web.TCPSite(runner, host, port, backlog=2048)
            await site.start()
        except OSError as error:
            raise PortTaken(_taken(host, port, "--port", error)) from error
        try:
            mail = await asyncio.get_running_loop().create_server(
                lambda: smtp.protocol(internet.postman, made), host, smtp_port, backlog=1024
            )
        except OSError as error:
            raise PortTaken(_taken(host, smtp_port, "--smtp-port", error)) from error
        stack.callback(mail.close)
        try:
            letters = await asyncio.start_server(
                lambda *line: imap.Reader(internet.mailboxes, internet.accounts.mail, internet.ledger).talk(*line),
                host,
                imap_port,
                limit=imap.LONGEST_LINE,
            )
        except OSError as error:
            raise PortTaken(_taken(host, imap_port, "--imap-port", error)) from error
        stack.callback(letters.close)
        internet.imap_port = letters.sockets[0].getsockname()[1]
        shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - compared, not bound
        internet.url = f"http://{f'[{shown}]' if ':' in shown else shown}:{runner.addresses[0][1]}"
        internet.smtp_port = mail.sockets[0].getsockname()[1]
        yield internet


class Simulator:
    """A simulator in a thread of its own, for tests that are not asynchronous."""

    def __init__(
        self, internet: Internet, loop: asyncio.AbstractEventLoop, thread: threading.Thread, end: asyncio.Event
    ) -> None:
        """Use `start` instead."""
        self.internet = internet
        self.url = internet.url
        self.smtp_port = internet.smtp_port
        self.imap_port = internet.imap_port
        self._loop = loop
        self._thread = thread
        self._end = end

    @classmethod
    def start(cls, **options: Any) -> Self:
        """Start on free ports (or the given ones) with the options of `running`; comes back when it listens."""
        ready = threading.Event()
        found: dict[str, Any] = {}

        async def live() -> None:
            try:
                async with running(**options) as internet:
                    found.update(internet=internet, loop=asyncio.get_running_loop(), end=asyncio.Event())
                    ready.set()
                    await found["end"].wait()
            except BaseException as error:
                found["error"] = error
                ready.set()
                raise

        def body() -> None:
            with contextlib.suppress(BaseException):
                asyncio.run(live())

        thread = threading.Thread(target=body, name="simulator", daemon=True)
        thread.start()
        if not ready.wait(START_WITHIN):
            raise TimeoutError("the simulator did not start")
        if "error" in found:
            raise found["error"]
        return cls(found["internet"], found["loop"], thread, found["end"])

    def stop(self) -> None:
        """Close every port; may be called twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._end.set)
            self._thread.join(10)

    def state(self, *parts: str) -> dict[str, Any]:
        """What `GET /control/state` tells; name parts to get only those."""
        return self._ask(lambda: self.internet.snapshot(parts) if parts else self.internet.snapshot())

    def fault(self, provider: str, kind: str, **more: Any) -> int:
        """Switch a fault on; gives its number."""
        return self._ask(lambda: self.internet.faults.add({"provider": provider, "kind": kind, **more}).number)

    def clear_faults(self) -> None:
        """Switch all faults off."""
        self._ask(self.internet.faults.clear)

    def reset(self) -> None:
        """Forget everything that happened."""
        self._ask(self.internet.reset)

    def say(self, phone: str, text: str, to: str = "") -> int | None:
        """Text back from a phone; the webhook's HTTP status, or None when there is none or nobody answered."""
        return self._wait(self.internet.inbound.say(phone, text, to)).answer

    def _ask(self, question: Callable[[], Result]) -> Result:
        async def on_the_loop() -> Result:
            return question()

        return self._wait(on_the_loop())

    def _wait(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def __enter__(self) -> Self:
        """Use as a context."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self.stop()


def _taken(host: str, port: int, flag: str, error: OSError) -> str:
    why = error.strerror or str(error)
    return f"cannot listen on {host} port {port}: {why}. Stop what uses it, or choose another port with {flag}."
