"""Operations made and signed by a writer, and the wait for their end."""

from __future__ import annotations

import json
from hashlib import sha256

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.client.errors import AnswerMalformed, Rejected, RemoteError, TimedOut
from cloudnode.client.writer import SignedOperation, Submitted, Writer, submit_final
from cloudnode.formats.errors import LocalError
from cloudnode.formats.genesis import build_genesis
from cloudnode.formats.keys import OPERATION, SigningKey, verify
from tests.unit.client.fakes import MemoryCarrier, make_client

KEY = SigningKey(bytes(range(32)))
GENESIS = build_genesis(name="test", time=1, validators=[KEY.public])
RECORD = f"{'00' * 32}/film/1"


class MakeTests(SynchronousTestCase):
    """What a writer makes."""

    def setUp(self) -> None:
        self.height = 40
        self.writer = Writer(GENESIS, KEY, lambda: self.height, now=lambda: 12.5)

    def read(self, operation: SignedOperation) -> dict[str, object]:
        self.assertTrue(verify(KEY.public, OPERATION, operation.body, operation.signature))
        self.assertEqual(operation.id, sha256(operation.body).digest())
        body = json.loads(operation.body)
        self.assertEqual(body.pop("network"), GENESIS.network_hex)
        self.assertEqual(body.pop("account"), KEY.public.hex())
        return body

    def test_put(self) -> None:
        """A put is valid from the newest height for as long as genesis allows, and keeps its data's text."""
        operation = self.writer.put("film", "1", b'{"a" : 1}', ref=RECORD, if_version=0)
        self.assertIn(b'{"a" : 1}', operation.body)
        self.assertEqual(
            self.read(operation),
            {
                "type": "put", "time": 12500, "from": 40, "expiry": 1040, "collection": "film", "key": "1",
                "data": {"a": 1}, "ref": RECORD, "if_version": 0,
            },
        )  # fmt: skip
        self.assertEqual(operation.expiry, 1040)

    def test_others(self) -> None:
        """The other types, with a time of one's own."""
        common = {"time": 7, "from": 40, "expiry": 1040}
        made = {
            "rate": (self.writer.rate(RECORD, 5, time_ms=7), {"record": RECORD, "stars": 5}),
            "withdraw": (self.writer.withdraw(RECORD, time_ms=7), {"record": RECORD}),
            "delete": (self.writer.delete("film", "1", time_ms=7), {"collection": "film", "key": "1"}),
            "invite": (self.writer.invite(KEY.public, time_ms=7), {"invited": KEY.public.hex()}),
        }
        for kind, (operation, members) in made.items():
            self.assertEqual(self.read(operation), {"type": kind} | common | members)

    def test_height_moves(self) -> None:
        """Each operation takes the newest height at its time."""
        self.height = 90
        self.assertEqual(self.read(self.writer.withdraw(RECORD))["from"], 90)

    def test_refused_here(self) -> None:
        """What no node would take is not even signed."""
        self.assertRaises(LocalError, self.writer.rate, RECORD, 6)
        self.assertRaises(LocalError, self.writer.put, "Film", "1", {})
        self.assertRaises(LocalError, self.writer.put, "film", "1", b'{"a": 1.5}')


class OpenTests(SynchronousTestCase):
    """What a writer learns from a node."""

    def test_open(self) -> None:
        """Network, window and height come from the node."""
        client, carrier = make_client()
        opened = Deferred.fromCoroutine(Writer.open(client, KEY))
        self.assertEqual(carrier.sent[0]["method"], "getgenesis")
        carrier.receive(
            {"id": 1, "result": {"network": GENESIS.network_hex, "name": "test", "genesis": GENESIS.text.decode()}}
        )
        carrier.answer(carrier.sent[1], {}, height=55)
        writer = self.successResultOf(opened)
        self.assertEqual(json.loads(writer.withdraw(RECORD).body)["from"], 55)

    def test_wrong_genesis(self) -> None:
        """A genesis that is not the network's is not believed."""
        client, carrier = make_client()
        opened = Deferred.fromCoroutine(Writer.open(client, KEY))
        carrier.answer(carrier.sent[0], {"network": "00" * 32, "genesis": GENESIS.text.decode()})
        self.failureResultOf(opened, AnswerMalformed)


class SubmitTests(SynchronousTestCase):
    """Waiting until an operation is final."""

    def setUp(self) -> None:
        self.clock = Clock()
        client, self.carrier = make_client(self.clock)
        self.operation = Writer(GENESIS, KEY, lambda: 1, now=lambda: 1.0).rate(RECORD, 5)
        self.done: Deferred[Submitted] = Deferred.fromCoroutine(
            submit_final(client, self.operation, self.clock, timeout=10.0)
        )

    def answer(self, carrier: MemoryCarrier, result: str) -> None:
        cursor = {"height": 8, "index": 2}
        carrier.answer(carrier.sent[-1], {"id": self.operation.id.hex(), "cursor": cursor, "result": result})

    def test_final(self) -> None:
        """The answer has the operation's place."""
        self.assertEqual(
            self.carrier.sent[0]["params"],
            {
                "operation": self.operation.body.decode(),
                "signature": self.operation.signature.hex(),
                "wait": "final",
            },
        )
        self.answer(self.carrier, "ok")
        self.assertEqual(str(self.successResultOf(self.done).cursor), "8:2")

    def test_rejected(self) -> None:
        """A result of the rules is an error with its name and sentence."""
        self.answer(self.carrier, "rating_own")
        error = self.failureResultOf(self.done, Rejected).value
        self.assertEqual((error.name, error.message), ("rating_own", "An account can't rate its own record."))

    def test_busy_node(self) -> None:
        """The same bytes are sent again while the node is only busy."""
        self.carrier.refuse(self.carrier.sent[-1], "pool_full", -32005)
        self.assertEqual(len(self.carrier.sent), 1)
        self.clock.advance(0.5)
        self.carrier.refuse(self.carrier.sent[-1], "not_final_yet", -32005)
        self.clock.advance(0)
        self.answer(self.carrier, "ok")
        self.successResultOf(self.done)
        bodies = {request["params"]["operation"] for request in self.carrier.sent}
        self.assertEqual((len(self.carrier.sent), len(bodies)), (3, 1))

    def test_node_behind(self) -> None:
        """A node that has not reached the height at which the operation was signed is asked again."""
        self.carrier.refuse(self.carrier.sent[-1], "operation_future")
        self.clock.advance(0.5)
        self.answer(self.carrier, "ok")
        self.successResultOf(self.done)

    def test_time_is_up(self) -> None:
        """Past its time it says that the operation may still become final."""
        self.clock.advance(9.8)
        self.carrier.refuse(self.carrier.sent[-1], "not_final_yet", -32005)
        self.failureResultOf(self.done, TimedOut)

    def test_refused(self) -> None:
        """Any other error is the caller's."""
        self.carrier.refuse(self.carrier.sent[-1], "operation_expired")
        self.assertEqual(self.failureResultOf(self.done, RemoteError).value.name, "operation_expired")
