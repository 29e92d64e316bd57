"""The dashboard and the alert rules ask for metrics that there are, in expressions that parse, and each alert is explained."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from crisis.console import create_app
from crisis.models import Account, utcnow
from crisis.sending import pulse
from tests.console.conftest import a_runtime
from tests.deploy.manifests import DEPLOY
from tests.operations.conftest import busy_and_paused

DOCS = Path(__file__).parents[2] / "docs"
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())["groups"]
    for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "crisis.json").read_text())
TARGETS = [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
EXPRESSIONS = [(rule["alert"], rule["expr"]) for rule in RULES] + TARGETS


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The names of all samples a console gives, with the labels each has. With a Redis, and somebody alive."""
    with a_runtime(tmp_path_factory.mktemp("told")) as runtime:
        with busy_and_paused(runtime).database.writing() as session:
            pulse.beat(session, "clock@here:1", "clock", utcnow())
            for account in session.query(Account):
                account.healthy, account.checked_at, account.expires_at = True, utcnow(), utcnow()
        text = create_app(runtime).test_client().get("/metrics").text
    found: dict[str, set[str]] = {"crisis_redis_up": set()}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


@pytest.mark.parametrize(
    ("where", "expression"), EXPRESSIONS, ids=[f"{i}-{one[0]}" for i, one in enumerate(EXPRESSIONS)]
)
def test_every_metric_and_label_asked_for_is_told(told: dict[str, set[str]], where: str, expression: str) -> None:
    selectors = list(_selectors(promql_parser.parse(expression)))
    assert selectors, where
    for name, labels in selectors:
        assert name in told, f"{where}: no console tells {name}"
        assert labels <= told[name], f"{where}: {name} has no {labels - told[name]}"
    known = set.union(*(told[name] for name, _ in selectors))
    for grouped in re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression):
        assert {word.strip() for word in grouped.split(",") if word.strip()} <= known, where


def _selectors(node: Any) -> Any:
    if isinstance(node, promql_parser.VectorSelector):
        yield node.name, {matcher.name for matcher in node.matchers.matchers}
    elif isinstance(node, promql_parser.MatrixSelector):
        yield from _selectors(node.vector_selector)
    elif isinstance(node, promql_parser.BinaryExpr):
        yield from _selectors(node.lhs)
        yield from _selectors(node.rhs)
    elif isinstance(node, promql_parser.Call):
        for argument in node.args:
            yield from _selectors(argument)
    elif isinstance(node, promql_parser.AggregateExpr | promql_parser.ParenExpr | promql_parser.SubqueryExpr):
        yield from _selectors(node.expr)


def test_every_alert_says_how_urgent_it_is_and_what_to_do() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(names) == len(set(names)) > 10
    for rule in RULES:
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert all(rule["annotations"][part] for part in ("summary", "do")), rule["alert"]


def test_every_alert_has_its_section_in_the_runbook_and_no_section_is_left_over() -> None:
    sections = set(re.findall(r"^### (\w+)$", (DOCS / "operations.md").read_text(), re.MULTILINE))
    assert sections == {rule["alert"] for rule in RULES}


def test_every_metric_is_explained(told: dict[str, set[str]]) -> None:
    text = (DOCS / "operations.md").read_text()
    families = {re.sub(r"_(bucket|gsum|gcount|sum|count)$", "", name) for name in told}
    assert {name for name in families if f"`{name}`" not in text} == set()


def test_the_dashboard_is_one_grafana_takes() -> None:
    assert DASHBOARD["title"]
    assert DASHBOARD["uid"]
    assert DASHBOARD["schemaVersion"] >= 36
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        assert panel["type"] == "row" or panel["description"], panel["title"]


def test_the_scrape_says_who_asks() -> None:
    (job,) = yaml.safe_load((DEPLOY / "prometheus" / "scrape.yml").read_text())["scrape_configs"]
    assert job["authorization"]["type"] == "Bearer"
    assert job["authorization"]["credentials_file"]
