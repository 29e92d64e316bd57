"""`python -m crisis.operations.alive KIND`: is the worker in this very container still at work? For liveness probes.

Exit status 1 only when the database answers and says that this machine's process has been silent for a minute. When the
database is away it is 0: a sender that waits to write down calls it has made must not be ended for that.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from crisis.db import Database
from crisis.models import Heartbeat, utcnow
from crisis.runtime import load

SILENT = timedelta(minutes=1)
PATIENCE_SECONDS = 10.0  # a database that does not even refuse is away, too


def silent(session: Session, kind: str, host: str, now: datetime) -> bool:
    """Has no process of this kind on this host given a sign of life for a minute?"""
    mine = func.substr(Heartbeat.process, 1, len(f"{kind}@{host}:")) == f"{kind}@{host}:"
    last: datetime | None = session.scalar(select(func.max(Heartbeat.at)).where(Heartbeat.kind == kind, mine))
    return last is None or now - last > SILENT


def main() -> None:
    kind = sys.argv[1]
    giving_up = threading.Timer(PATIENCE_SECONDS, os._exit, (0,))
    giving_up.daemon = True
    giving_up.start()
    settings = load(Path(os.environ.get("CRISIS_SETTINGS", "crisis.toml")))
    database = Database(settings.database_url or f"sqlite:///{settings.data_dir / 'crisis.db'}")
    try:
        with database.reading() as session:
            gone = silent(session, kind, socket.gethostname(), utcnow())
    except (SQLAlchemyError, OSError):
        gone = False
    finally:
        database.close()
    sys.exit(f"{kind} has been silent for over a minute" if gone else 0)


if __name__ == "__main__":
    main()
