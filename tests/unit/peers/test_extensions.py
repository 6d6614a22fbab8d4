"""Other parts of a node on its links."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import AnyMessage, DialBack, DialledBack, Message, StunRecords, StunServer
from cloudnode.peers.peer import Peer
from tests.unit.peers.network import MemoryNetwork, MemoryNode

SERVER = StunServer(3478, 0, "name", b"\1" * 32)


class Listener:
    """Notes what it is told (:class:`cloudnode.peers.extensions.LinkExtension`)."""

    def __init__(self, node: MemoryNode, *messages: type[Message]) -> None:
        self.messages: Sequence[type[Message]] = messages
        self.open: list[Peer] = []
        self.heard: list[AnyMessage] = []
        self.fault: PeerFault | None = None
        node.neighbourhood.extensions.add(self)

    def opened(self, peer: Peer) -> None:
        self.open.append(peer)

    def said(self, peer: Peer, message: AnyMessage) -> None:
        if self.fault is not None:
            raise self.fault
        self.heard.append(message)
        if isinstance(message, DialBack):
            peer.send(DialledBack(message.request, "failed", ""))

    def closed(self, peer: Peer) -> None:
        self.open.remove(peer)


class ExtensionTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork(self)
        first = self.network.add()
        self.second = self.network.add(first.host, start=False)
        self.server = Listener(first, StunServer, DialBack)
        self.records = Listener(first, StunRecords)
        self.second.start()
        self.network.advance(1)
        [self.peer] = self.second.neighbourhood

    def test_own_messages(self) -> None:
        """Each part is told of every link, and of its own messages alone; questions are answered as any others."""
        self.peer.send(SERVER)
        self.peer.send(StunRecords((b"record",)))
        answer = self.peer.ask(DialBack, "tcp", 38082)
        self.network.advance(0.1)
        self.assertEqual(self.server.heard[0], SERVER)
        self.assertIsInstance(self.server.heard[1], DialBack)
        self.assertEqual(self.records.heard, [StunRecords((b"record",))])
        self.assertIsInstance(self.successResultOf(answer), DialledBack)
        self.assertEqual([len(each.open) for each in (self.server, self.records)], [1, 1])

    def test_closed(self) -> None:
        """The end of a link is told once."""
        self.second.stop()
        self.assertEqual([each.open for each in (self.server, self.records)], [[], []])

    def test_fault(self) -> None:
        """What a part finds wrong ends the link."""
        self.server.fault = PeerFault("malformed", "wrong")
        self.peer.send(SERVER)
        self.network.advance(0.1)
        self.assertEqual(self.server.open, [])

    def test_nobody_takes_it(self) -> None:
        """A message for which there is no part ends the link, as any that has no place."""
        [peer] = self.server.open
        peer.send(SERVER)
        self.network.advance(0.1)
        self.assertEqual(self.server.open, [])

    def test_one_part_each(self) -> None:
        """Two parts can't want the same message."""
        alone = self.network.add(start=False)
        Listener(alone, StunServer)
        self.assertRaises(AssertionError, Listener, alone, DialBack, StunServer)
