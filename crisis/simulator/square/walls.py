"""What the pretend networks show, arranged for people: walls, and under each post what was said to it, newest first.

Pure over what a network gives; knows no HTTP.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from crisis.simulator.network import Network, Seen

SHOWN = 6  # threads of a wall on the square; the rest stands on the network's own page
ANSWERS = 30  # of a thread
A_PAGE = 30
PEOPLE = "people"  # the wall of those who write unasked


@dataclass(frozen=True, slots=True)
class Thread:
    """A post and everything said under it, with how deep each stands."""

    post: Seen
    answers: Sequence[tuple[Seen, int]]
    more: int  # answers not shown


@dataclass(frozen=True, slots=True)
class Wall:
    """One account's wall; `older` threads are not shown."""

    account: str
    owner: str
    threads: Sequence[Thread]
    count: int
    older: int


def walls(seen: Sequence[Seen], search: str = "", *, most: int = SHOWN, skip: int = 0) -> list[Wall]:
    """Walls in the order of their names, strangers last; each with its newest `most` threads after `skip`."""
    known = {one.id for one in seen}
    under: dict[str, list[Seen]] = {}
    roots: dict[str, list[Seen]] = {}
    owners: dict[str, str] = {one.account: one.author for one in seen if one.ours}
    for one in seen:
        if one.reply_to and one.reply_to in known:
            under.setdefault(one.reply_to, []).append(one)
        elif not search or search in f"{one.title} {one.text} {one.author} {one.account}".lower():
            roots.setdefault(one.account if one.account in owners else PEOPLE, []).append(one)
    return [
        _wall(name, owners.get(name, "Passers-by"), roots[name], under, most, skip)
        for name in sorted(roots, key=lambda name: (name == PEOPLE, name))
    ]


def _wall(name: str, owner: str, posts: Sequence[Seen], under: dict[str, list[Seen]], most: int, skip: int) -> Wall:
    newest = list(reversed(posts))
    shown = [_thread(one, under) for one in newest[skip : skip + most]]
    return Wall(name, owner, shown, len(posts), max(0, len(posts) - skip - most))


def _thread(post: Seen, under: dict[str, list[Seen]]) -> Thread:
    """Answers in reading order; without recursion, since a thread may be long."""
    flat: list[tuple[Seen, int]] = []
    waiting = [(one, 1) for one in reversed(under.get(post.id, []))]
    while waiting:
        one, level = waiting.pop()
        flat.append((one, min(level, 4)))
        waiting += [(child, level + 1) for child in reversed(under.get(one.id, []))]
    return Thread(post, flat[:ANSWERS], max(0, len(flat) - ANSWERS))


def accounts(network: Network) -> list[str]:
    """The walls a passer-by may name on this network, as `Network.say` knows them; none where nobody can answer."""
    if not getattr(network, "listens", True):
        return []
    ours = dict.fromkeys(one.account for one in network.seen() if one.ours)
    return list(ours) or [one.public.get("handle", one.name) for one in network.demo]
