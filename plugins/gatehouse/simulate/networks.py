"""Addresses, and the reputation lists that say something about them.

Every address is from a block that is never routed publicly (private, carrier and benchmarking
space), so that no simulated finding can point at a real network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from ipaddress import IPv4Address, IPv4Network

import numpy as np
import pyarrow as pa

from gatehouse.simulate.columns import Columns, Ints
from gatehouse.simulate.seeds import child

_BLOCKS = {
    "home": IPv4Network("10.0.0.0/8"),
    "carrier": IPv4Network("100.64.0.0/10"),
    "office": IPv4Network("172.16.0.0/13"),
    "university": IPv4Network("172.24.0.0/16"),
    "vpn": IPv4Network("198.18.0.0/18"),
    "datacenter": IPv4Network("198.18.128.0/17"),
    "tor": IPv4Network("198.19.0.0/18"),
}
DISPOSABLE_DOMAINS = tuple(f"drop-{number}.example" for number in range(12))
_DAYS_BETWEEN_EDITIONS = 7


@dataclass(frozen=True)
class Networks:
    """All addresses of a world, in one pool.

    Attributes:
        pool: addresses as text.
        first: position in ``pool`` of the first address of a kind.
        size: how many addresses of a kind there are.
        taken: how many of a kind were given to somebody alone.
        notorious: day and position of addresses that lists have heard of.
    """

    pool: pa.Array
    first: dict[str, int]
    size: dict[str, int]
    taken: dict[str, int] = field(default_factory=dict)
    notorious: list[tuple[int, int]] = field(default_factory=list)

    def take(self, kind: str, count: int) -> Ints:
        """Positions of the next ``count`` addresses of a kind nobody has; from the start again."""
        begin = self.taken.get(kind, 0)
        self.taken[kind] = begin + count
        positions: Ints = self.first[kind] + np.arange(begin, begin + count) % self.size[kind]
        return positions

    def draw(self, kind: str, rng: np.random.Generator, count: int) -> Ints:
        """Positions of ``count`` addresses of a kind, repetitions possible."""
        return self.first[kind] + rng.integers(0, self.size[kind], count)

    def some(self, kind: str, rng: np.random.Generator, count: int) -> Ints:
        """Positions of ``count`` different addresses of a kind (of as many as there are)."""
        most = min(count, self.size[kind])
        positions: Ints = self.first[kind] + rng.choice(self.size[kind], size=most, replace=False)
        return positions

    def report(self, positions: Ints, day: int) -> None:
        """Let lists hear of addresses; blocklists from ``day`` on have them for four weeks."""
        self.notorious.extend((day, int(position)) for position in positions)

    def infamous(self, day: int) -> Ints:
        """Addresses that lists have heard of lately."""
        lately = [at for heard, at in self.notorious if day - 28 < heard <= day]
        return np.array(lately, dtype=np.int64)

    def names(self, positions: Ints) -> list[str]:
        """Addresses as text."""
        texts: list[str] = self.pool.take(pa.array(positions)).to_pylist()
        return texts


def build_networks(actors: int, organisations: int) -> Networks:
    """Addresses enough for a world of so many actors."""
    size = {
        "home": 2 * actors + 2_000,
        "carrier": max(4, actors // 200),
        "office": 2 * organisations + 8,
        "university": max(2, actors // 1500),
        "vpn": max(8, actors // 250),
        "datacenter": max(40, actors // 5),
        "tor": max(12, actors // 1000),
    }
    first: dict[str, int] = {}
    addresses: list[str] = []
    for kind, count in size.items():
        first[kind] = len(addresses)
        base, span = int(_BLOCKS[kind].network_address), _BLOCKS[kind].num_addresses
        # An odd stride walks the whole block before it repeats.
        addresses += [
            str(IPv4Address(base + (number * 40_503 + 1) % span)) for number in range(count)
        ]
    return Networks(pa.array(addresses, pa.string()), first, size)


def reputation_editions(networks: Networks, start: date, day: int, seed: int) -> Iterator[Columns]:
    """The lists published on a day: entries come and go from one edition to the next."""
    if day % _DAYS_BETWEEN_EDITIONS:
        return
    on = start + timedelta(days=day)
    rng = child(seed, "reputation", day)
    blocks = [str(block) for block in _BLOCKS["datacenter"].subnets(new_prefix=24)]
    yield _edition("sim_datacenter", on, "cidr", "datacenter", _known(blocks, rng, 0.9), 0.2)
    blocks = [str(block) for block in _BLOCKS["vpn"].subnets(new_prefix=22)]
    yield _edition("sim_vpn", on, "cidr", "vpn", _known(blocks, rng, 0.8), 0.3)
    exits = networks.names(networks.first["tor"] + np.arange(networks.size["tor"]))
    yield _edition("sim_tor", on, "ip", "tor", _known(exits, rng, 0.9), 0.6)
    # A blocklist knows a part of what is bad, and has homes on it that were bad last month.
    blocked = [networks.some(kind, rng, n) for kind, n in (("datacenter", 20), ("vpn", 6))]
    homes = min(networks.taken["home"], networks.size["home"])
    blocked += [networks.first["home"] + rng.choice(homes, 4, replace=False)]
    entries = networks.names(np.concatenate([*blocked, networks.infamous(day)]))
    yield _edition("sim_blocklist", on, "ip", "blocklist", sorted(set(entries)), 0.8)
    domains = _known(list(DISPOSABLE_DOMAINS), rng, 0.8)
    yield _edition("sim_disposable", on, "email_domain", "disposable_email", domains, 0.5)


def _known(entries: list[str], rng: np.random.Generator, share: float) -> list[str]:
    return [
        entry for entry, draw in zip(entries, rng.random(len(entries)), strict=True) if draw < share
    ]


def _edition(
    list_id: str, on: date, entry_type: str, category: str, entries: list[str], score: float
) -> Columns:
    return {
        "list_id": list_id,
        "list_date": on,
        "entry_type": entry_type,
        "entry": entries,
        "category_code": category,
        "score": score,
    }
