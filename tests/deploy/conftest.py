"""The console and an account at work, as the operations tests have them."""

from tests.console.conftest import app, client, runtime  # noqa: F401 - fixtures
from tests.operations.conftest import at_work  # noqa: F401 - a fixture
