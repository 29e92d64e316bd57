"""docker-compose.yml: valid by the Compose specification, and keeping its promises about secrets and ports."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]
MINE = ("migrate", "console", "sender-live", "sender-drill", "listener", "clock")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return read


def test_it_follows_the_compose_specification(compose: dict[str, Any]) -> None:
    schema = json.loads(files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json").read_text())
    jsonschema.validate(compose, schema)


def test_only_the_console_has_a_port_and_only_on_this_machine(compose: dict[str, Any]) -> None:
    ports = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert ports == {"console": ["127.0.0.1:8080:8080"]}


def test_the_drill_sender_has_no_live_secret_and_the_other_way_round(compose: dict[str, Any]) -> None:
    mounts = {name: " ".join(compose["services"][name]["volumes"]) for name in ("sender-live", "sender-drill")}
    assert "/run/live" not in mounts["sender-drill"]
    assert "/run/drill" not in mounts["sender-live"]
    assert "./secrets:" not in "".join(mounts.values())


@pytest.mark.parametrize("name", MINE)
def test_each_of_ours_is_confined(compose: dict[str, Any], name: str) -> None:
    service = compose["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert "privileged" not in service
    assert "healthcheck" in service or name == "migrate"


def test_nothing_starts_on_old_tables(compose: dict[str, Any]) -> None:
    for name in MINE:
        if name != "migrate":
            condition = compose["services"][name]["depends_on"]["migrate"]["condition"]
            assert condition == "service_completed_successfully"
    assert compose["services"]["sender-live"]["deploy"]["replicas"] == 2


def test_whoever_touches_pictures_sees_the_same_folder(compose: dict[str, Any]) -> None:
    for name in ("console", "sender-live", "sender-drill", "clock"):
        assert "media:/app/var/media" in compose["services"][name]["volumes"], name
    assert "media" in compose["volumes"]


def test_every_secret_it_names_is_a_file(compose: dict[str, Any]) -> None:
    named = {secret for service in compose["services"].values() for secret in service.get("secrets", [])}
    assert named == set(compose["secrets"])
    assert all(list(secret) == ["file"] for secret in compose["secrets"].values())
    assert "PASSWORD" not in json.dumps(
        [service.get("environment", {}).get("POSTGRES_PASSWORD") for service in compose["services"].values()]
    )


def test_the_image_runs_as_an_ordinary_user() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    assert "USER crisis" in lines
    assert not any(line.startswith("RUN") for line in lines[lines.index("USER crisis") :])
