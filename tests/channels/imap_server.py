"""A mailbox on loopback that speaks as much IMAP as a reader of mail needs (RFC 3501), with numbers that can be made anew."""

from __future__ import annotations

import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Box:
    """What the server holds; `asked` is every line it was told, without the password."""

    def __init__(self) -> None:
        self.validity = 7
        self.mails: dict[int, bytes] = {}
        self.next = 1
        self.asked: list[str] = []
        self.port = 0

    def put(self, raw: str) -> int:
        self.mails[self.next] = raw.replace("\n", "\r\n").encode()
        self.next += 1
        return self.next - 1

    def renumber(self) -> None:
        self.validity += 1
        self.mails = dict(enumerate(self.mails.values(), start=1))
        self.next = len(self.mails) + 1


@contextmanager
def imap(password: str) -> Iterator[Box]:
    box = Box()

    class Line(socketserver.StreamRequestHandler):
        def say(self, text: bytes) -> None:
            self.wfile.write(text + b"\r\n")

        def handle(self) -> None:
            self.say(b"* OK ready")
            while line := self.rfile.readline():
                tag, _, words = line.decode().strip().partition(" ")
                box.asked.append(words.replace(password, "..."))
                name = words.upper()
                if name.startswith("CAPABILITY"):
                    self.say(b"* CAPABILITY IMAP4rev1")
                elif name.startswith("LOGIN"):
                    if password not in words:
                        self.say(f"{tag} NO [AUTHENTICATIONFAILED] Wrong name or password".encode())
                        continue
                elif name.startswith(("SELECT", "EXAMINE")):
                    self.say(f"* {len(box.mails)} EXISTS".encode())
                    self.say(f"* OK [UIDVALIDITY {box.validity}] ok".encode())
                    self.say(f"* OK [UIDNEXT {box.next}] ok".encode())
                elif found := re.match(r"UID SEARCH UID (\d+):\*", name):
                    # The last mail always belongs to n:*, also when its number is smaller (RFC 3501, 6.4.8).
                    fits = [n for n in box.mails if n >= int(found[1])] or list(box.mails)[-1:]
                    self.say(f"* SEARCH {' '.join(map(str, fits))}".encode())
                elif name.startswith("UID SEARCH SINCE"):
                    self.say(f"* SEARCH {' '.join(map(str, box.mails))}".encode())
                elif found := re.match(r"UID FETCH (\d+) .*<0\.(\d+)>", name):
                    raw = box.mails[int(found[1])][: int(found[2])]
                    head = (
                        f'* 1 FETCH (UID {found[1]} INTERNALDATE "22-Nov-2026 14:05:00 +0100" BODY[]<0> {{{len(raw)}}}'
                    )
                    self.wfile.write(head.encode() + b"\r\n" + raw + b")\r\n")
                self.say(f"{tag} OK done".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Line) as server:
        server.daemon_threads = True
        box.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield box
        finally:
            server.shutdown()
