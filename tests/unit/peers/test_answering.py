"""How long peers are waited for, and what is remembered of them."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.peers import answering
from cloudnode.peers.answering import Answering, Overdue
from cloudnode.peers.faults import PeerFault
from cloudnode.peers.messages import Answer, Blocks, GetBlocks, GetState, SentBlock, State

SOME = Blocks(1, (SentBlock(b"", b"", b"", b""),))


class OtherNode:
    """The part of a peer that is used here."""

    def __init__(self, name: str, address: str = "", ping: float = 0.01) -> None:
        self.id, self.address, self.ping_seconds = name.encode(), address or f"192.0.2.{ord(name[0])}", ping
        self.is_open, self.asked, self.progress_bytes = True, 0, 0
        self.questions: list[Deferred[Answer]] = []

    def __repr__(self) -> str:
        return self.id.decode()

    def ask(self, question: Any, *arguments: object) -> Deferred[Answer]:
        self.questions.append(Deferred())
        return self.questions[-1]

    def answer(self, answer: Answer = SOME) -> None:
        """Answer the oldest question."""
        self.questions.pop(0).callback(answer)

    def lose(self) -> None:
        """Lose the link."""
        self.is_open = False
        while self.questions:
            self.questions.pop(0).errback(PeerFault("unanswered", "no answer"))


class AnsweringTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1000)
        self.answering = Answering(self.clock)
        self.unable: list[OtherNode] = []
        self.able: Any = [OtherNode("z")]

    def tearDown(self) -> None:
        self.assertEqual(len(self.clock.getDelayedCalls()), 0 if not self.answering._waiting else 1)

    def ask(self, *peers: OtherNode, question: Any = GetBlocks) -> Deferred[Any]:
        return self.answering.ask(peers, question, 1, could_not=self.unable.append, able=lambda: self.able)  # type: ignore

    def choose(self, *peers: OtherNode, question: Any = GetBlocks) -> list[Any]:
        return self.answering.choose(peers, question)  # type: ignore[arg-type]

    def pass_time(self, seconds: float) -> None:
        self.clock.pump([0.1] * round(seconds * 10))

    def fail_link(self, peer: OtherNode) -> None:
        asking = self.ask(peer)
        peer.lose()
        self.failureResultOf(asking, PeerFault)

    def test_nearest(self) -> None:
        """Nearer ones first, then those with fewer questions; nobody is asked more than two things at a time."""
        near, far = OtherNode("near"), OtherNode("far", ping=0.2)
        for expected in (near, far, near, far):
            [peer] = self.choose(near, far)
            self.assertIs(peer, expected)
            self.ask(peer)
        self.assertEqual(self.choose(near, far), [])
        near.answer()
        self.assertEqual(self.choose(near, far), [near])

    def test_told(self) -> None:
        """Of those asked the first that has it counts, and who has it not is named."""
        a, b, c = map(OtherNode, "abc")
        asking = self.ask(a, b, c)
        a.answer(Blocks(1, ()))
        self.assertNoResult(asking)
        b.answer()
        self.assertEqual(self.successResultOf(asking), (b, SOME))
        c.answer()
        self.assertEqual((self.unable, a.asked, b.asked, c.asked), ([a], 0, 0, 0))
        asking = self.ask(a)
        a.answer(Blocks(1, ()))
        self.assertIsNone(self.successResultOf(asking))

    def test_answered_before(self) -> None:
        """Who answered such a question is preferred to who is nearer, though not to be asked everything at once."""
        near, far = OtherNode("near"), OtherNode("far", ping=0.2)
        self.ask(far)
        far.answer()
        self.assertEqual(self.choose(near, far), [far])
        self.assertEqual(self.choose(near, far, question=GetState), [near])
        self.ask(far)
        self.ask(far)
        self.assertEqual(self.choose(near, far), [near])

    def test_more_and_more(self) -> None:
        """Each question that nobody answers in time is put to twice as many; none of these is asked again."""
        peers = [OtherNode(chr(65 + number)) for number in range(40)]
        counts = []
        while chosen := self.choose(*peers):
            counts.append(len(chosen))
            asking = self.ask(*chosen)
            self.pass_time(1)
            self.assertNoResult(asking)
            self.pass_time(0.5)
            self.failureResultOf(asking, Overdue)
        self.assertEqual(counts, [1, 2, 4, 8, 16, 9])
        peers[7].answer()
        self.assertEqual(self.choose(*peers), [peers[7]])

    def test_progress(self) -> None:
        """While bytes come, an answer is not overdue, however long it takes; some bytes now and then are too few."""
        slow, trickling = OtherNode("slow"), OtherNode("trickling")
        taking, waiting = self.ask(slow), self.ask(trickling)
        for _ in range(100):
            slow.progress_bytes += 8_000
            trickling.progress_bytes += 10
            self.pass_time(0.2)
        self.assertNoResult(taking)
        self.failureResultOf(waiting, Overdue)
        slow.answer()
        self.successResultOf(taking)
        self.assertEqual(self.choose(slow, trickling), [slow])
        self.assertFalse(self.answering.is_doubtful(slow))  # type: ignore[arg-type]

    def test_nobody_else(self) -> None:
        """While nobody else can be asked, an answer is waited for; once somebody can be, no longer."""
        peer = OtherNode("a")
        self.able = [peer]
        asking = self.ask(peer)
        self.pass_time(20)
        self.assertNoResult(asking)
        peer.answer()
        self.successResultOf(asking)
        asking = self.ask(peer)
        self.clock.advance(answering.SLOW_SECONDS)
        self.pass_time(28)
        self.assertNoResult(asking)
        self.able = [peer, OtherNode("b")]
        self.pass_time(5)
        self.failureResultOf(asking, Overdue)

    def test_this_node_stood_still(self) -> None:
        """Time in which this node itself did nothing is not held against anybody."""
        peer = OtherNode("a")
        asking = self.ask(peer)
        self.clock.advance(20)
        self.assertNoResult(asking)
        peer.answer()
        self.successResultOf(asking)

    def test_slow(self) -> None:
        """Who answers late is waited for longer, and asked only where nobody is faster; after a while as others."""
        slow, other = OtherNode("slow"), OtherNode("other")
        asking = self.ask(slow)
        self.pass_time(3)
        self.failureResultOf(asking, Overdue)
        self.assertEqual(self.choose(slow), [])
        slow.answer()
        self.assertEqual(self.choose(slow), [slow])
        self.assertEqual(self.choose(slow, other), [other])
        asking = self.ask(slow)
        self.pass_time(4)
        slow.answer()
        self.successResultOf(asking)
        self.ask(other)
        self.ask(other)
        self.assertEqual(self.choose(slow, other), [])
        self.clock.advance(answering.SLOW_SECONDS)
        self.assertEqual(self.choose(slow, other), [slow])

    def test_remembered(self) -> None:
        """A node whose link ended with a question is not asked for a while by its next link, longer each time."""
        other, pauses = OtherNode("b"), []
        for _ in range(4):
            self.fail_link(OtherNode("a"))
            again, began = OtherNode("a", ping=0.001), self.clock.seconds()
            self.assertEqual(self.choose(again), [again])  # if there is nobody else
            while self.choose(again, other)[0] is other and self.clock.seconds() < began + 10_000:
                self.assertTrue(self.answering.is_doubtful(again))  # type: ignore[arg-type]
                self.clock.advance(1)
                if not self.answering.is_doubtful(again):  # type: ignore[arg-type]
                    break
            pauses.append(self.clock.seconds() - began)
        self.assertEqual(pauses, sorted(pauses))
        self.assertLess(pauses[0], 12)
        self.assertGreater(pauses[3], 300)

    def test_address(self) -> None:
        """Another node at the address is not asked either, unless it answered before; on this machine each stands
        for itself."""
        good = OtherNode("good", "192.0.2.1")
        self.ask(good)
        good.answer()
        self.fail_link(OtherNode("a", "192.0.2.1"))
        fresh, elsewhere = OtherNode("fresh", "192.0.2.1"), OtherNode("elsewhere", "192.0.2.2", ping=1)
        self.assertEqual(self.choose(fresh, elsewhere), [elsewhere])
        self.assertEqual(self.choose(fresh, good), [good])
        self.fail_link(OtherNode("b", "127.0.0.1"))
        local = OtherNode("local", "127.0.0.1")
        self.assertEqual(self.choose(local, elsewhere), [local])

    def test_bounded(self) -> None:
        """What is remembered is bounded."""
        self.patch(answering, "REMEMBERED", 10)
        for number in range(100):
            self.fail_link(OtherNode(f"{number}", f"192.0.2.{number}"))
        self.assertEqual(len(self.answering._records), 10)

    def test_state_is_empty(self) -> None:
        """An answer without rows is none."""
        peer = OtherNode("a")
        asking = self.ask(peer, question=GetState)
        peer.answer(State(1, ()))
        self.assertIsNone(self.successResultOf(asking))
        self.assertEqual(self.unable, [peer])
