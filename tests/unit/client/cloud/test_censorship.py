"""Sessions notice that a node took an operation and did not pass it on."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from cloudnode.client.cloud import Cloud
from cloudnode.client.cloud.censorship import ANSWER_SECONDS, LOOK, OVERDUE_HEIGHTS, OVERDUE_SECONDS, Censorship
from cloudnode.client.writer import SignedOperation
from cloudnode.formats.evidence import decode_evidence, first_epoch, judge
from cloudnode.formats.genesis import Parameters
from cloudnode.formats.receipt import Receipt, sign_receipt
from tests.unit.api.network import make_key
from tests.unit.client.cloud.doors import CloudTestCase, Door

CENSOR = make_key(50)


class CensorshipTests(CloudTestCase):
    """The door ``a`` is that of a node which takes operations and forgets them."""

    parameters = Parameters(window=60)

    def setUp(self) -> None:
        super().setUp()
        self.noticed: list[Censorship] = []
        self.a.answer = self.censor
        self.ahead = 0

    def censor(self, asked: dict[str, Any]) -> Any:
        if asked["method"] != "submit":
            return None
        body = asked["params"]["operation"]
        expiry = json.loads(body)["expiry"]
        height = self.node.ledger.head.height + self.ahead
        operation_id = sha256(body.encode()).digest()
        receipt = Receipt(self.node.genesis.network, operation_id, CENSOR.public, height, expiry)
        told = {
            "network": self.node.genesis.network_hex,
            "id": operation_id.hex(),
            "node": CENSOR.public.hex(),
            "height": height,
            "expiry": expiry,
            "signature": sign_receipt(CENSOR, receipt).hex(),
        }
        return {"id": operation_id.hex(), "receipt": told}

    def begin_session(self, *seeds: str) -> Cloud:
        return self.connect(*seeds, on_censorship=self.noticed.append)

    def submit(self, cloud: Cloud) -> SignedOperation:
        writer = self.run_now(cloud.writer(self.node.account))
        operation = writer.put("film", "censored", {})
        self.run_now(cloud.submit(operation, "accepted"))
        return operation

    def make_blocks(self, count: int) -> None:
        for number in range(count):
            self.node.put(f"{self.node.ledger.head.height} {number}")

    def pass_looks(self) -> None:
        self.node.pass_time(OVERDUE_SECONDS + 2 * LOOK)

    def has_censored(self) -> bool:
        return "result" in self.node.ask("getrecord", self.node.name("censored"))

    def test_overdue(self) -> None:
        """An operation that several blocks did not hold is sent elsewhere, and its node comes last from then on."""
        cloud = self.begin_session()
        operation = self.submit(cloud)
        self.make_blocks(OVERDUE_HEIGHTS + 2)
        self.pass_looks()
        [noticed] = self.noticed
        self.assertEqual(
            (noticed.url, noticed.node, noticed.operation, noticed.is_expired, noticed.evidence),
            ("ws://a:1", CENSOR.public.hex(), operation.id.hex(), False, b""),
        )
        self.assertTrue(self.has_censored())
        self.assertEqual((cloud.places[-1].url, cloud.places[-1].lie), ("ws://a:1", None))
        self.assertEqual(self.run_now(cloud.call("getdatahash")).url, "ws://b:1")
        # What it is shown by holds for whoever knows the genesis alone.
        shown = noticed.shown
        epoch = first_epoch(self.node.genesis)(0)
        assert epoch is not None
        epoch.verify(shown.header, shown.finality)
        self.assertGreater(shown.header.root_height, shown.receipt.height)
        # Once the log is seen to have it, nobody is held to anything any more.
        self.make_blocks(OVERDUE_HEIGHTS + 2)
        self.pass_looks()
        self.assertEqual((len(cloud._writing._promises), len(self.noticed)), (0, 1))

    def test_height_to_come(self) -> None:
        """A receipt for a height that is far away gives its node no more time."""
        self.ahead = 2**62
        cloud = self.begin_session()
        self.submit(cloud)
        self.make_blocks(OVERDUE_HEIGHTS + 2)
        self.pass_looks()
        self.assertEqual([each.is_expired for each in self.noticed], [False])
        self.assertTrue(self.has_censored())

    def test_sent_until_taken(self) -> None:
        """An operation that is overdue is offered to others until one takes it; it is told once."""
        cloud = self.begin_session()
        self.submit(cloud)
        self.make_blocks(OVERDUE_HEIGHTS + 2)
        for door in (self.b, self.c):
            door.answer = lambda asked: {} if asked["method"] == "submit" else None
        self.pass_looks()
        self.node.pass_time(ANSWER_SECONDS + LOOK)
        self.assertFalse(self.has_censored())
        for door in (self.b, self.c):
            door.answer = lambda asked: None
        self.node.pass_time(ANSWER_SECONDS + 2 * LOOK)
        self.assertTrue(self.has_censored())
        self.assertEqual((len(self.noticed), self.a.methods().count("submit")), (1, 1))

    def test_silent_elsewhere(self) -> None:
        """Where the next node hangs, another is asked as well."""
        cloud = self.begin_session()
        self.submit(cloud)
        self.make_blocks(OVERDUE_HEIGHTS + 2)

        def hang(asked: dict[str, Any]) -> None:
            self.b.is_deaf |= asked["method"] == "submit"

        self.b.answer = hang
        while not self.b.is_deaf:
            self.node.pass_time(0.1)
        self.node.pass_time(1.0)
        self.assertTrue(self.has_censored())

    def test_expired(self) -> None:
        """Where no other node is there, the expiry shows that the operation was left out; that is evidence."""
        self.b.shut()
        self.c.shut()
        cloud = self.begin_session()
        operation = self.submit(cloud)
        self.make_blocks(operation.expiry - self.node.ledger.head.height + 2)
        self.b.is_open = True  # a node that keeps evidence, but comes too late for the operation
        self.pass_looks()
        noticed = self.noticed[-1]
        self.assertTrue(noticed.is_expired)
        verdict = judge(decode_evidence(noticed.evidence), self.node.genesis.network, first_epoch(self.node.genesis))
        self.assertEqual((verdict.kind, verdict.culprit, verdict.is_proof), ("receipt", CENSOR.public, False))
        self.assertEqual(self.node.call("getevidence")["evidence"][0]["culprit"], CENSOR.public.hex())
        self.assertEqual(len(cloud._writing._promises), 0)
        self.assertFalse(self.has_censored())

    def test_kept(self) -> None:
        """A node that keeps its promise is not suspected."""
        self.a.answer = lambda asked: None
        cloud = self.begin_session()
        self.submit(cloud)
        self.make_blocks(OVERDUE_HEIGHTS + 2)
        self.pass_looks()
        self.assertEqual((self.noticed, len(cloud._writing._promises)), ([], 0))
        self.assertEqual([place.suspicions for place in cloud.places], [0, 0, 0])

    def test_quiet_network(self) -> None:
        """As long as no blocks are made, nothing is overdue."""
        cloud = self.begin_session()
        self.submit(cloud)
        self.pass_looks()
        self.assertEqual((self.noticed, len(cloud._writing._promises)), ([], 1))

    def test_final_meanwhile(self) -> None:
        """An operation that became final by another way is nobody's fault."""
        cloud = self.begin_session()
        operation = self.submit(cloud)
        cloud.pin("ws://b:1")
        self.assertEqual(self.run_now(cloud.submit(operation)).result, "ok")
        self.assertEqual(len(cloud._writing._promises), 0)

    def test_false_absence(self) -> None:
        """A node can't say that an operation is not there which is: the proof says so."""
        self.a.answer = lambda asked: None
        cloud = self.begin_session()
        self.submit(cloud)
        self.make_blocks(OVERDUE_HEIGHTS + 2)

        def empty(door: Door) -> Callable[[bytes], bytes]:
            def lie(message: bytes) -> bytes:
                told = json.loads(message)
                if isinstance(told.get("result"), dict) and "nodes" in told["result"]:
                    told["result"]["nodes"] = told["result"]["nodes"][:1]
                return json.dumps(told, separators=(",", ":")).encode()

            return lie

        self.a.lie = empty(self.a)
        self.pass_looks()
        self.assertEqual(self.noticed, [])
