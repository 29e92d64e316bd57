"""Starts the simulator as a process: `python -m crisis.simulator`. It ends cleanly on SIGTERM and SIGINT."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from crisis.simulator.accounts import BadAccounts, demo, load
from crisis.simulator.server import PortTaken, running


def main(arguments: list[str] | None = None) -> int:
    """Run until told to stop; the exit status."""
    asked = _parser().parse_args(arguments)
    try:
        asyncio.run(_run(asked))
    except (PortTaken, BadAccounts) as error:
        print(f"simulator: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


async def _run(asked: argparse.Namespace) -> None:
    loop, end = asyncio.get_running_loop(), asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, end.set)
    accounts = load(asked.accounts) if asked.accounts else demo()
    async with running(
        host=asked.host,
        port=asked.port,
        smtp_port=asked.smtp_port,
        imap_port=asked.imap_port,
        public_dir=asked.public_dir,
        accounts=accounts,
        sms_inbound=asked.sms_inbound,
        delay=asked.delay,
    ) as internet:
        print(f"Simulator ready: town square {internet.url}/, mail on port {internet.smtp_port}", flush=True)
        await end.wait()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m crisis.simulator", description="A pretend internet. Nothing in it reaches the real world."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    parser.add_argument("--port", type=int, default=8090, help="HTTP port (default %(default)s; 0 takes a free one)")
    parser.add_argument(
        "--smtp-port", type=int, default=8025, help="SMTP port (default %(default)s; 0 takes a free one)"
    )
    parser.add_argument(
        "--imap-port", type=int, default=8143, help="IMAP port (default %(default)s; 0 takes a free one)"
    )
    parser.add_argument("--public-dir", type=Path, help="folder with the public incident pages, shown under /pages/")
    parser.add_argument("--accounts", type=Path, help="JSON file with other accounts than the demo ones")
    parser.add_argument(
        "--sms-inbound", default="", metavar="URL",
        help="where texts from the town square's phones are posted; {channel}, {account} and {number} are filled in",
    )  # fmt: skip
    parser.add_argument(
        "--delay", type=float, default=0.3, help="seconds until a text is delivered (default %(default)s)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
