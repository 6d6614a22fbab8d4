"""What nodes tell each other of being reached: real links in memory, no sockets."""

from __future__ import annotations

from functools import partial
from typing import Literal

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.stundata import Endpoint, StunData, sign_stun_data
from cloudnode.peers.messages import AnyMessage, DialBack, DialledBack, StunRecords, StunServer
from cloudnode.peers.peer import Peer
from cloudnode.reach.dialback import BY_PEER_MAX, BY_PEER_SECOND, DialBackServing
from cloudnode.reach.exchange import StunExchange
from cloudnode.reach.own import OwnStunData
from cloudnode.reach.sightings import Place
from cloudnode.reach.stunfile import make_stun_file
from cloudnode.stun.credentials import CredentialTable, Observation
from cloudnode.stun.transaction import make_indication
from tests.unit.peers.network import MemoryNetwork, MemoryNode
from tests.unit.store.network import make_key

HASH = b"\x33" * 32


class Reaching:
    """The exchange of a node, and what it is told."""

    def __init__(self, network: MemoryNetwork, node: MemoryNode) -> None:
        self.node = node
        self.endpoints: list[Endpoint] = []
        self.told: list[StunServer] = []
        self.came: list[bytes] = []
        self.gone: list[Peer] = []
        self.reachable: set[tuple[str, int]] = set()
        self.probed: list[tuple[str, str, int, tuple[bytes, ...]]] = []
        self.indications: list[tuple[str, Peer, int, bytes]] = []
        self.credentials = CredentialTable()
        self.dials_back = DialBackServing(network.clock, self._probe)
        for way in ("stun", "stun-tcp"):
            self.dials_back.indicate[way] = partial(self._indicate, way)
        book, sightings, file = make_stun_file(None, network.genesis.network, node.key.public, node.wall_time)
        own = OwnStunData(network.genesis.network, node.key, list, file.next_sequence)
        own.add_source(lambda: self.endpoints)
        self.exchange = StunExchange(
            network.clock, node.neighbourhood, own, book, sightings, file, self.credentials, self.dials_back,
            secret=self._secret, wall_time=node.wall_time,
        )  # fmt: skip
        self.exchange.server = (3478, 3479)
        self.exchange.watchers.append(self)
        self._count = 0

    def _secret(self, size: int) -> bytes:
        self._count += 1
        return self._count.to_bytes(size, "big")

    async def _probe(
        self, protocol: Literal["tcp", "udp"], host: str, port: int, certificates: tuple[bytes, ...]
    ) -> None:
        self.probed.append((protocol, host, port, certificates))
        if (protocol, port) not in self.reachable:
            raise ConnectionRefusedError("nobody is there")

    def _indicate(self, way: str, peer: Peer, port: int, data: bytes) -> None:
        if port == 1:
            raise ValueError("no connection comes from there")
        self.indications.append((way, peer, port, data))

    # PeerWatcher

    def server_told(self, peer: Peer, server: StunServer) -> None:
        self.told.append(server)

    def record_came(self, peer: Peer) -> None:
        self.came.append(peer.id)

    def closed(self, peer: Peer) -> None:
        self.gone.append(peer)

    def endpoint_of(self, other: Reaching) -> list[tuple[str, int]]:
        """What this node knows of another's endpoints."""
        record = self.exchange.book.get(other.node.key.public)
        return [] if record is None else [(each.address, each.port) for each in record.data.endpoints]


class ExchangeTests(SynchronousTestCase):
    """Three nodes in a row: the first and the last have no link with each other."""

    def setUp(self) -> None:
        self.network = MemoryNetwork(self)
        first = self.network.add(start=False)
        middle = self.network.add(start=False)
        last = self.network.add(start=False)
        self.first, self.middle, self.last = (Reaching(self.network, each) for each in (first, middle, last))
        for each, dials in ((first, []), (middle, [first.host]), (last, [middle.host])):
            each.neighbourhood.settings = type(each.neighbourhood.settings)(outbound=len(dials))
            for host in dials:
                each.neighbourhood.book.join(host, 38082, None)
            each.start()
        for reaching in (self.first, self.middle, self.last):
            reaching.exchange.start()
            self.addCleanup(reaching.exchange.stop)
        self.network.advance(2)

    def peer(self, here: Reaching, there: Reaching) -> Peer:
        [found] = [peer for peer in here.node.neighbourhood if peer.id == there.node.key.public]
        return found

    def test_server_told(self) -> None:
        """Each node tells each peer where to ask, with a credential of this link alone, which ends with it."""
        self.assertEqual([(each.udp_port, each.tcp_port) for each in self.middle.told], [(3478, 3479)] * 2)
        names = {each.username for each in (*self.first.told, *self.last.told)}
        self.assertEqual(len(names), 2)
        [told] = self.first.told
        credential = self.middle.credentials.find(told.username)
        assert credential is not None
        self.assertEqual(credential.key, told.key)
        peer = self.peer(self.middle, self.first)
        self.assertEqual(self.middle.exchange.username(peer), told.username)
        self.first.node.stop()
        self.network.advance(1)
        self.assertIsNone(self.middle.credentials.find(told.username))
        self.assertIsNone(self.middle.exchange.username(peer))
        self.assertEqual([peer.id for peer in self.middle.gone], [self.first.node.key.public])

    def test_no_server(self) -> None:
        """A node without a STUN server tells of none."""
        silent = self.network.add(self.middle.node.host, start=False)
        reaching = Reaching(self.network, silent)
        reaching.exchange.server = (0, 0)
        silent.start()
        before = len(self.middle.told)
        self.network.advance(2)
        self.assertEqual(len(self.middle.told), before)
        self.assertTrue(reaching.told)

    def test_seen(self) -> None:
        """Who asks with a peer's credential is that peer, and noted with its address."""
        [told] = self.first.told
        credential = self.middle.credentials.find(told.username)
        assert credential is not None
        credential.observed(Observation(told.username, "udp", ("203.0.113.7", 40_001), None))
        [seen] = self.middle.exchange.sightings.of(self.first.node.key.public)
        self.assertEqual(seen.place, Place("udp", "203.0.113.7", 40_001))

    def test_records_travel(self) -> None:
        """What a node says of itself comes to all others, each change at once to its peers, and soon to the rest."""
        self.assertEqual(self.last.endpoint_of(self.first), [])
        self.assertIn(self.first.node.key.public, self.middle.came)
        self.first.endpoints.append(Endpoint("udp", "203.0.113.7", 40_001, b"\7" * 32))
        self.first.exchange.changed()
        self.network.advance(0.15)
        self.assertEqual(self.middle.endpoint_of(self.first), [("203.0.113.7", 40_001)])
        self.network.advance(0.6)
        self.assertEqual(self.last.endpoint_of(self.first), [("203.0.113.7", 40_001)])

    def test_newcomer(self) -> None:
        """A node that comes later is told what is known."""
        self.first.endpoints.append(Endpoint("udp", "203.0.113.7", 40_001, b"\7" * 32))
        self.first.exchange.changed()
        self.network.advance(1)
        late = Reaching(self.network, self.network.add(self.last.node.host, start=False))
        late.node.neighbourhood.settings = self.last.node.neighbourhood.settings
        late.node.start()
        self.network.advance(1)
        self.assertEqual(late.endpoint_of(self.first), [("203.0.113.7", 40_001)])

    def test_many_changes(self) -> None:
        """Who changes all the time is passed on some times only, and the newest in the end."""
        sent: list[AnyMessage] = []
        said = self.last.exchange.said
        self.last.exchange.said = lambda peer, message: sent.append(message) or said(peer, message)  # type: ignore[method-assign]
        for port in range(1, 61):
            self.first.endpoints[:] = [Endpoint("udp", "203.0.113.7", port, b"\7" * 32)]
            self.first.exchange.changed()
            self.network.advance(0.5)
        self.assertLess(len([each for each in sent if isinstance(each, StunRecords)]), 12)
        self.network.advance(12)
        self.assertEqual(self.last.endpoint_of(self.first), [("203.0.113.7", 60)])

    def test_lies(self) -> None:
        """Who tells what is no record, or not signed by its node, is banned; an old one is passed over."""
        key = make_key(99)

        def record(**changes: int) -> bytes:
            now = int(self.middle.node.wall_time())
            told = {"sequence": 1, "issued": now, "expiry": now + 60} | changes
            return sign_stun_data(key, StunData(self.network.genesis.network, key.public, **told)).encode()

        old = int(self.middle.node.wall_time()) - 1000
        peer = self.peer(self.last, self.middle)
        peer.send(StunRecords((record(issued=old, expiry=old + 60), record(issued=old + 9_000, expiry=old + 9_001))))
        self.network.advance(0.1)
        self.assertIsNone(self.middle.exchange.book.get(key.public))
        self.assertTrue(peer.is_open)
        forged = bytearray(record())
        forged[-1] ^= 1
        peer.send(StunRecords((bytes(forged),)))
        self.network.advance(0.1)
        self.assertFalse(peer.is_open)
        self.assertEqual(self.middle.node.neighbourhood.counted.banned, 1)

    # Dial-backs

    def dial_back(self, *question: object) -> tuple[str, str]:
        asking: Deferred[object] = self.peer(self.first, self.middle).ask(DialBack, *question)  # type: ignore[assignment]
        self.network.advance(0.05)
        answer = self.successResultOf(asking)
        assert isinstance(answer, DialledBack)
        return answer.outcome, answer.host

    def test_dial_back(self) -> None:
        """A peer is tried at the address of its link, and told whether it was reached."""
        self.middle.reachable.add(("tcp", 38082))
        host = self.first.node.host
        self.assertEqual(self.dial_back("tcp", 38082, (HASH,)), ("reached", host))
        self.assertEqual(self.dial_back("udp", 38083, (HASH,)), ("failed", host))
        self.assertEqual(self.middle.probed, [("tcp", host, 38082, (HASH,)), ("udp", host, 38083, (HASH,))])

    def test_indication(self) -> None:
        """An indication goes from the STUN server to the peer that asks; without a server or a connection it fails."""
        host = self.first.node.host
        peer = self.peer(self.middle, self.first)
        for way in ("stun", "stun-tcp"):
            self.assertEqual(self.dial_back(way, 40_001, (), b"t" * 12), ("reached", host))
            self.assertEqual(self.middle.indications.pop(), (way, peer, 40_001, make_indication(b"t" * 12)))
            self.assertEqual(self.dial_back(way, 40_001, (), b"short"), ("failed", host))
            self.assertEqual(self.dial_back(way, 1, (), b"t" * 12), ("failed", host))
            del self.middle.dials_back.indicate[way]
            self.assertEqual(self.dial_back(way, 40_001, (), b"t" * 12), ("failed", host))
        self.assertEqual(self.middle.indications, [])

    def test_budget(self) -> None:
        """One peer has so many dial-backs at once, whatever its links, and then one in some seconds."""
        outcomes = [self.dial_back("tcp", 38082, (HASH,))[0] for _ in range(int(BY_PEER_MAX) + 3)]
        self.assertEqual(outcomes.count("refused"), 3)
        self.assertEqual(len(self.middle.probed), int(BY_PEER_MAX))
        self.network.advance(1 / BY_PEER_SECOND)
        self.assertEqual(self.dial_back("tcp", 38082, (HASH,))[0], "failed")
        self.assertEqual(self.dial_back("tcp", 38082, (HASH,))[0], "refused")
        self.assertEqual(self.middle.dials_back.refused, 4)


