"""Following the epochs from the genesis, against the API of a real ledger and against liars."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.client.client import Client
from cloudnode.client.epochs import EpochChain
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import decode_genesis
from tests.unit.api.network import MemoryNode, NodeTestCase
from tests.unit.client.fakes import MemoryCarrier
from tests.unit.store.network import make_key
from tests.vectors.generate import DIRECTORY


class NodeCarrier(MemoryCarrier):
    """Has a node answer, and changes what it says.

    :ivar lie: Takes a result and gives another.
    """

    def __init__(self, node: MemoryNode) -> None:
        super().__init__()
        self.node = node
        self.lie: Any = lambda result: result

    def send(self, request_id: int, message: bytes) -> None:
        answer = json.loads(self.node.answer(message) or b"")
        answer["result"] = self.lie(answer["result"])
        self.receive(answer)


class EpochChainTests(NodeTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.carrier = NodeCarrier(self.node)
        self.client = Client(self.carrier, Clock())
        self.chain = EpochChain.of_genesis(self.node.genesis)
        self.appoint(3)

    def appoint(self, times: int) -> None:
        for number in range(times):
            self.node.put(str(number))
            self.node.write(self.node.appoint(make_key(1)))

    def follow(self) -> Epoch:
        return self.successResultOf(Deferred.fromCoroutine(self.chain.follow(self.client)))

    def test_follows(self) -> None:
        """From the genesis, over pages, and on from what is known; the end is the node's own epoch."""
        self.assertEqual(self.follow(), self.node.ledger.epoch)
        self.assertEqual(self.follow(), self.node.ledger.epoch)
        self.appoint(55)
        self.assertEqual(self.follow(), self.node.ledger.epoch)
        self.assertEqual(self.chain.newest.number, 58)
        for number in range(60):
            self.assertEqual(self.chain.find(number), self.node.ledger.find_epoch(number))
        fresh = self.chain = EpochChain.of_genesis(self.node.genesis)
        self.assertEqual(self.follow(), self.node.ledger.epoch)
        self.assertIs(self.chain, fresh)

    def test_from_a_checkpoint(self) -> None:
        """Who trusts a later epoch begins there."""
        second = self.node.ledger.find_epoch(2)
        assert second is not None
        self.chain = EpochChain(second)
        self.assertEqual(self.follow(), self.node.ledger.epoch)

    def test_headers_of_all_epochs(self) -> None:
        """Headers of every epoch are verified by its validators, once it is known."""
        told = [self.node.call("getproof", {"of": "datahash"})]
        newest = told[0]
        header = bytes.fromhex(newest["header"]), bytes.fromhex(newest["certificate"])
        error = self.assertRaises(LedgerError, self.chain.verify_header, *header)
        self.assertEqual(error.code, "header_epoch")
        self.follow()
        for height in range(1, self.node.ledger.head.height + 1):
            block = self.node.call("getblock", {"height": height})
            read = self.chain.verify_header(bytes.fromhex(block["header"]), bytes.fromhex(block["certificate"]))
            self.assertEqual(read.height, height)

    def refused(self, lie: Any) -> str:
        self.chain = EpochChain.of_genesis(self.node.genesis)
        self.carrier.lie = lie
        failure = self.failureResultOf(Deferred.fromCoroutine(self.chain.follow(self.client)), LedgerError)
        return str(failure.value.code)  # type: ignore[attr-defined]

    def test_lies(self) -> None:
        """Other validators, left-out epochs, altered headers and certificates are refused by name."""

        def other_validators(result: Any) -> Any:
            result["epochs"][2]["validators"] = [make_key(9).public.hex()]
            return result

        def other_genesis(result: Any) -> Any:
            result["epochs"][0]["validators"] = [make_key(9).public.hex()]
            return result

        def left_out(result: Any) -> Any:
            del result["epochs"][1]
            return result

        def certificate(result: Any) -> Any:
            end = result["epochs"][1]["end"]
            end["certificate"] = end["certificate"][:-2] + "00"
            return result

        def header(result: Any) -> Any:
            result["epochs"][1]["end"]["header"] = result["epochs"][0]["end"]["header"]
            return result

        def no_hex(result: Any) -> Any:
            result["epochs"][1]["end"]["header"] = "zz"
            return result

        for lie, code in (
            (other_validators, "block_validators"),
            (other_genesis, "block_validators"),
            (left_out, "header_epoch"),
            (certificate, "certificate_signature"),
            (header, "header_epoch"),
            (no_hex, "finality_malformed"),
        ):
            self.assertEqual(self.refused(lie), code)
        self.assertEqual(self.chain.newest.number, 1)

    def test_ends_whatever_is_told(self) -> None:
        """A node that tells the same again and again, or nothing, holds nobody up for ever."""
        self.chain = EpochChain.of_genesis(self.node.genesis)
        first, *_, present = self.node.call("getepochs")["epochs"]
        self.assertEqual(self.refused(lambda _: {"epochs": [first], "next": 0}), "header_epoch")
        self.chain = EpochChain(self.node.ledger.epoch)
        self.carrier.lie = lambda _: {"epochs": [present], "next": 3}
        self.assertEqual(self.follow().number, 3)
        self.chain = EpochChain.of_genesis(self.node.genesis)
        self.carrier.lie = lambda result: {"epochs": [], "next": 7}
        self.assertEqual(self.follow().number, 0)


class ToldCarrier(MemoryCarrier):
    """Tells epochs that were made elsewhere."""

    def __init__(self, epochs: list[Any]) -> None:
        super().__init__()
        self.epochs = epochs

    def send(self, request_id: int, message: bytes) -> None:
        super().send(request_id, message)
        self.answer(self.sent[-1], {"epochs": self.epochs, "next": None})


class VectorTests(SynchronousTestCase):
    """The vectors' epochs are followed, and headers of each are verified or refused."""

    def setUp(self) -> None:
        self.vectors = json.loads((DIRECTORY / "epochs.json").read_text())
        self.chain = EpochChain.of_genesis(decode_genesis(self.vectors["genesis"].encode()))

    def follow(self, epochs: list[Any]) -> Deferred[Epoch]:
        return Deferred.fromCoroutine(self.chain.follow(Client(ToldCarrier(epochs), Clock())))

    def verify(self, told: dict[str, Any]) -> None:
        descendants = [bytes.fromhex(each) for each in told["descendants"]]
        self.chain.verify_header(bytes.fromhex(told["header"]), bytes.fromhex(told["certificate"]), descendants)

    def test_accepted(self) -> None:
        """All epochs with their validators and beginnings, and a header of each."""
        newest = self.successResultOf(self.follow(self.vectors["epochs"]))
        self.assertEqual(newest.number, len(self.vectors["epochs"]) - 1)
        for told, base in zip(self.vectors["epochs"], self.vectors["bases"], strict=True):
            epoch = self.chain.find(told["epoch"])
            assert epoch is not None
            self.assertEqual([key.hex() for key in epoch.validators], told["validators"])
            self.assertEqual(epoch.base, base)
        for told in self.vectors["headers"]:
            self.verify(told)
        for told in self.vectors["refused_headers"]:
            error = self.assertRaises(LedgerError, self.verify, told)
            self.assertEqual(error.code, told["code"], told["name"])

    def test_refused(self) -> None:
        """What does not follow is refused by name."""
        for vector in self.vectors["refused"]:
            self.setUp()
            failure = self.failureResultOf(self.follow(vector["epochs"]), LedgerError)
            self.assertEqual(failure.value.code, vector["code"], vector["name"])  # type: ignore[attr-defined]
