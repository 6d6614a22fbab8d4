"""The pipeline of ``examples/movielens.py``: everything once, whatever the node answers and whatever breaks."""

from __future__ import annotations

import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.client.client import Client
from cloudnode.client.errors import ClientError, ConnectionFailed
from cloudnode.client.writer import SignedOperation
from tests.unit.client.fakes import MemoryCarrier, make_client

_EXAMPLES = str(Path(__file__).resolve().parents[3] / "examples")
sys.path.insert(0, _EXAMPLES)
try:
    from movielens_publish import Publisher, PublishFailed
finally:
    sys.path.remove(_EXAMPLES)


class PublisherTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.carriers: list[MemoryCarrier] = []
        self.final: list[int] = []
        self.signed: list[int] = []
        self.troubles: list[ClientError] = []
        self.refuses = 0

    async def connect(self) -> Client:
        if self.refuses:
            self.refuses -= 1
            raise ConnectionFailed("nobody listens there")
        client, carrier = make_client(self.clock, timeout=1e6)
        self.carriers.append(carrier)
        return client

    def sign(self, item: int) -> SignedOperation:
        self.signed.append(item)
        body = b'{"item": %d, "try": %d}' % (item, self.signed.count(item))
        return SignedOperation(sha256(body).digest(), body, b"\0" * 64, 1000)

    def publish(self, count: int, window: int = 4, connections: int = 1) -> Deferred[None]:
        publisher: Publisher[int] = Publisher(
            self.connect, self.clock, self.sign, connections=connections, window=window,
            settled=frozenset({"version_mismatch"}), on_final=lambda item, _: self.final.append(item),
            on_trouble=self.troubles.append,
        )  # fmt: skip
        return Deferred.fromCoroutine(publisher.publish(range(count)))

    def requests(self, connection: int = 0) -> list[dict[str, Any]]:
        return [request for request in self.carriers[connection].sent if request["method"] == "submit"]

    def bodies(self, connection: int = 0) -> list[str]:
        return [request["params"]["operation"] for request in self.requests(connection)]

    def answer(self, number: int, result: str = "ok", connection: int = 0) -> None:
        submitted = {"id": "00", "cursor": {"height": 1, "index": 0}, "result": result}
        self.carriers[connection].answer(self.requests(connection)[number], submitted)

    def test_window(self) -> None:
        """So many are on their way, the next when one is final, and all in the end; others are signed ahead."""
        done = self.publish(6)
        self.assertEqual(len(self.requests()), 4)
        self.clock.advance(0)
        self.assertEqual(self.signed, [0, 1, 2, 3, 4, 5])
        self.answer(0)
        self.assertEqual(len(self.requests()), 5)
        for number in range(1, 6):
            self.assertNoResult(done)
            self.answer(number)
        self.successResultOf(done)
        self.assertEqual(self.final, [0, 1, 2, 3, 4, 5])
        self.assertTrue(self.carriers[0].is_closed)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_nothing(self) -> None:
        """Nothing to publish needs no node."""
        self.successResultOf(self.publish(0))
        self.assertEqual(self.carriers, [])

    def test_settled(self) -> None:
        """A result that means that it is there already is as good as ok."""
        done = self.publish(1)
        self.answer(0, "version_mismatch")
        self.successResultOf(done)

    def test_lost(self) -> None:
        """After a lost connection the very same bytes are sent again, and what was final is not."""
        done = self.publish(3)
        self.answer(1)
        sent = self.bodies()
        self.refuses = 1
        self.carriers[0].lose()
        self.clock.pump([0.25, 0.5])
        self.assertEqual(sorted(self.bodies(1)), sorted([sent[0], sent[2]]))
        self.answer(0, connection=1)
        self.answer(1, connection=1)
        self.successResultOf(done)
        self.assertEqual(sorted(self.final), [0, 1, 2])
        self.assertEqual(len(self.troubles), 2)

    def test_expired(self) -> None:
        """What expired is signed anew."""
        done = self.publish(1)
        self.carriers[0].refuse(self.requests()[0], "operation_expired")
        self.assertEqual(self.bodies(), ['{"item": 0, "try": 1}', '{"item": 0, "try": 2}'])
        self.answer(1)
        self.successResultOf(done)

    def test_not_final_yet(self) -> None:
        """A node that stopped waiting is asked to wait again, with the same bytes."""
        done = self.publish(1)
        self.carriers[0].refuse(self.requests()[0], "not_final_yet", -32005)
        self.assertEqual(len(set(self.bodies())), 1)
        self.answer(1)
        self.successResultOf(done)

    def test_busy(self) -> None:
        """A full node is given a little time, and every operation arrives."""
        done = self.publish(3, window=1)
        self.carriers[0].refuse(self.requests()[0], "pool_full", -32005)
        self.assertEqual(len(self.requests()), 1)
        self.clock.advance(0.25)
        for number in (1, 2, 3):
            self.answer(number)
        self.successResultOf(done)
        self.assertEqual(self.final, [0, 1, 2])

    def test_rejected(self) -> None:
        """A rule's no ends it with the item and the rule."""
        done = self.publish(2)
        self.answer(0, "rating_own")
        self.assertIn("0: the network's rules say rating_own", str(self.failureResultOf(done, PublishFailed).value))
        self.assertTrue(self.carriers[0].is_closed)

    def test_refused(self) -> None:
        """So does an error that trying again does not help."""
        done = self.publish(2)
        self.carriers[0].refuse(self.requests()[0], "signature_invalid")
        self.failureResultOf(done, PublishFailed)

    def test_never_reached(self) -> None:
        """A node that was never there is an error at once."""
        self.refuses = 1
        self.failureResultOf(self.publish(1), ConnectionFailed)

    def test_two_connections(self) -> None:
        """Two connections share the work, and each goes on when the other breaks."""
        done = self.publish(6, window=2, connections=2)
        self.assertEqual([len(self.requests(0)), len(self.requests(1))], [2, 2])
        self.carriers[0].lose()
        self.answer(0, connection=1)
        self.answer(1, connection=1)
        self.clock.advance(0.25)
        self.answer(2, connection=1)
        self.answer(3, connection=1)
        for number in range(len(self.requests(2))):
            self.answer(number, connection=2)
        self.successResultOf(done)
        self.assertEqual(sorted(self.final), [0, 1, 2, 3, 4, 5])

    def test_cancelled(self) -> None:
        """Ctrl-C closes the connections and leaves no timer."""
        done = self.publish(9)
        done.cancel()
        self.failureResultOf(done, CancelledError)
        self.assertTrue(self.carriers[0].is_closed)
        self.assertEqual(self.clock.getDelayedCalls(), [])
