"""Peers that do not read: what waits for all of them together is bounded, and answers are made as they are taken."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.peers.messages import (
    ANSWER_BYTES,
    Blocks,
    GetBlocks,
    GetState,
    Offer,
    SentBlock,
    State,
)
from cloudnode.peers.peer import HELD_QUESTIONS_MAX, Peer
from cloudnode.peers.serving import Serving
from cloudnode.peers.stateserving import StateServing
from tests.unit.peers.network import MemoryChannel, MemoryNetwork
from tests.unit.peers.test_bans import Stranger
from tests.unit.store.network import make_key

MEGABYTE = 1024 * 1024
BLOCK = SentBlock(bytes(236), b"", bytes(ANSWER_BYTES - 1_000), b"")


class LongBlocks(Serving):
    """Answers each question for blocks with as much as an answer has.

    :ivar answered: How often.
    """

    answered = 0

    def blocks(self, question: GetBlocks) -> Blocks:
        self.answered += 1
        return Blocks(question.request, (BLOCK,))


class ReadingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork(self)
        self.node = self.network.add()
        self.near = self.node.neighbourhood
        self.near._serving = self.serving = LongBlocks(self.node.ledger)
        self.strangers: list[Stranger] = []

    def link(self, *, reads: bool = True) -> Stranger:
        """A link with somebody, at an address of its own, who reads or not."""
        number = len(self.strangers)
        stranger = Stranger(self.network, make_key(1_000 + number), f"198.{number}.100.1")
        self.strangers.append(stranger)
        if not reads:
            self.peer(stranger).sending_paused()
        return stranger

    def peer(self, stranger: Stranger) -> Peer:
        """The node's end of the link."""
        channel = stranger.peer._channel
        assert isinstance(channel, MemoryChannel) and channel.other is not None and channel.other.end is not None
        return channel.other.end

    def ask(self, stranger: Stranger, count: int) -> list[bool]:
        """Ask for blocks; whether each was answered is told in the list, later."""
        answered: list[bool] = []
        for _ in range(count):
            asked = stranger.peer.ask(GetBlocks, 1, 500)
            asked.addCallbacks(lambda _: answered.append(True), lambda failure: None)
        self.network.advance(0.2)
        return answered

    def waiting(self) -> float:
        """Megabytes that wait for all peers."""
        return self.near.counters().queued_bytes / MEGABYTE

    def test_read(self) -> None:
        """Who reads has all its answers, in the order of its questions."""
        stranger = self.link()
        self.assertEqual(self.ask(stranger, 50), [True] * 50)
        self.assertEqual(self.waiting(), 0)

    def test_deaf(self) -> None:
        """Who does not read has one answer made more than there is room for, and each other one when it reads."""
        stranger = self.link(reads=False)
        answered = self.ask(stranger, 50)
        self.assertEqual(self.serving.answered, 2)
        self.assertLess(self.waiting(), 2.1)
        self.assertIsNone(stranger.closed)
        self.peer(stranger).sending_resumed()
        self.network.advance(1)
        self.assertEqual(answered, [True] * 50)

    def test_deaf_and_asking(self) -> None:
        """Who asks without end and does not read is cut off, and not banned."""
        stranger = self.link(reads=False)
        self.ask(stranger, HELD_QUESTIONS_MAX + 10)
        assert stranger.closed is not None
        self.assertIn("slow: ", str(stranger.closed.fault))
        self.assertEqual((self.near.counters().banned, self.waiting()), (0, 0))

    def test_other_messages_go_on(self) -> None:
        """What is no question is heard meanwhile."""
        stranger = self.link(reads=False)
        self.ask(stranger, 3)
        heard: list[object] = []
        self.patch(self.near._gossip, "offered", lambda peer, message: heard.append(message))
        stranger.peer.send(Offer(bytes(32)))
        self.network.advance(0.1)
        self.assertEqual(len(heard), 1)

    def test_state(self) -> None:
        """The state is found for those who read, while others have questions waiting."""
        deaf, other = self.link(reads=False), self.link()
        found: list[int] = []

        def find(self: StateServing, question: GetState) -> State:
            found.append(question.height)
            return State(question.request, (bytes(MEGABYTE),))

        self.patch(StateServing, "_find", find)
        for stranger, height in ((deaf, 1), (other, 2)):
            for _ in range(5):
                stranger.peer.ask(GetState, height, ("2",)).addErrback(lambda failure: None)
        self.network.advance(0.3)
        self.assertEqual((found.count(1), found.count(2)), (1, 5))
        self.peer(deaf).sending_resumed()
        self.network.advance(0.3)
        self.assertEqual((found.count(1), found.count(2)), (5, 5))

    def fill(self, peer: Peer, megabytes: float) -> None:
        """Have that much wait for a peer that does not read."""
        for _ in range(round(megabytes * 4)):
            peer.send(Blocks(1, (SentBlock(bytes(236), b"", bytes(MEGABYTE // 4), b""),)))

    def test_all_together(self) -> None:
        """Of too much in all, the links with the most end as slow until it is not; the others, and who reads, go on."""
        self.near._backlog._most = 30 * MEGABYTE
        reading = self.link()
        deaf = [self.link(reads=False) for _ in range(7)]
        for stranger, megabytes in zip(deaf, (1, 2, 3, 4, 6, 7, 8), strict=True):
            self.fill(self.peer(stranger), megabytes)
            self.assertLess(self.waiting(), 32)
            self.network.advance(0.1)
        ended = [str(each.closed.fault) if each.closed else "" for each in deaf]
        self.assertEqual([bool(each) for each in ended], [False] * 6 + [True])
        self.assertIn("slow: ", ended[-1])
        self.assertLessEqual(self.waiting(), 30)
        self.assertEqual(self.ask(reading, 5), [True] * 5)
        self.assertEqual(self.near.counters().banned, 0)

    def test_many(self) -> None:
        """As many as may link, none of which reads or has more than a link may have: 128 MiB in all."""
        deaf = [self.link(reads=False) for _ in range(20)]
        for stranger in deaf:
            self.fill(self.peer(stranger), 20)
            self.network.advance(0.01)
            self.assertLess(self.waiting(), 149)
        self.network.advance(0.1)
        self.assertLessEqual(self.waiting(), 128)

    def test_validators_last(self) -> None:
        """A validator's link ends when no other is left to end."""
        self.near._backlog._most = 10 * MEGABYTE
        validator, other = self.link(reads=False), self.link(reads=False)
        spared = self.peer(validator)
        self.patch(self.near._backlog, "_is_spared", lambda peer: peer is spared)
        self.fill(spared, 8)
        self.fill(self.peer(other), 4)
        self.network.advance(0.1)
        self.assertEqual((validator.closed, other.closed is None), (None, False))
        self.fill(spared, 4)
        self.network.advance(0.1)
        self.assertIsNotNone(validator.closed)

    def test_is_validator(self) -> None:
        """Spared are the validators of the epoch, and not whoever says that it is one with a key of its own."""
        peer = self.peer(self.link())
        keys = {"another's": make_key(5).public, "a validator's": self.network.validator.public}
        for whose, key in keys.items():
            self.patch(self.near.validators, "key_of", lambda peer, key=key: key)
            self.assertEqual(self.near._is_validator(peer), whose == "a validator's")
