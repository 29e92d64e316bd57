"""The demo's accounts on the three networks. Made up, public and worthless."""

from crisis.simulator.graph.memory import Owner
from crisis.simulator.network import DemoAccount

NUMBERS = {"ous": "1001", "hod": "1002", "ous-drill": "2001", "hod-drill": "2002"}


def owners(network: str, key: str, handles: dict[str, str], prefix: str = "") -> tuple[Owner, ...]:
    """One account for each name; `key` is the setting that holds its number."""
    made = []
    for name, handle in handles.items():
        number = prefix + NUMBERS[name]
        secrets = {
            "access_token": f"{name}-{network}-token",
            "app_secret": f"{name}-{network}-app-secret",
            "verify_token": f"{name}-{network}-verify-word",
        }
        made.append(Owner(DemoAccount(name, {key: number}, secrets, handle), number, handle))
    return tuple(made)
