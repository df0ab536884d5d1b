"""How a campaign gets its actors: new accounts, bought ones, and those who happen to be near."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from gatehouse.simulate.campaigns.base import Campaign
from gatehouse.simulate.columns import Ints
from gatehouse.simulate.geography import COUNTRIES
from gatehouse.simulate.habits import PLAIN_MALICE, draw_people, draw_tastes
from gatehouse.simulate.population import FREE, PRODUCTS, USER

_COVER_SHARE = 0.5  # of an ordinary actor's use
_SAME_COUNTRY = 0.7


class Cast(Campaign):
    """A campaign that can enlist actors.

    They are drawn like everybody else and use the products like everybody else beside what the
    campaign does, so that nothing but the abuse tells them apart.
    """

    def enlist(
        self,
        count: int,
        rng: np.random.Generator,
        *,
        within: tuple[float, float] = (0.0, 0.9),
        addresses: Ints | None = None,
        accounts_a_device: int = 1,
        domains: Sequence[str] = (),
        country: str | None = None,
        product: str = "chat_assistant",
    ) -> Ints:
        """Sign up new accounts.

        Args:
            count: how many.
            rng: random numbers.
            within: days from today within which they sign up.
            addresses: positions in the network pool that they come from; their own if absent.
            accounts_a_device: how many share one device.
            domains: mail domains to choose from; those of everybody if empty.
            country: the country that most of them state.
            product: what they mostly use.

        Returns:
            Positions.
        """
        world, people = self.world, self.world.people
        joined = self.now + rng.uniform(*within, count)
        made = draw_people(
            np.full(count, USER),
            joined,
            people.networks,
            world.products,
            rng,
            "campaigns",
            world.seed,
            day=self.now,
            block=world.turn("enlisted", self.now),
        )
        made.rate *= _COVER_SHARE
        made.malice[:] = PLAIN_MALICE
        made.plan = np.where(rng.random(count) < 0.85, FREE, made.plan)
        base = np.full((count, len(PRODUCTS)), 0.08)
        base[:, world.product(product)] = 1.0
        made.taste = draw_tastes(base, world.products, rng)
        if addresses is not None:
            made.addresses[:, 0] = rng.choice(addresses, count)
            made.addresses[:, 2] = rng.choice(addresses, count)
        if accounts_a_device > 1:
            made.devices[:, 0] = np.arange(count) // accounts_a_device * 2
            made.devices[:, 1] = -1
        if len(domains):
            made.email_domain = rng.choice(np.array(domains), count).tolist()
        if country is not None:
            stated = COUNTRIES.to_pylist().index(country)
            made.country = np.where(rng.random(count) < _SAME_COUNTRY, stated, made.country)
        actors = self.join(people.extend(made))
        if accounts_a_device > 1:
            self.note_devices(actors)
        return actors

    def turn(self, count: int, rng: np.random.Generator) -> Ints:
        """Buy accounts of ordinary users, who were innocent until today; a tenth at most."""
        most = max(1, len(self.world.people.settled(self.now)) // 10)
        return self.join(self.bystanders(min(count, most), rng))

    def overlap(self, count: int, rng: np.random.Generator, addresses: Ints | None = None) -> Ints:
        """Have innocents share the campaign's addresses from now on."""
        near = self.join(self.bystanders(count, rng), "bystander")
        if addresses is not None and len(addresses):
            self.world.people.addresses[near, 1] = rng.choice(addresses, len(near))
        return near

    def share_devices(self, actors: Ints, accounts_a_device: int) -> None:
        """Have actors use few devices."""
        people = self.world.people
        first = actors[np.arange(len(actors)) // accounts_a_device * accounts_a_device]
        people.devices[actors, 0], people.devices[actors, 1] = people.devices[first, 0], -1
        self.note_devices(actors)

    def note_devices(self, actors: Ints) -> None:
        """Note the devices of actors as the campaign's own."""
        people = self.world.people
        devices = np.unique(people.devices[actors, 0])
        self.note("device", people.device_pool.take(pa.array(devices)).to_pylist())

    def rent(self, network: str, count: int, rng: np.random.Generator) -> Ints:
        """Take addresses of a network into use: ``datacenter``, ``vpn``, ``home`` and so on."""
        networks = self.world.people.networks
        addresses = networks.some(network, rng, count)
        self.rented = addresses
        self.note("ip_address", networks.names(addresses))
        return addresses

    def proxies(self, count: int, rng: np.random.Generator) -> Ints:
        """Take homes of innocents into use, as residential proxies do."""
        hosts = self.overlap(count, rng)
        addresses: Ints = self.world.people.addresses[hosts, 0]
        self.note("ip_address", self.world.people.networks.names(addresses))
        return addresses
