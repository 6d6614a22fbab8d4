"""What a session believes of blocks when an epoch ends, and what it takes for a node's own state."""

from __future__ import annotations

import json
from typing import Any

from twisted.internet.defer import Deferred

from cloudnode.client.client import Client
from cloudnode.client.cloud.checking import Checker
from cloudnode.client.cloud.saved import SavedSession
from cloudnode.client.cloud.subscription import CloudSubscription
from cloudnode.client.epochs import EpochChain
from cloudnode.client.places import LogPlace
from cloudnode.formats.block import FINALIZE, Certificate, Header, operations_hash, sign_vote, signatures_hash
from cloudnode.formats.errors import LedgerError
from tests.unit.api.network import make_key
from tests.unit.client.cloud.doors import CloudTestCase


def discarded_after(last: Header) -> Header:
    """The empty block above an epoch's last one, which validators finalize and the next epoch discards."""
    return Header(
        network=last.network,
        epoch=last.epoch,
        view=last.view + 1,
        height=last.height + 1,
        time=last.time + 1,
        parent=last.hash,
        operations_hash=operations_hash(()),
        operations_count=0,
        root_height=last.root_height,
        root=last.root,
        signatures_hash=signatures_hash(()),
    )


class DiscardedTests(CloudTestCase):
    """The door ``a`` shows a block that was discarded, with its true certificate, in place of the next epoch's first;
    the door ``b`` is honest.
    """

    def setUp(self) -> None:
        super().setUp()
        self.liar, self.honest = self.a.connect("ws://a:1"), self.b.connect("ws://b:1")
        self.checker = self.run_now(Checker.learn(self.honest, None))
        self.node.write(self.node.appoint(make_key(1)))
        self.end = self.node.ledger.head.height
        self.node.put("left out")
        self.node.pass_time(1.0)
        self.discarded = discarded_after(self.header(self.end))
        view, hashed = self.discarded.view, self.discarded.hash
        vote = sign_vote(make_key(1), self.discarded.network, FINALIZE, 0, view, hashed)
        certificate = Certificate(FINALIZE, 0, view, hashed, ((0, vote),))
        self.told = {
            "header": self.discarded.encode().hex(),
            "certificate": certificate.encode().hex(),
            "descendants": [],
            "operations": [],
        }
        self.a.answer = self.lie

    def header(self, height: int) -> Header:
        return Header.decode(bytes.fromhex(self.node.call("getblock", {"height": height})["header"]))

    def lie(self, asked: dict[str, Any]) -> Any:
        is_next = asked["method"] == "getblock" and asked["params"]["height"] == self.end + 1
        return self.told if is_next else None

    def learn(self, client: Client, height: int) -> Header:
        return self.run_now(self.checker.learn_final(client, height))

    def check_refused(self) -> None:
        error = self.failure(self.checker.learn_final(self.liar, self.end + 1), LedgerError)
        self.assertEqual(error.code, "header_discarded")
        self.assertIsNone(self.checker.find_final(self.end + 1))

    def test_end_known(self) -> None:
        """Who has verified the block that ends an epoch believes nothing above it of that epoch."""
        self.learn(self.honest, self.end)
        self.check_refused()
        self.assertEqual(self.checker.newest, self.end)

    def test_end_learned_later(self) -> None:
        """What was believed before the end was known is forgotten then, and the true block taken instead."""
        self.assertEqual(self.learn(self.liar, self.end + 1), self.discarded)
        self.learn(self.honest, self.end)
        self.assertEqual(self.checker.newest, self.end)
        self.check_refused()
        true = self.learn(self.honest, self.end + 1)
        self.assertEqual((true.epoch, self.checker.find_final(self.end + 1)), (1, true))

    def test_epochs_followed_later(self) -> None:
        """So it is when the epochs are followed, and the honest node is not to blame."""
        self.learn(self.liar, self.end + 1)
        self.run_now(self.checker.follow_epochs(self.honest))
        self.assertEqual((self.checker.find_final(self.end + 1), self.checker.newest), (None, 0))
        self.check_refused()
        self.setUp()
        self.learn(self.liar, self.end + 1)
        self.assertEqual(self.learn(self.honest, self.end + 1).epoch, 1)

    def test_saved(self) -> None:
        """A saved header that turns out to be discarded is not taken up; one that ends its epoch does so again."""
        self.learn(self.liar, self.end + 1)
        epoch, header = self.checker.save()
        self.assertEqual(header, self.discarded)
        for believed in (epoch, self.node.ledger.epoch):
            saved = SavedSession(self.node.genesis.network, 0, believed, header, ())
            fresh = self.run_now(Checker.learn(self.honest, self.node.genesis.network, saved))
            self.assertEqual((fresh.find_final(self.end + 1), fresh.newest), (None, 0))
        self.b.answer = lambda asked: {"epochs": [], "next": None} if asked["method"] == "getepochs" else None
        saved = SavedSession(self.node.genesis.network, 0, epoch, self.header(self.end), ())
        self.checker = self.run_now(Checker.learn(self.honest, self.node.genesis.network, saved))
        self.check_refused()

    def test_subscription(self) -> None:
        """No operation of the true block is skipped, however early the discarded one was shown, and wherever the
        subscription begins; even if the liar is the only node, and hides all that came later.
        """
        refusal = {"code": -8, "message": "no", "data": {"code": "not_provable"}}

        def hide(message: bytes) -> bytes:
            told = json.loads(message)
            asked = [each["method"] for each in self.a.asked if each["id"] == told.get("id")]
            if asked and asked[-1] in ("getdatahash", "subscribe", "getepochs"):
                return json.dumps({"jsonrpc": "2.0", "id": told["id"], "error": refusal}).encode()
            return message

        cloud = self.connect("ws://a:1", "ws://b:1")
        checker = cloud._checker()
        for topic, height in (("records", self.end - 1), ("records", self.end), ("blocks", self.end)):
            cloud._nodes.directory._places["ws://a:1"].lie = None
            self.b.shut()
            self.a.lie = hide
            checker._chain = EpochChain.of_genesis(self.node.genesis)  # as of one who connected before the end
            checker._final.clear()
            checker.newest = 0
            self.run_now(checker.learn_final(self.liar, self.end + 1))
            subscription = self.run_now(cloud.subscribe(topic, None, LogPlace(height, 0)))
            told: list[Any] = []
            taking = Deferred.fromCoroutine(self.take(subscription, self.end + 1, told))
            self.node.pass_time(1.0)
            self.b.is_open = True
            self.result(taking)
            self.assertIn("header_discarded", cloud.places[-1].lie or "")
            if topic == "records":
                self.assertEqual([item["key"] for item in told], ["left out"])
            else:
                self.assertEqual([item["hash"] for item in told], [self.header(self.end + 1).hash.hex()])
            self.run_now(subscription.close())
        self.assertEqual([each.url for each in self.accused if "a:1" not in each.url], [])

    async def take(self, subscription: CloudSubscription, height: int, told: list[Any]) -> None:
        while subscription.cursor.height < height:
            told.append(json.loads(bytes((await anext(subscription)).raw)))
