"""The Kubernetes manifests: right for the API, tight by default, and a drill sender nowhere near a live secret."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from crisis import runtime
from crisis.channels.email import options as email
from crisis.embedded.keys import all_references
from crisis.embedded.ports import ports
from crisis.settings import Settings
from tests.deploy.manifests import manifests, mistakes, of_kind, pod

ROOT = Path(__file__).parents[2]
WORKLOADS = of_kind("Deployment", "StatefulSet", "Job", "CronJob")
OURS = {name: one for name, one in WORKLOADS.items() if name not in ("redis", "pages")}


def title(manifest: dict[str, Any]) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """What a process in the cluster reads."""
    path = tmp_path / "crisis.toml"
    path.write_text(of_kind("ConfigMap")["crisis-settings"]["data"]["crisis.toml"])
    return runtime.load(path)


@pytest.mark.parametrize("manifest", manifests(), ids=title)
def test_the_api_takes_it(manifest: dict[str, Any]) -> None:
    assert mistakes(manifest) == []
    assert manifest["kind"] == "Namespace" or manifest["metadata"]["namespace"] == "crisis"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("spec", "replica"), 2),
        (("spec", "replicas"), "2"),
        (("spec", "template", "spec", "containers", 0, "imagee"), "x"),
        (("spec", "template", "spec", "containers", 0, "name"), None),
        (("spec", "selector"), None),
    ],
)
def test_the_check_sees_mistakes(path: tuple[Any, ...], value: Any) -> None:
    spoiled = copy.deepcopy(WORKLOADS["console"])
    inner = spoiled
    for step in path[:-1]:
        inner = inner[step]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    assert mistakes(spoiled)


def test_all_processes_are_there() -> None:
    assert {"console", "sender-live", "sender-drill", "listener", "clock", "migrate", "redis"} <= set(WORKLOADS)
    assert WORKLOADS["sender-live"]["spec"]["replicas"] >= 2
    for name, command in {
        "sender-live": "workers.sender --mode live",
        "sender-drill": "workers.sender --mode drill",
        "listener": "workers.listener",
        "clock": "workers.clock",
        "migrate": "crisis db upgrade",
        "console": "crisis console",
    }.items():
        assert command in " ".join(pod(WORKLOADS[name])["spec"]["containers"][0]["args"])


@pytest.mark.parametrize("workload", WORKLOADS.values(), ids=title)
def test_nothing_runs_with_more_rights_than_it_needs(workload: dict[str, Any]) -> None:
    spec = pod(workload)["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    for container in spec["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"]
        assert container["resources"]["limits"]["memory"]
        assert not container["image"].endswith(":latest")
        assert ":" in container["image"]
        known = {volume["name"] for volume in spec.get("volumes", [])} | {
            claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])
        }
        assert {mount["name"] for mount in container["volumeMounts"]} == known


@pytest.mark.parametrize("name", ["console", "sender-live", "sender-drill", "listener", "clock", "redis", "pages"])
def test_what_runs_for_ever_is_looked_after(name: str) -> None:
    assert "livenessProbe" in pod(WORKLOADS[name])["spec"]["containers"][0]


@pytest.mark.parametrize("name", ["sender-live", "sender-drill", "listener", "clock"])
def test_workers_are_asked_by_their_own_kind_and_stop_in_time(name: str) -> None:
    spec = pod(WORKLOADS[name])["spec"]
    command = spec["containers"][0]["livenessProbe"]["exec"]["command"]
    assert command == ["python", "-m", "crisis.operations.alive", name]
    from workers.sender import LAST_WORDS_SECONDS

    if name.startswith("sender"):
        assert spec["terminationGracePeriodSeconds"] > LAST_WORDS_SECONDS + 5


def test_probes_of_the_console_are_pages_it_has(app: Any) -> None:
    container = pod(WORKLOADS["console"])["spec"]["containers"][0]
    rules = {rule.rule for rule in app.url_map.iter_rules()}
    asked = {container[f"{kind}Probe"]["httpGet"]["path"] for kind in ("startup", "liveness", "readiness")}
    assert asked == {"/healthz", "/readyz"} <= rules


def secrets_of(workload: dict[str, Any]) -> set[str]:
    """Every Secret a pod can read, by any way."""
    return set(re.findall(r"'secret(?:Name|KeyRef)': (?:\{'name': )?'([\w-]+)'", str(pod(workload)["spec"])))


def test_no_drill_sender_gets_a_live_secret_nor_the_other_way_round() -> None:
    assert secrets_of(WORKLOADS["sender-drill"]) == {"crisis-common", "crisis-drill"}
    assert secrets_of(WORKLOADS["sender-live"]) == {"crisis-common", "crisis-live"}
    assert secrets_of(WORKLOADS["clock"]) == secrets_of(WORKLOADS["migrate"]) == {"crisis-common"}
    assert "envFrom" not in str(manifests())


def test_each_secret_the_settings_name_is_in_the_object_of_its_mode(settings: Settings) -> None:
    kept = {name: set(one["stringData"]) for name, one in of_kind("Secret").items()}
    for account in settings.accounts:
        for ref in _files(account.options):
            assert ref.parent == Path("/run") / account.mode, ref
            assert ref.name in kept[f"crisis-{account.mode}"], ref
    assert kept["crisis-live"].isdisjoint(kept["crisis-drill"])
    assert len(list(all_references(settings))) >= 5
    assert settings.console.metrics_token is not None
    assert settings.console.metrics_token.file == Path("/run/console/metrics-token")
    assert "metrics-token" in kept["crisis-console"]
    assert settings.console.secret_key.file == Path("/run/common/secret-key")
    assert {"database-url", "redis-url", "secret-key"} <= kept["crisis-common"]


def test_public_pages_of_exercises_have_a_volume_of_their_own() -> None:
    claims = {
        name: [
            volume["persistentVolumeClaim"]["claimName"]
            for volume in pod(OURS[name])["spec"]["volumes"]
            if "persistentVolumeClaim" in volume
        ]
        for name in ("sender-live", "sender-drill")
    }
    assert claims == {"sender-live": ["public", "media"], "sender-drill": ["public-drill", "media"]}


def test_whoever_touches_pictures_sees_the_same_folder() -> None:
    for name in ("console", "sender-live", "sender-drill", "clock"):
        spec = pod(OURS[name])["spec"]
        (volume,) = (one for one in spec["volumes"] if one["name"] == "media")
        assert volume["persistentVolumeClaim"]["claimName"] == "media"
        (mount,) = (one for one in spec["containers"][0]["volumeMounts"] if one["name"] == "media")
        assert mount["mountPath"] == "/app/var/media"


def test_budgets_and_services_point_at_pods_that_are_there() -> None:
    labels = [pod(workload)["metadata"]["labels"] for workload in WORKLOADS.values()]
    for one in of_kind("PodDisruptionBudget").values():
        wanted = one["spec"]["selector"]["matchLabels"]
        (name,) = [name for name, w in WORKLOADS.items() if wanted.items() <= pod(w)["metadata"]["labels"].items()]
        # A budget of one for a single pod would forbid every repair of the node it runs on.
        assert WORKLOADS[name]["spec"]["replicas"] > one["spec"]["minAvailable"]
    for one in of_kind("Service").values():
        if one["metadata"]["name"] != "nowhere":
            assert any(one["spec"]["selector"].items() <= label.items() for label in labels), one["metadata"]["name"]


def policies_of(name: str) -> list[str]:
    labels = pod(WORKLOADS[name])["metadata"]["labels"]
    return sorted(
        policy["metadata"]["name"]
        for policy in of_kind("NetworkPolicy").values()
        if _selects(policy["spec"]["podSelector"], labels)
    )


def test_who_may_talk_to_whom() -> None:
    assert policies_of("sender-drill") == ["names-and-database", "nothing", "pretend-internet", "wake-ups-out"]
    assert policies_of("sender-live") == ["names-and-database", "nothing", "providers", "wake-ups-out"]
    assert policies_of("listener") == sorted([*policies_of("sender-live"), "mailboxes", "pretend-internet"])
    assert policies_of("clock") == ["names-and-database", "nothing", "wake-ups-out"]
    assert policies_of("migrate") == ["names-and-database", "nothing"]
    assert policies_of("redis") == ["nothing", "wake-ups-in"]
    assert policies_of("pages") == ["browsers-and-hooks", "nothing"]
    policy = of_kind("NetworkPolicy")["pretend-internet"]["spec"]["egress"]
    assert "ipBlock" not in str(policy)


def ports_out(name: str, to: str) -> set[int]:
    """Where the pods of a workload may connect: `to` stands in the rule, such as "simulator" or "ipBlock"."""
    policies = of_kind("NetworkPolicy")
    rules = [rule for policy in policies_of(name) for rule in policies[policy]["spec"].get("egress", ())]
    return {port["port"] for rule in rules if to in str(rule["to"]) for port in rule["ports"]}


def test_the_pretend_internet_is_reached_where_it_listens() -> None:
    """The simulator's own defaults, as the example's accounts look for them."""
    found = ports(runtime.load(ROOT / "crisis.example.toml"))
    assert {found.simulator, found.mail, found.mailbox} <= ports_out("listener", "simulator")
    assert {found.simulator, found.mail} <= ports_out("sender-drill", "simulator")
    (rule,) = of_kind("NetworkPolicy")["pretend-internet-itself"]["spec"]["ingress"]
    assert {port["port"] for port in rule["ports"]} == ports_out("listener", "simulator")
    assert ports_out("sender-live", "simulator") == set()


def test_providers_are_reached_where_adapters_call_them() -> None:
    encrypted = {443, email.PORTS["starttls"], email.PORTS["tls"]}
    assert encrypted == ports_out("sender-live", "0.0.0.0/0")
    assert encrypted | {email.IMAP_PORTS["starttls"], email.IMAP_PORTS["tls"]} == ports_out("listener", "0.0.0.0/0")
    assert ports_out("sender-drill", "0.0.0.0/0") == set()


def test_the_console_is_reached_where_it_listens(settings: Settings) -> None:
    policies = of_kind("NetworkPolicy")
    incoming = [rule for name in policies_of("console") for rule in policies[name]["spec"].get("ingress", ())]
    assert {port["port"] for rule in incoming for port in rule["ports"]} == {settings.console.port}


def _selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    wanted = selector.get("matchLabels", {})
    if not wanted.items() <= labels.items():
        return False
    for one in selector.get("matchExpressions", []):
        inside = labels.get(one["key"]) in one["values"]
        if inside != (one["operator"] == "In"):
            return False
    return True


def _files(options: Any) -> list[Path]:
    from crisis.embedded.keys import references

    return [ref.file for _, ref in references(options) if ref.file]
