"""All benchmarks, or those named: `python -m benchmarks [bulk] [sizes] [busy] [release] [pages] [listening] [--quick] [--rounds N]`.

Figures are printed as they come; at the end stands one table, ready for ARCHITECTURE.md, and what of the goals is met.
"""

from __future__ import annotations

import argparse
import logging
import time
from contextlib import ExitStack

import structlog

from benchmarks import bulk, busy, figures, listening, pages, queued, release, sizes
from benchmarks.places import databases, fresh

PARTS = ("bulk", "sizes", "busy", "release", "pages", "listening")


def rates(servers: dict[str, str], rounds: int, people: int, peer_people: int, table: figures.Table) -> None:
    """Ours and the peers in turn, round by round, so that a slow moment of the machine strikes all."""
    with bulk.instant() as provider:
        for name, server in servers.items():
            seen: dict[str, list[float]] = {}

            def note(who: str, rate: float, name: str = name, seen: dict[str, list[float]] = seen) -> None:
                seen.setdefault(who, []).append(rate)
                print(f"  {name:<11} {who:<22} {rate:9,.0f} /s", flush=True)

            for _ in range(rounds):
                note("ceiling", bulk.ceiling(provider, people))
                for senders in (1, 2):
                    with fresh(server) as (place, url):
                        run = bulk.ours(place, provider, url, people, senders)
                    note(f"ours, {senders} sender{'s' * (senders > 1)}", run.rate)
                for peer in queued.PEERS:
                    with fresh(server) as (place, url):
                        note(peer, queued.rate(place, provider, url, peer_people, peer))
            table.rates(name, seen)


def costs(servers: dict[str, str], chosen: tuple[int, ...], table: figures.Table) -> None:
    """What a text costs as the broadcast grows, and what a sender holds in memory."""
    with bulk.instant() as provider:
        for name, server in servers.items():
            with fresh(server) as (place, url):
                found = sizes.measure(place, provider, url, chosen)
            for run, own, databases_own in found:
                told = "" if databases_own is None else f", PostgreSQL {databases_own:.0f} µs"
                print(
                    f"  {name:<11} {run.people:>7,} people: sender {own:.0f} µs{told}, {run.rate:,.0f} /s,"
                    f" memory {run.memory_mib:.0f} MiB",
                    flush=True,
                )
            table.costs(name, found)


def waits(servers: dict[str, str], rounds: int, people: int, table: figures.Table) -> None:
    """The board and an urgent message while thousands of texts leave."""
    with bulk.instant() as provider:
        for name, server in servers.items():
            looks: list[float] = []
            first: dict[str, list[float]] = {}
            for _ in range(rounds):
                with fresh(server) as (place, url):
                    more, urgent = busy.measure(place, provider, url, people)
                looks += more
                for channel, values in urgent.items():
                    first.setdefault(channel, []).extend(values)
            print(f"  {name:<11} board       {figures.spread(looks)}", flush=True)
            for channel, values in first.items():
                print(f"  {name:<11} urgent, {channel:<4}{figures.spread(values)}", flush=True)
            table.waits(name, looks, first)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks")
    parser.add_argument("which", nargs="*", default=list(PARTS), help=f"of {', '.join(PARTS)}; all unless told")
    parser.add_argument("--quick", action="store_true", help="one round and no 200,000: some five minutes")
    parser.add_argument("--rounds", type=int, help="of the rates and of the board; 5, and 1 when quick")
    parser.add_argument("--people", type=int, default=20_000)
    parser.add_argument(
        "--peer-people", type=int, help="for the other queues, which are slow; 3,000, and 1,000 when quick"
    )
    told = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))  # figures, not a log
    if unknown := set(told.which) - set(PARTS):
        parser.error(f"{', '.join(sorted(unknown))}: not one of {', '.join(PARTS)}")
    rounds = told.rounds or (1 if told.quick else 5)
    peer_people = told.peer_people or (1_000 if told.quick else 3_000)
    chosen = (1_000, 20_000) if told.quick else (1_000, 20_000, 200_000)
    table = figures.Table(told.people, peer_people, rounds)
    began = time.monotonic()
    with ExitStack() as stack:
        servers = databases(stack)
        if "bulk" in told.which:
            figures.heading(f"{told.people:,} texts, one outcome recorded each (other queues: {peer_people:,})")
            rates(servers, rounds, told.people, peer_people, table)
        if "sizes" in told.which:
            figures.heading("What a text costs, and a sender's memory")
            costs(servers, chosen, table)
        if "busy" in told.which:
            figures.heading(f"While {told.people:,} texts leave")
            waits(servers, min(rounds, 3), told.people, table)
        for server in servers.values():
            if "release" in told.which:
                with fresh(server) as (place, url):
                    release.measure(place, database_url=url, rounds=10 if told.quick else 60)
            if "pages" in told.which and not told.quick:
                with fresh(server) as (place, url):
                    pages.measure(place, database_url=url, people=told.people)
            if "listening" in told.which:  # a million takes ten minutes to store: `python -m benchmarks.listening`
                heard, kept = (5_000, 20_000) if told.quick else (20_000, 100_000)
                with fresh(server) as (place, url):
                    listening.measure(place, database_url=url, people=heard, kept=kept)
    table.show()
    print(f"\ntook {(time.monotonic() - began) / 60:.0f} minutes")


if __name__ == "__main__":
    main()
