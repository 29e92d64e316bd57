"""The console, as its own tests have it."""

from tests.console.conftest import app, client, runtime  # noqa: F401 - fixtures
