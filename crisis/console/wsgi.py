"""What the web server loads: `granian --interface wsgi crisis.console.wsgi:app`.

CRISIS_SETTINGS names the settings file (crisis.toml when unset). Importing this starts the parts; nothing else imports it.
"""

from __future__ import annotations

import os
from pathlib import Path

from crisis import heap, logs, traces
from crisis.console import create_app
from crisis.runtime import load, start

heap.one_heap()
logs.set_up("console")
traces.set_up("console")
app = create_app(start(load(Path(os.environ.get("CRISIS_SETTINGS", "crisis.toml")))))
heap.settled()
