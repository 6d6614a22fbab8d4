"""What a liar gains by another key, and a flood by another link: nothing; and what its neighbours lose by that."""

from __future__ import annotations

from hashlib import sha256

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.keys import SigningKey
from cloudnode.peers.anchors import HELD_SECONDS
from cloudnode.peers.bans import LIARS_MAX, LIARS_SECONDS, Liars
from cloudnode.peers.bookfile import dump_book, load_book
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.known import KNOWN_MAX, OF_ONE_ADDRESS_MAX, KnownNodes
from cloudnode.peers.link import Closed, Link, LinkLimits
from cloudnode.peers.messages import (
    COSTS,
    VERSIONS,
    Addresses,
    AnyMessage,
    GetAddresses,
    GetBlocks,
    Hello,
    NewBlock,
    SentBlock,
)
from cloudnode.peers.peer import Peer
from cloudnode.peers.shares import ADDRESS_REFILL, OF_A_NODE, OF_AN_ADDRESS
from tests.unit.peers.network import PORT, MemoryChannel, MemoryNetwork
from tests.unit.store.network import make_key

SHARED = "203.0.113.7"
LIE = NewBlock(SentBlock(b"x" * 236, b"", b"", b""))


class Stranger:
    """A node of nobody's, which does what a test says, at any address (:class:`~cloudnode.peers.peer.PeerOwner`)."""

    def __init__(self, network: MemoryNetwork, key: SigningKey, address: str) -> None:
        """Link with the network's first node.

        :raises PeerFault: It takes no link from there.
        """
        [node, *_] = network.nodes.values()
        self.closed: Closed | None = None
        binding = next(network.bindings)
        here = MemoryChannel(network.clock, node.host, PORT, False, binding)
        there = MemoryChannel(network.clock, address, 50_000, True, binding)
        here.other, there.other = there, here
        there.end = node.neighbourhood.accept(there)
        nonce = sha256(binding).digest()
        hello = Hello(VERSIONS, network.genesis.network, key.public, nonce, (), 0, 0, "test")
        link = Link(key, hello, binding, dials=True, now=network.clock.seconds())
        self.peer = here.end = Peer(here, link, network.clock, self)
        network.advance(0.05)

    def peer_opened(self, peer: Peer) -> None:
        """What follows is up to the test."""

    def peer_said(self, peer: Peer, message: AnyMessage) -> None:
        if isinstance(message, GetAddresses):
            peer.send(Addresses(message.request, ()))

    def peer_closed(self, peer: Peer, closed: Closed) -> None:
        self.closed = closed


class NeighbourTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork(self)
        self.node = self.network.add()
        self.near = self.node.neighbourhood
        self.keys = (make_key(number) for number in range(1_000, 2_000))

    def link(self, address: str = SHARED, key: SigningKey | None = None) -> str:
        """Link from an address, by default with a new key: ``open``, or the fault by which the link is over."""
        try:
            self.last = Stranger(self.network, key or next(self.keys), address)
        except PeerFault as fault:
            return fault.name
        return "open" if self.last.closed is None else self.last.closed.fault.message.split()[2].rstrip(":")

    def lie(self, address: str = SHARED, key: SigningKey | None = None) -> str:
        """Link and, if that is taken, tell a lie: what the link was before."""
        outcome = self.link(address, key)
        if outcome == "open":
            self.last.peer.send(LIE)
            self.network.advance(0.05)
            self.assertIsNotNone(self.last.closed)
        return outcome

    def hold(self, address: str, key: SigningKey) -> Stranger:
        """A link that holds."""
        self.assertEqual(self.link(address, key), "open")
        held = self.last
        for _ in range(int(HELD_SECONDS) + 2):
            self.network.clock.advance(0.5)
            self.network.clock.advance(0.5)
        self.assertIsNone(held.closed)
        return held

    def bans(self) -> dict[str, int]:
        """How often addresses were banned, and keys."""
        return {whom if len(whom) < 64 else "keys": ban.count for whom, ban in self.near.book.bans}

    def wait(self, seconds: float) -> None:
        self.network.clock.advance(seconds)


class AddressBanTests(NeighbourTests):
    def test_fresh_keys(self) -> None:
        """The second key that lies has its address banned; more of them wait for longer each time."""
        self.assertEqual([self.lie() for _ in range(6)], ["open", "open", *["banned"] * 4])
        self.assertEqual(self.bans(), {"keys": 1, SHARED: 1})
        for count, seconds in ((2, 60), (3, 240), (4, 960)):
            self.wait(seconds)
            self.assertEqual([self.lie() for _ in range(3)], ["open", "banned", "banned"])
            self.assertEqual(self.bans()[SHARED], count)
        self.assertEqual(self.link("203.0.113.8"), "open", "another address is not its")

    def test_one_liar(self) -> None:
        """One key that lies again and again is banned by itself, and its neighbours are not."""
        for seconds in (60, 240, 960):
            self.assertEqual(self.lie(key=make_key(900)), "open")
            self.assertEqual(self.link(key=make_key(900)), "banned")
            self.wait(seconds + 1)
        self.assertEqual(self.link(), "open")
        self.assertEqual(self.bans(), {"keys": 3})

    def test_honest_neighbours(self) -> None:
        """Nodes whose links held stay, and come back, while strangers of the same address are kept out."""
        honest = [make_key(700 + number) for number in range(3)]
        held = [self.hold(SHARED, key) for key in honest]
        self.assertEqual([self.lie() for _ in range(3)], ["open", "open", "banned"])
        self.assertEqual([each.closed for each in held], [None] * 3)
        self.assertEqual([self.link(key=key) for key in honest], ["open"] * 3)
        self.assertEqual(self.link(), "banned")
        self.assertEqual(self.lie(key=honest[0]), "open")
        self.wait(61)
        self.assertEqual(self.link(key=honest[0]), "banned", "who lies is known for that, whatever it did before")
        self.assertEqual(self.link(key=honest[1]), "open")

    def test_whole_ipv6_network(self) -> None:
        """An IPv6 customer has a /64 to itself, which is one address here."""
        self.assertEqual([self.lie(f"2001:db8:1:1::{number}") for number in range(3)], ["open", "open", "banned"])
        self.assertEqual(self.link("2001:db8:1:2::1"), "open")

    def test_this_machine(self) -> None:
        """Of this machine's own address no other is held to what one does."""
        self.assertEqual({self.lie("127.0.0.1") for _ in range(4)}, {"open"})

    def test_named_and_validators(self) -> None:
        """Nor of those that the operator named, or where a validator has proven itself."""
        self.near.book.join("203.0.113.20", PORT, None)
        self.near.book.succeeded(("203.0.113.30", PORT), make_key(5).public, self.network.clock.seconds())
        self.near.book.is_validator(make_key(5).public, make_key(70).public)
        for host in ("203.0.113.20", "203.0.113.30"):
            self.assertEqual({self.lie(host) for _ in range(4)}, {"open"})

    def test_after_restart(self) -> None:
        """Who is known, and which addresses are banned, is known after a restart."""
        self.hold(SHARED, make_key(700))
        self.assertEqual([self.lie() for _ in range(3)], ["open", "open", "banned"])
        now, network = self.network.clock.seconds(), self.network.genesis.network
        again = self.network.add().neighbourhood.book
        load_book(again, dump_book(self.near.book, network, 0.0), network, now, 0.0)
        self.assertEqual(list(again.known), [(make_key(700).public, SHARED)])
        self.assertTrue(again.bans.includes(b"", SHARED, now))


class ShareTests(NeighbourTests):
    def flood(self, *keys: SigningKey | None, address: str = SHARED) -> tuple[int, list[str]]:
        """Link again and again, each time asking nearly all that one link may: what was answered, what links became."""
        answered, outcomes = 0, []
        for key in keys:
            outcomes.append(self.link(address, key))
            if outcomes[-1] == "open":
                asked = []
                for _ in range(2):
                    asked += [self.last.peer.ask(GetBlocks, 1, 500) for _ in range(95)]
                    self.network.advance(0.15)
                answered += sum(each.called for each in asked)
                self.assertIsNone(self.last.closed)
                self.last.peer.end(PeerFault("going_away", "that was all"))
                for each in asked:
                    each.addErrback(lambda failure: None)
                self.network.advance(0.05)
        return answered, outcomes

    def test_linking_again(self) -> None:
        """A key that links again has what it left, and is refused until there is enough for a link."""
        answered, outcomes = self.flood(*[make_key(900)] * 10)
        self.assertEqual(outcomes, ["open"] * OF_A_NODE + ["refused"] * (10 - OF_A_NODE))
        self.assertEqual(answered, 190 * OF_A_NODE)
        self.assertEqual(self.bans(), {})
        self.wait(5)
        self.assertEqual(self.link(key=make_key(900)), "open")

    def test_fresh_keys(self) -> None:
        """New keys share what their address has, which fills up again for a few of them; others have theirs."""
        began, limits = self.network.clock.seconds(), LinkLimits()
        answered, outcomes = self.flood(*[None] * 40)
        self.assertEqual(outcomes[:OF_AN_ADDRESS], ["open"] * OF_AN_ADDRESS)
        # Beside what the address is given, each link is while it lasts, and there is one at a time.
        seconds = self.network.clock.seconds() - began
        given = limits.allowance * OF_AN_ADDRESS + seconds * limits.refill * (ADDRESS_REFILL + 1)
        self.assertLessEqual(answered * COSTS[GetBlocks], given)
        self.assertIn("refused", outcomes)
        self.assertEqual(self.bans(), {})
        self.assertEqual(self.link("203.0.113.8"), "open")
        self.wait(5)
        self.assertEqual([self.link() for _ in range(ADDRESS_REFILL)], ["open"] * ADDRESS_REFILL)

    def test_known_neighbours(self) -> None:
        """Nodes that are known do not wait for what their neighbours took."""
        self.hold(SHARED, make_key(700)).peer.end(PeerFault("going_away", "it restarts"))
        self.flood(*[None] * 20)
        self.assertEqual(self.link(), "refused")
        self.assertEqual(self.link(key=make_key(700)), "open")

    def test_honest_crowd(self) -> None:
        """Behind one address as many nodes as may link from there come and go, many times, and none is refused."""
        keys = [make_key(700 + number) for number in range(self.near.settings.inbound_group)]
        for _ in range(10):
            links = []
            for key in keys:
                self.assertEqual(self.link(key=key), "open")
                links.append(self.last)
            for each in links:
                each.peer.ask(GetBlocks, 1, 500)
            self.network.advance(0.05)
            for each in links:
                each.peer.end(PeerFault("going_away", "it restarts"))
            self.network.advance(0.05)
        self.assertEqual(self.near.counters().refused, 0)


class TableTests(SynchronousTestCase):
    """What is remembered is bounded."""

    def test_known(self) -> None:
        known = KnownNodes()
        for number in range(KNOWN_MAX + 50):
            known.held(make_key(number).public, f"203.0.{number // 250}.{number % 250}")
        self.assertEqual(len(list(known)), KNOWN_MAX)
        for number in range(OF_ONE_ADDRESS_MAX + 5):
            known.held(make_key(5_000 + number).public, SHARED)
        there = [node for node, address in known if address == SHARED]
        self.assertEqual(there, [make_key(5_000 + number).public for number in range(5, OF_ONE_ADDRESS_MAX + 5)])
        known.held(there[0], "203.0.113.9")
        self.assertEqual(sum(address == SHARED for _, address in known), OF_ONE_ADDRESS_MAX - 1)

    def test_liars(self) -> None:
        liars = Liars()
        self.assertEqual([liars.add(SHARED, b"%d" % (number // 2), 0.0) for number in range(6)], [1, 0, 2, 0, 3, 0])
        self.assertEqual(liars.add(SHARED, b"x", LIARS_SECONDS + 1), 1)
        for number in range(LIARS_MAX + 50):
            liars.add(f"{number}", b"x", 0.0)
        self.assertEqual(len(liars._liars), LIARS_MAX)
