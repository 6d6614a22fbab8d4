"""Two links between two nodes: which one stays, and what becomes of one that leads nowhere any more."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.peers.link import LinkLimits
from tests.unit.peers.network import MemoryChannel, MemoryNetwork, MemoryNode


def key(node: MemoryNode) -> bytes:
    return node.ledger.node_key.public


class SecondLinkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork(self)
        nodes = sorted((self.network.add(), self.network.add()), key=key)
        self.dialler = self.network.restart(nodes[0])  # which dials all others; its key is the smaller one
        self.other = nodes[1]
        self.network.advance(1)

    def channel(self) -> MemoryChannel:
        """The dialler's end of the link."""
        (peer,) = self.dialler.neighbourhood
        self.assertFalse(peer.inbound)
        channel = peer._channel
        assert isinstance(channel, MemoryChannel)
        return channel

    def check_linked(self) -> None:
        self.assertEqual((self.dialler.peers, self.other.peers), ({self.other.host}, {self.dialler.host}))

    def test_lost_without_a_word(self) -> None:
        """A node that crashed comes back soon, although the other side believes in the link that it lost."""
        self.channel().cut()
        self.other = self.network.restart(self.other)
        self.network.advance(1)
        self.assertEqual(self.other.peers, set(), "the older link would be the one that stays")
        self.assertLess(10, LinkLimits().silence)
        self.network.advance(9)
        self.check_linked()
        final = self.other.put("again")
        self.network.advance(3)
        self.successResultOf(final)

    def test_alive(self) -> None:
        """A link that is alive outlives each further one, however often that is tried."""
        channel, near = self.channel(), self.other.neighbourhood
        for _ in range(10):
            dialling = self.other._dial("ws", self.dialler.host, 1, lambda ours: near.make_peer(ours, None))
            Deferred.fromCoroutine(dialling)
            self.network.advance(1)
        self.assertIs(self.channel(), channel)
        self.check_linked()
