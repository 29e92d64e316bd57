"""Who may see which secret, and that the demo's worthless ones go nowhere else."""

from __future__ import annotations

import stat
from pathlib import Path

from crisis import runtime
from crisis.embedded import keys, ports
from crisis.embedded.programs import programs
from crisis.settings import Settings


def test_the_secret_key_is_made_once_and_private(settings: Settings) -> None:
    assert keys.make_secret_key(settings)
    path = Path("var/secret-key")
    first = path.read_text()
    assert len(first) > 60
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not keys.make_secret_key(settings)
    assert path.read_text() == first


def test_every_secret_of_the_demo_is_the_simulators(settings: Settings) -> None:
    found = keys.demo_secrets(settings, {})
    assert set(found) == set(keys.variables(settings.accounts))
    assert found["X_OUS_DRILL_CONSUMER_KEY"] == "ous-drill-consumer-key"


def test_a_secret_that_is_set_already_is_kept(settings: Settings) -> None:
    assert "MAIL_OUS_PASSWORD" not in keys.demo_secrets(settings, {"MAIL_OUS_PASSWORD": "mine"})


def test_an_account_that_leaves_this_machine_gets_no_demo_secret(folder: Path) -> None:
    source = (folder / "crisis.example.toml").read_text()
    (folder / "crisis.toml").write_text(
        source.replace('base_url = "http://127.0.0.1:8090"', 'base_url = "https://api.x.com"', 1)
    )
    found = keys.demo_secrets(runtime.load(folder / "crisis.toml"), {})
    assert "X_OUS_CONSUMER_KEY" not in found
    assert "X_OUS_DRILL_CONSUMER_KEY" in found


def test_no_process_sees_more_than_it_needs(settings: Settings) -> None:
    every = {program.name: program for program in programs(settings, ports.ports(settings), None)}
    live = keys.variables(account for account in settings.accounts if account.mode == "live")
    drill = keys.variables(account for account in settings.accounts if account.mode == "drill")
    assert live
    assert drill
    assert not live & drill
    assert live <= every["sender-drill"].hidden
    assert drill <= every["sender-live"].hidden
    assert live | drill | {"DATABASE_URL", "REDIS_URL"} <= every["simulator"].hidden
    assert live | drill <= every["clock"].hidden
    assert not every["console"].hidden


def test_a_secret_both_modes_share_is_hidden_from_the_drill(folder: Path) -> None:
    source = (folder / "crisis.example.toml").read_text()
    (folder / "crisis.toml").write_text(source.replace("MAIL_OUS_DRILL_PASSWORD", "MAIL_OUS_PASSWORD"))
    shared = runtime.load(folder / "crisis.toml")
    every = {program.name: program for program in programs(shared, ports.ports(shared), None)}
    assert "MAIL_OUS_PASSWORD" in every["sender-drill"].hidden
    assert "MAIL_OUS_PASSWORD" not in every["sender-live"].hidden
