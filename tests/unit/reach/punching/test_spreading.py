"""Many ports at once."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.reach.punching.spreading import IN_ORDER, PROBES_MAX, PROBES_SECOND, SOCKETS, Pace, order_ports
from tests.unit.reach.punching.nats import Nat, Network, Packet

SERVER = ("198.51.100.1", 3478)
MANY, ONE = "10.0.1.2", ("10.0.2.2", 6_000)


def hit_after(sequential: bool, seed: int) -> int | None:
    """How many probes of random ports it takes until one comes through to one of many sockets."""
    random = Random(seed)
    network = Network(random)
    network.nat(Nat("203.0.113.1", random, mapping="dependent", sequential=sequential), MANY)
    network.nat(Nat("203.0.113.2", random), ONE[0])
    target = network.observe(ONE, SERVER)
    observed = network.observe((MANY, 9_999), SERVER)
    hits: list[Packet] = []
    for port in range(10_000, 10_000 + SOCKETS):
        network.listen((MANY, port), hits.append)
        network.send(Packet((MANY, port), target, "probe"))
    network.run(1.0)
    for number, port in enumerate(order_ports(observed[1], random), 1):
        network.send(Packet(ONE, (observed[0], port), "probe"))
        if network.run(100.0, lambda: bool(hits)):
            return number
    return None


class SpreadingTests(SynchronousTestCase):
    def test_random(self) -> None:
        """1,024 probes of 64,512 ports find one of 256 mappings in 98 % of all cases, those that are sent in more."""
        found = [hit_after(False, seed) for seed in range(150)]
        self.assertGreaterEqual(sum(each is not None for each in found), 146)
        self.assertGreaterEqual(sum(each is not None and each <= 1_024 + IN_ORDER for each in found), 143)

    def test_sequential(self) -> None:
        """Ports that are given in order are found at once."""
        self.assertEqual({hit_after(True, seed) for seed in range(5)}, {1})

    def test_order(self) -> None:
        """Each port once, the nearest first, and only ports that NATs use."""
        ports = list(order_ports(65_530, Random(1)))
        self.assertEqual(ports[:5], [65_531, 65_532, 65_533, 65_534, 65_535])
        self.assertEqual(len(ports), len(set(ports)))
        self.assertEqual(len(ports), PROBES_MAX)
        self.assertTrue(all(1_024 <= port <= 65_535 for port in ports))


class PaceTests(SynchronousTestCase):
    def test_rate(self) -> None:
        """No more than the rate, whatever the timer does."""
        pace = Pace(PROBES_SECOND, 0.0)
        sent = sum(pace.take(at / 100) for at in range(200))
        self.assertLess(abs(sent - 2 * PROBES_SECOND), 5)
        self.assertLessEqual(pace.take(60.0), PROBES_SECOND / 10 + 1)

    def test_early(self) -> None:
        """Before its time there is nothing."""
        pace = Pace(10.0, 0.0)
        self.assertEqual(pace.take(0.0), 1)
        self.assertEqual(pace.take(0.05), 0)
        self.assertEqual(pace.take(0.1), 1)
