"""Reads the Kubernetes manifests, and checks one against the API's own types: every field known, of its type, none missing."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"


def manifests() -> list[dict[str, Any]]:
    return [
        one for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")) for one in yaml.safe_load_all(path.read_text())
    ]


def of_kind(*kinds: str) -> dict[str, dict[str, Any]]:
    return {one["metadata"]["name"]: one for one in manifests() if one["kind"] in kinds}


def pod(manifest: dict[str, Any]) -> dict[str, Any]:
    """The pod that a Deployment, StatefulSet, Job or CronJob makes."""
    spec = manifest["spec"]
    if manifest["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    found: dict[str, Any] = spec["template"]
    return found


def mistakes(manifest: dict[str, Any]) -> list[str]:
    """What the API would not take, in words."""
    group, _, version = manifest["apiVersion"].rpartition("/")
    module = importlib.import_module(f"lightkube.models.{(group or 'core').split('.')[0]}_{version}")
    try:
        understood = msgspec.convert(manifest, getattr(module, manifest["kind"]))
    except msgspec.ValidationError as error:
        return [str(error)]
    return list(_lost(manifest, msgspec.to_builtins(understood), ""))


def _lost(given: Any, understood: Any, where: str) -> Iterator[str]:
    """Fields that the API's types do not know are not there any more."""
    if isinstance(given, dict):
        for name, value in given.items():
            if name not in understood:
                yield f"{where}.{name}: no such field"
            else:
                yield from _lost(value, understood[name], f"{where}.{name}")
    elif isinstance(given, list):
        for number, (one, other) in enumerate(zip(given, understood, strict=True)):
            yield from _lost(one, other, f"{where}[{number}]")
