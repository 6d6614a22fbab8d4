"""Evidence and signed answers between nodes."""

from __future__ import annotations

from hashlib import sha256

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.evidence import SignedAnswer, answers_evidence, encode_evidence
from cloudnode.formats.receipt import Answer, sign_answer
from cloudnode.peers.messages import Accusation, GetSigned, Signed
from tests.unit.peers.network import MemoryNetwork, MemoryNode
from tests.unit.store.network import make_key


def contradiction(network: bytes, culprit: int) -> bytes:
    """Two answers of a node that contradict each other."""
    key, texts = make_key(culprit), (b"1", b"2")
    answers = [
        Answer(network, key.public, "getdatahash", bytes(32), 3, bytes(32), sha256(text).digest()) for text in texts
    ]
    return encode_evidence(answers_evidence(*(SignedAnswer(each, sign_answer(key, each)) for each in answers)))


class AccusingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.network = MemoryNetwork(self)
        self.validator = self.network.add()
        self.follower = self.network.add(self.validator.host)
        self.network.advance(3)

    def submit(self, node: MemoryNode, raw: bytes) -> None:
        self.successResultOf(node.evidence.add(raw))

    def test_passed_on(self) -> None:
        """Evidence that one node finds comes to all, also to those who link later, and back to nobody."""
        further = self.network.add(self.follower.host)
        self.network.advance(3)
        raw = contradiction(self.network.genesis.network, 66)
        self.submit(self.validator, raw)
        self.network.advance(1)
        later = self.network.add(self.validator.host)
        self.network.advance(3)
        for node in (self.validator, self.follower, further, later):
            self.assertEqual([kept.raw for kept in node.evidence.page(0, 10)], [raw])
        self.assertEqual(self.validator.neighbourhood.counted.banned, 0)

    def test_nothing_shown(self) -> None:
        """Who sends evidence that shows nothing is banned."""
        raw = contradiction(self.network.genesis.network, 66)
        [peer] = self.follower.neighbourhood
        peer.send(Accusation(raw[:-1] + bytes((raw[-1] ^ 1,))))
        self.network.advance(1)
        self.assertEqual(len(self.validator.evidence), 0)
        self.assertEqual(self.validator.neighbourhood.counted.banned, 1)

    def test_flood(self) -> None:
        """Contradictions of made-up nodes are kept within bounds, and only a few of them are passed on."""
        for number in range(80):
            self.submit(self.validator, contradiction(self.network.genesis.network, 1000 + number))
        self.network.advance(1)
        self.assertEqual(len(self.validator.evidence), 64)
        self.assertEqual(len(self.follower.evidence), 20)
        self.network.advance(125)
        self.submit(self.validator, contradiction(self.network.genesis.network, 2000))
        self.network.advance(1)
        self.assertEqual(len(self.follower.evidence), 21)

    def test_signed_answers(self) -> None:
        """A node tells what it can answer at, and signs what it is asked for."""
        [peer] = self.follower.neighbourhood
        signed = SignedAnswer(
            Answer(self.network.genesis.network, bytes(32), "getdatahash", bytes(32), 1, bytes(32), bytes(32)),
            bytes(64),
        )
        self.validator.neighbourhood.signing.sign = lambda height: (signed, b"{}") if height == 1 else None
        heights = self.validator.ledger.head.height, self.validator.ledger.lowest_height
        for height, told in ((None, (b"", b"")), (9, (b"", b"")), (1, (signed.answer.encode(), b"{}"))):
            asking = peer.ask(GetSigned, height)
            self.network.advance(0.1)
            answer = self.successResultOf(asking)
            assert isinstance(answer, Signed)
            self.assertEqual((answer.newest, answer.lowest), heights)
            self.assertEqual((answer.answer, answer.text), told)
