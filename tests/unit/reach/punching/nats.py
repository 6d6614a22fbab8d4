"""NATs, links with delay and loss, and hosts that probe, in memory: what the pure parts of punching are tried on."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from itertools import count
from random import Random

import attrs

from cloudnode.reach.punching.probing import Probing
from cloudnode.reach.punching.values import Endpoint


@attrs.frozen
class Packet:
    """A datagram. :ivar kind: ``probe`` or ``answer``. :ivar hops: Routers that it may still pass."""

    source: Endpoint
    to: Endpoint
    kind: str
    hops: int = 64


class Nat:
    """One router: RFC 4787's behaviours, and what an early packet does.

    :ivar poisoned: Pairs of a public port and a remote endpoint whose packet came too early: they are refused.
    """

    def __init__(
        self, address: str, random: Random, *, mapping: str = "independent", filtering: str = "port",
        sequential: bool = False, poisons: bool = False,
    ) -> None:  # fmt: skip
        """:param filtering: ``none``, ``address`` or ``port``."""
        self.address = address
        self.poisons = poisons
        self.poisoned: set[tuple[int, Endpoint]] = set()
        self._random = random
        self._mapping, self._filtering = mapping, filtering
        self._sequential = sequential
        self._next = 40_000
        self._ports: dict[object, int] = {}
        self._inside: dict[int, Endpoint] = {}
        self._sent: set[tuple[int, Endpoint]] = set()

    def out(self, packet: Packet) -> Packet | None:
        """Translate what goes out."""
        key = packet.source if self._mapping == "independent" else (packet.source, packet.to)
        port = self._ports.get(key)
        if port is None:
            port = self._ports[key] = self._draw()
            self._inside[port] = packet.source
        self._sent.add((port, packet.to))
        return attrs.evolve(packet, source=(self.address, port), hops=packet.hops - 1) if packet.hops > 1 else None

    def into(self, packet: Packet) -> Packet | None:
        """Let in what may come in."""
        port = packet.to[1]
        inside = self._inside.get(port)
        if inside is None or (port, packet.source) in self.poisoned or not self._admits(port, packet.source):
            if inside is not None and self.poisons:
                self.poisoned.add((port, packet.source))
            return None
        return attrs.evolve(packet, to=inside, hops=packet.hops - 1)

    def _admits(self, port: int, source: Endpoint) -> bool:
        if self._filtering == "none":
            return True
        if self._filtering == "address":
            return any(each == port and to[0] == source[0] for each, to in self._sent)
        return (port, source) in self._sent

    def _draw(self) -> int:
        while True:
            self._next += 1
            port = self._next if self._sequential else self._random.randint(1_024, 65_535)
            if port not in self._inside:
                return port


class Network:
    """Hosts behind NATs (or none), one router apart from each other."""

    def __init__(self, random: Random, delay: float = 0.015, loss: float = 0.0) -> None:
        self.now = 0.0
        self.packets = 0
        self._random, self._delay, self._loss = random, delay, loss
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._nats: dict[str, Nat] = {}
        self._behind: dict[str, Nat] = {}
        self._hosts: dict[Endpoint, Callable[[Packet], None]] = {}

    def nat(self, nat: Nat, *hosts: str) -> Nat:
        """Put hosts, by their private addresses, behind a NAT."""
        self._nats[nat.address] = nat
        self._behind.update(dict.fromkeys(hosts, nat))
        return nat

    def listen(self, endpoint: Endpoint, received: Callable[[Packet], None]) -> None:
        """Have what comes to a host's endpoint handed over."""
        self._hosts[endpoint] = received

    def at(self, time: float, call: Callable[[], None]) -> None:
        """Do something later."""
        heapq.heappush(self._queue, (time, next(self._order), call))

    def send(self, packet: Packet) -> None:
        """Send from a host."""
        self.packets += 1
        nat, other = self._behind.get(packet.source[0]), self._behind.get(packet.to[0])
        if other is not None:  # to a private address: it means something in the same network alone
            if other is nat:
                self.at(self.now + 0.001, lambda: self._hand_over(packet))
            return
        translated = packet if nat is None else nat.out(packet)
        # The core of the Internet is a router as well.
        if translated is None or translated.hops <= 1 or self._random.random() < self._loss:
            return
        arriving = attrs.evolve(translated, hops=translated.hops - 1)
        self.at(self.now + self._delay, lambda: self._arrive(arriving))

    def observe(self, host: Endpoint, server: Endpoint) -> Endpoint:
        """Where a server sees a host, from now on."""
        packet = Packet(host, server, "probe")
        nat = self._behind.get(host[0])
        translated = packet if nat is None else nat.out(packet)
        assert translated is not None
        return translated.source

    def run(self, until: float, done: Callable[[], bool] = lambda: False) -> bool:
        """Let time pass until something is done; False if it is not."""
        while self._queue and self._queue[0][0] <= until and not done():
            self.now, _, call = heapq.heappop(self._queue)
            call()
        return done()

    def _arrive(self, packet: Packet) -> None:
        nat = self._nats.get(packet.to[0])
        inside = packet if nat is None else nat.into(packet)
        if inside is not None:
            self._hand_over(inside)

    def _hand_over(self, packet: Packet) -> None:
        received = self._hosts.get(packet.to)
        if received is not None:
            received(packet)


class Prober:
    """One side: a socket that probes and answers.

    :ivar open: The endpoint that first answered a probe, and when.
    """

    def __init__(self, network: Network, local: Endpoint, probing: Probing) -> None:
        self.probing = probing
        self.open: tuple[Endpoint, float] | None = None
        self._network = network
        self._local = local
        network.listen(local, self._received)
        self._go_on()

    def _received(self, packet: Packet) -> None:
        now = self._network.now
        if packet.kind == "probe":
            self._network.send(Packet(self._local, packet.source, "answer"))
            self.probing.heard(packet.source, now)
        elif self.probing.answered(packet.source) and self.open is None:
            self.open = (packet.source, now)
        self._go_on()

    def _go_on(self) -> None:
        now = self._network.now
        for probe in self.probing.take_due(now):
            self._network.send(Packet(self._local, probe.to, "probe", probe.ttl or 64))
        deadline = self.probing.deadline()
        if deadline is not None:
            self._network.at(deadline, self._go_on)


def endpoints(addresses: Sequence[str], port: int = 5_000) -> list[Endpoint]:
    """An endpoint at each address."""
    return [(address, port) for address in addresses]
