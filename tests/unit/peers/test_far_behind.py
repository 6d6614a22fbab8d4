"""Nodes that are so far behind that they execute old blocks together."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.api.comparing import _common_height
from cloudnode.api.facts import ToldHash
from cloudnode.formats.operation import Envelope, build_put, sign_operation
from cloudnode.ledger.reading import Outcome
from cloudnode.peers import download
from cloudnode.store.states import PASSED
from tests.unit.peers.network import MemoryNetwork, MemoryNode
from tests.unit.store.network import TIME, make_key

STATES_WANTED = 4


class FarBehindTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(download, "STATES_WANTED", STATES_WANTED)
        self.network = MemoryNetwork(self)
        self.validator = self.network.add()

    def fill(self, count: int) -> None:
        """Have the validator make blocks of five operations."""
        for number in range(count):
            for place in range(5):
                done = self.validator.put(f"r{number * 5 + place}")
            self.network.advance(0.3)
        self.network.advance(1)
        self.successResultOf(done)

    def check_same(self, follower: MemoryNode) -> None:
        self.assertEqual(follower.ledger.head, self.validator.ledger.head)
        self.assertEqual(follower.differences(self.validator), ())

    def roots(self, node: MemoryNode) -> dict[int, bytes]:
        """What is kept as the state roots of all heights."""
        return dict(node.store._read.execute("SELECT height, root FROM states ORDER BY height").fetchall())

    def test_catches_up(self) -> None:
        """It has the same in the end, and the states of the newest heights."""
        self.fill(20)
        follower = self.network.add(self.validator.host)
        self.network.advance(2)
        self.check_same(follower)
        head, roots = follower.ledger.head.height, self.roots(follower)
        self.assertEqual(list(roots), list(range(head + 1)))
        passed = [height for height, root in roots.items() if root == PASSED]
        self.assertGreater(len(passed), 5)
        self.assertLess(max(passed), head - STATES_WANTED)
        self.assertEqual(follower.ledger.provable_height(), head - 1)
        self.fill(2)
        self.check_same(follower)

    def test_waiting(self) -> None:
        """Who waits for operations that a run of blocks holds is told what became of them, though the run ends above
        their last heights; who waits for others is told that they expired."""
        ledger = self.validator.ledger
        submitted: list[tuple[bytes, bytes]] = []
        for number in range(25):
            envelope = Envelope(ledger.network, make_key(100).public, TIME, 0, ledger.head.height + 3)
            names = [f"r{number}"] + ["that nobody else has"] * (number == 12)
            made = [(body, sign_operation(make_key(100), body)) for body in self.bodies(envelope, names)]
            ledger.submit(*made[0])
            submitted += made
            self.network.advance(0.3)
        follower = self.network.add(self.validator.host, start=False)
        follower.start_ledger()
        told: dict[bytes, list[object]] = {}
        for body, signature in submitted[:20]:
            submitting = follower.ledger.submit(body, signature)
            self.network.advance(0.01)
            accepted = self.successResultOf(submitting)
            outcome = follower.ledger.when_final(accepted.id, accepted.expiry)
            outcome.addBoth(told.setdefault(accepted.id, []).append)
        follower.join()
        self.network.advance(3)
        self.assertEqual(follower.ledger.head, ledger.head)
        self.assertIn(PASSED, self.roots(follower).values())
        outcomes = [answer for [answer] in told.values()]
        expired = outcomes.pop(13)
        self.assertEqual([type(each) for each in outcomes], [Outcome] * 19)
        self.assertEqual(expired.value.code, "operation_expired")  # type: ignore[attr-defined]

    def bodies(self, envelope: Envelope, names: list[str]) -> list[bytes]:
        return [build_put(envelope, "film", name, b"{}") for name in names]

    def test_comparing(self) -> None:
        """Whatever height others tell, the one at which they are compared is one that this node has a state of."""
        self.fill(20)
        follower = self.network.add(self.validator.host)
        self.network.advance(2)
        own, roots = follower.ledger.provable_height(), self.roots(follower)
        told = [ToldHash(newest, 0, b"", b"", b"") for newest in range(own + 2)]
        chosen = [_common_height(follower.ledger, [each]) for each in told]
        self.assertIn(PASSED, roots.values())
        self.assertNotIn(PASSED, {roots[height] for height in chosen})
        self.assertEqual(chosen[-3:], [own - 1, own, own])
