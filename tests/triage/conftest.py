from __future__ import annotations

import pytest

from crisis.db import Database
from tests.triage.hall import Hall


@pytest.fixture
def hall(database: Database) -> Hall:
    return Hall(database)
