"""Sessions with a real ledger whose doors are killed, hang, lag and lie."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from twisted.internet.defer import Deferred

from cloudnode.client.cloud.cloud import Cloud, Denied
from cloudnode.client.cloud.directory import Place
from cloudnode.client.cloud.errors import AnswerFalse, NotEnoughNodes, SessionClosed
from cloudnode.client.cloud.nodes import PATIENCE, REFRESH, REST
from cloudnode.client.cloud.subscription import CloudItem
from cloudnode.client.errors import ConnectionFailed, Rejected, RemoteError
from cloudnode.client.places import LogPlace
from cloudnode.formats.operation import Envelope, build_put
from tests.unit.api.network import make_key
from tests.unit.client.cloud.doors import CloudTestCase, Door


def changed(name: str, change: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    """A lie: answers whose result has a member get another value of it."""

    def lie(message: bytes) -> bytes:
        told = json.loads(message)
        if not isinstance(told.get("result"), dict) or name not in told["result"]:
            return message
        told["result"][name] = change(told["result"][name])
        return json.dumps(told, separators=(",", ":")).encode()

    return lie


def of_page(change: Callable[[list[Any]], Any]) -> Callable[[Any], Any]:
    """A change of lists alone: ``records`` is a number in another answer."""
    return lambda value: change(value) if isinstance(value, list) else value


def changed_list(change: Callable[[list[Any]], Any]) -> Callable[[bytes], bytes]:
    """A lie: answers that are a list of blocks."""

    def lie(message: bytes) -> bytes:
        told = json.loads(message)
        if isinstance(told.get("result"), list) and told["result"] and "operations_count" in told["result"][0]:
            told["result"] = change(told["result"])
        return json.dumps(told, separators=(",", ":")).encode()

    return lie


class CallTests(CloudTestCase):
    def test_connects(self) -> None:
        """A session learns its network and the genesis from whichever seed answers."""
        self.a.shut()
        cloud = self.connect()
        self.assertEqual(cloud.network, self.node.genesis.network_hex)
        self.assertEqual([place.url for place in cloud.places][-1], "ws://a:1")

    def test_no_seed_answers(self) -> None:
        """What each did is told."""
        for door in self.doors.values():
            door.shut()
        failure = self.failureResultOf(self.begin(), ConnectionFailed)
        self.assertEqual(failure.value.message.count("nobody listens"), 3)

    def test_other_network(self) -> None:
        """A network that is named is the one, or none."""
        self.failureResultOf(self.begin(network="ab" * 32), ConnectionFailed)

    def test_proven(self) -> None:
        """Reads are proven as far as proofs reach, and say so."""
        self.node.put("metropolis")
        self.node.rate("metropolis", 4)
        cloud = self.connect()
        account, record = self.node.account.public.hex(), self.node.address("metropolis")
        rater = self.node.other.public.hex()
        checked = {
            ("getdatahash", ()): "proof",
            ("getrecord", (account, "film", "metropolis")): "proof",
            ("getratings", (record,)): "partly",
            ("getratings", (record, rater)): "proof",
            ("getratings", (record, account)): "proof",
            ("getratings", (None, rater)): "certificate",
            ("getaccount", (account,)): "partly",
            ("listrecords", (account,)): "partly",
            ("listrecords", (account, "film", None, "best")): "partly",
            ("search", ("film",)): "partly",
            ("getlastblocks", ()): "certificate",
            ("getnodeinfo", ()): "none",
        }
        for (method, params), expected in checked.items():
            answer = self.run_now(cloud.call(method, list(params)))
            self.assertEqual((method, answer.checked), (method, expected))
        self.assertEqual(self.accused, [])

    def test_denied(self) -> None:
        """That there is no such record or account is proven as well."""
        cloud = self.connect()
        denied = self.failure(cloud.call("getrecord", self.node.name("none")), Denied)
        self.assertEqual((denied.name, denied.checked), ("record_unknown", "proof"))
        self.failure(cloud.call("getaccount", {"account": "ab" * 32}), Denied)
        self.failure(cloud.call("getratings", {"record": self.node.address("none")}), Denied)

    def test_refused(self) -> None:
        """What is refused without a proof is asked at a second node, if there is one."""
        for keys, asked in (((60, 60, 60), 1), ((60, 60, 61), 2), ((60, 61, 62), 2)):
            for door, key in zip(self.doors.values(), keys, strict=True):
                door.key = make_key(key)
                door.asked.clear()
            refused = self.failure(self.connect().call("nonsense"), RemoteError)
            self.assertEqual(refused.name, "method_unknown")
            self.assertEqual(sum("nonsense" in door.methods() for door in self.doors.values()), asked)

    def test_killed(self) -> None:
        """A read under way when its node is killed is answered by another."""
        cloud = self.connect()
        self.a.is_silent = True
        asked = Deferred.fromCoroutine(cloud.call("getdatahash"))
        self.assertEqual(self.a.methods()[-1], "getdatahash")
        self.a.shut()
        self.assertEqual(self.result(asked, 0.1).url, "ws://b:1")

    def test_hangs(self) -> None:
        """A read is hedged when its node is slow; a node that stays silent is dropped and left."""
        cloud = self.connect()
        self.a.is_silent = True
        self.assertEqual(self.run_now(cloud.call("getdatahash"), 1.0).url, "ws://b:1")
        self.node.clock.pump([0.1] * round(10 * (REFRESH + PATIENCE + 0.5)))
        [hanging] = [place for place in cloud.places if place.url == "ws://a:1"]
        self.assertIn("does not answer", hanging.trouble)
        self.assertEqual(self.run_now(cloud.call("getdatahash"), 0.1).url, "ws://b:1")

    def test_looks(self) -> None:
        """A connection that is used is looked at every other second, one that is only kept ready more seldom."""
        cloud = self.connect()
        self.node.clock.pump([0.1] * 30)
        looks = [door.methods().count("getdatahash") for door in (self.a, self.b)]
        for _ in range(round(2 * REST)):
            self.node.clock.pump([0.1] * 10)
            self.failure(cloud.call("getaccount", {"account": "ab" * 32}), RemoteError)
        used, kept = (
            door.methods().count("getdatahash") - before for door, before in zip((self.a, self.b), looks, strict=True)
        )
        self.assertTrue(used >= 8 and 1 <= kept <= 3, (used, kept))

    def test_comes_back(self) -> None:
        """A node that was killed is asked again once it is there."""
        cloud = self.connect()
        self.a.shut()
        self.run_now(cloud.call("getdatahash"))
        self.a.is_open = True
        self.node.clock.pump([0.1] * 100)
        self.assertEqual(self.run_now(cloud.call("getdatahash")).url, "ws://a:1")

    def test_all_gone(self) -> None:
        """While no node is there a call waits for one."""
        cloud = self.connect()
        for door in self.doors.values():
            door.shut()
        asked = Deferred.fromCoroutine(cloud.call("getdatahash"))
        self.node.clock.pump([0.1] * 50)
        self.assertNoResult(asked)
        self.c.is_open = True
        self.assertEqual(self.result(asked).url, "ws://c:1")
        self.c.shut()
        self.failure(cloud.call("getdatahash", timeout=3.0), ConnectionFailed, seconds=4.0)

    def test_pinned(self) -> None:
        """A pinned place is the only one that is asked."""
        cloud = self.connect()
        cloud.pin("ws://c:1")
        self.assertEqual(self.run_now(cloud.call("getdatahash")).url, "ws://c:1")
        self.c.shut()
        self.failure(cloud.call("getdatahash", timeout=1.0), ConnectionFailed)
        cloud.pin()
        self.assertEqual(self.run_now(cloud.call("getdatahash")).url, "ws://a:1")

    def test_never_back(self) -> None:
        """Each read asks for what was seen; an answer that is older is not shown."""
        cloud = self.connect()
        self.node.put("metropolis")
        self.node.pass_time(1.0)  # until it can be proven
        height = self.run_now(cloud.call("getdatahash")).height
        self.assertEqual((height, cloud.height), (2, 2))
        self.run_now(cloud.call("search", {"text": "film"}))
        [asked] = [each for each in self.a.asked if each["method"] == "search"]
        self.assertGreaterEqual(asked["context"]["min_height"], height)

        def old(message: bytes) -> bytes:
            told = json.loads(message)
            if "records" in str(told.get("result")) and "context" in told:
                told["context"]["height"] = 1
            return json.dumps(told, separators=(",", ":")).encode()

        self.a.lie = old
        self.assertEqual(self.run_now(cloud.call("search", {"text": "film"})).url, "ws://b:1")

    def test_closed(self) -> None:
        """A session that is closed answers nothing, and leaves nothing behind."""
        cloud = self.connect()
        self.a.is_silent = self.b.is_silent = self.c.is_silent = True
        asked = Deferred.fromCoroutine(cloud.call("getdatahash"))
        self.run_now(cloud.close())
        self.failureResultOf(asked, ConnectionFailed)
        self.failure(cloud.call("getdatahash"), ConnectionFailed)
        self.assertEqual([door.carriers for door in self.doors.values()], [[], [], []])

    def test_unchecked(self) -> None:
        """Without verification one request is one answer."""
        cloud = self.connect(verify="none")
        before = len(self.a.asked)
        answer = self.run_now(cloud.call("getdatahash"))
        self.assertEqual((answer.checked, len(self.a.asked) - before), ("none", 1))

class QuorumTests(CloudTestCase):
    """What no proof reaches is what most nodes say."""

    def setUp(self) -> None:
        super().setUp()
        self.node.put("metropolis")
        self.node.pass_time(1.0)
        for number, door in enumerate(self.doors.values()):
            door.key = make_key(60 + number)

    def test_one_node(self) -> None:
        """One node behind three doors is one node: it can't agree with itself."""
        self.a.key = self.b.key = self.c.key = None
        cloud = self.connect(verify="quorum:2")
        error = self.failure(cloud.call("getlastblocks"), NotEnoughNodes)
        self.assertIn("1 nodes agree to getlastblocks", error.message)

    def test_minority(self) -> None:
        """One that says otherwise ends nothing, whether it is asked first or later."""
        truth = self.node.call("getlastblocks", [1])
        for liar in (self.a, self.b):
            cloud = self.connect(verify="quorum:2")
            liar.lie = changed_list(lambda blocks: [blocks[0] | {"operations_count": 7}])
            answer = self.run_now(cloud.call("getlastblocks", [1]))
            self.assertEqual((answer.result, answer.checked), (truth, "certificate"))
            liar.lie = lambda message: message

    def test_no_majority(self) -> None:
        """Where too few say the same, that is the error."""
        cloud = self.connect(verify="quorum:2")
        for number, door in enumerate((self.a, self.b)):
            door.lie = changed_list(lambda blocks, number=number: [blocks[0] | {"operations_count": 7 + number}])
        error = self.failure(cloud.call("getlastblocks", [1]), NotEnoughNodes)
        self.assertIn("1 and 1 and 1 nodes give different answers", error.message)

    def test_stale_or_gone(self) -> None:
        """Nodes that are behind or down are passed over."""
        cloud = self.connect(verify="quorum:2")
        self.b.shut()
        self.assertEqual(self.run_now(cloud.call("getdatahash")).checked, "proof")
        self.c.shut()
        self.failure(cloud.call("getdatahash", timeout=3.0), NotEnoughNodes)

    def test_borrowed_name(self) -> None:
        """Who says to be another node is counted by its own signature."""
        self.a.lie = changed("node", lambda key: make_key(61).public.hex())
        cloud = self.connect(verify="quorum:3")
        self.assertEqual(self.run_now(cloud.call("getlastblocks")).checked, "certificate")


class LiarTests(CloudTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.node.put("metropolis")
        self.node.pass_time(1.0)  # until it can be proven

    def lie(self, door: Door, name: str, change: Callable[[Any], Any]) -> None:
        door.lie = changed(name, change)

    def test_false_record(self) -> None:
        """A false record is not shown; the liar is left and named, and another node answers."""
        cloud = self.connect()
        self.lie(self.a, "version", lambda version: version + 1)
        answer = self.run_now(cloud.call("getrecord", self.node.name("metropolis")))
        self.assertEqual((answer.url, answer.result["version"]), ("ws://b:1", 1))
        self.node.clock.pump([0.1] * 10)
        self.assertEqual([each.url for each in self.accused], ["ws://a:1"])
        self.assertEqual((self.a.carriers, cloud.places[-1].url), ([], "ws://a:1"))
        self.assertIn("proof_row_wrong", cloud.places[-1].lie or "")

    def lie_under_signature(self, door: Door) -> None:
        """Every other record that a door gives has another version, and the door's own key signs that as well."""
        told: list[bytes] = []

        def lie(message: bytes) -> bytes:
            told.append(message)
            return door.sign(message.replace(b'"version":1', b'"version":2')) if len(told) % 2 else message

        door.lie = lie

    def test_known_liar(self) -> None:
        """Where else a node that gave evidence against itself is met, it is left as soon as it says who it is."""
        self.a.key = self.b.key = make_key(31)
        self.b.is_open = False
        cloud = self.connect()
        self.lie_under_signature(self.a)
        answer = self.run_now(cloud.call("getrecord", self.node.name("metropolis")))
        self.assertEqual(answer.url, "ws://c:1")
        self.node.clock.pump([0.1] * 20)
        self.assertEqual([(each.url, bool(each.evidence)) for each in self.accused], [("ws://a:1", True)])
        self.assertIsNone(self.place(cloud, "ws://b:1").lie)
        self.b.is_open = True
        self.node.clock.pump([0.5] * 300)
        self.assertIsNotNone(self.place(cloud, "ws://b:1").lie)
        self.assertEqual((self.b.carriers, len(self.accused)), ([], 1))

    def test_said_to_be_the_liar(self) -> None:
        """A place of which others say that it is the liar's is not left with it."""
        self.a.key = make_key(31)
        self.b.is_open = False
        cloud = self.connect()
        self.place(cloud, "ws://b:1").node = self.a.key.public.hex()
        self.lie_under_signature(self.a)
        self.run_now(cloud.call("getrecord", self.node.name("metropolis")))
        self.node.clock.pump([0.1] * 20)
        self.assertEqual([bool(each.evidence) for each in self.accused], [True])
        self.assertIsNone(self.place(cloud, "ws://b:1").lie)

    def place(self, cloud: Cloud, url: str) -> Place:
        [found] = [each for each in cloud.places if each.url == url]
        return found

    def test_false_sums(self) -> None:
        """So it goes with every number of ``getdatahash``, and of a record's ratings."""
        cloud = self.connect()
        self.lie(self.a, "accounts", lambda number: number + 1)
        self.lie(self.b, "ratings_count", lambda number: number + 1)
        self.assertEqual(self.run_now(cloud.call("getdatahash")).url, "ws://c:1")
        self.assertEqual([each.url for each in cloud.places], ["ws://c:1", "ws://a:1", "ws://b:1"])

    def test_false_height(self) -> None:
        """A height that does not exist is found out, and is not waited for."""
        cloud = self.connect()

        def lie(message: bytes) -> bytes:
            return message.replace(b'"height":%d' % self.node.ledger.head.height, b'"height":1000000')

        self.a.lie = lie
        answer = self.run_now(cloud.call("getlastblocks", {}))
        self.assertEqual(answer.url, "ws://b:1")
        self.assertLess(cloud.height, 1000)

    def test_false_page(self) -> None:
        """Of a page no record can be altered, put into another place, or shown where it does not belong."""
        self.node.put("nosferatu")
        self.node.put("faust", account=self.node.other)
        self.node.pass_time(1.0)
        lies: tuple[Callable[[list[Any]], list[Any]], ...] = (
            lambda page: [page[0] | {"data": "another"}, *page[1:]],
            lambda page: [page[0] | {"ratings_count": 7}, *page[1:]],
            lambda page: page[::-1],
            lambda page: page + page[-1:],
        )
        account = self.node.account.public.hex()
        for method, params in (("listrecords", {"account": account, "order": "best"}), ("search", {"text": "film"})):
            for lie in lies:
                cloud = self.connect()
                self.a.lie = changed("records", of_page(lie))
                answer = self.run_now(cloud.call(method, params))
                self.assertEqual((answer.url, answer.checked), ("ws://b:1", "partly"))
                self.a.lie = lambda message: message
        # What another asked for.
        cloud = self.connect()
        faust = self.run_now(cloud.call("listrecords", {"account": self.node.other.public.hex()})).result["records"]
        self.a.lie = changed("records", of_page(lambda page: faust))
        self.assertEqual(self.run_now(cloud.call("listrecords", {"account": account})).url, "ws://b:1")

    def test_withheld_record(self) -> None:
        """That a record is withheld from a page no proof shows: it says that it is proven in parts."""
        cloud = self.connect()
        self.a.lie = changed("records", of_page(lambda page: []))
        answer = self.run_now(cloud.call("listrecords", {}))
        self.assertEqual((answer.result["records"], answer.checked, self.accused), ([], "partly", []))

    def test_false_denial(self) -> None:
        """A record that exists can't be denied."""
        cloud = self.connect()

        def lie(message: bytes) -> bytes:
            told = json.loads(message)
            if "version" in str(told.get("result")):
                del told["result"]
                told["error"] = {"code": -5, "message": "no", "data": {"code": "record_unknown"}}
            return json.dumps(told, separators=(",", ":")).encode()

        self.a.lie = lie
        self.assertEqual(self.run_now(cloud.call("getrecord", self.node.name("metropolis"))).url, "ws://b:1")
        self.assertEqual(cloud.places[-1].url, "ws://a:1")

    def test_proof_that_is_no_proof(self) -> None:
        """A proof whose nodes are no bytes at all is a lie like others, when it is met first as well as later."""
        self.a.lie = lambda message: message.replace(b'"nodes":["', b'"nodes":["zz')
        cloud = self.connect()
        self.assertEqual(self.run_now(cloud.call("getrecord", self.node.name("metropolis"))).url, "ws://b:1")
        self.assertEqual(cloud.places[-1].url, "ws://a:1")
        self.assertIn("not hex", cloud.places[-1].lie or "")

    def test_all_lie(self) -> None:
        """Where all lie there is no answer."""
        cloud = self.connect()
        for door in self.doors.values():
            self.lie(door, "version", lambda version: version + 1)
        self.failure(cloud.call("getrecord", self.node.name("metropolis"), timeout=5.0), AnswerFalse)

    def test_false_operation(self) -> None:
        """A node that says of an operation what is not so is left, and the proven place is told."""
        cloud = self.connect()
        writer = self.run_now(cloud.writer(self.node.account))
        self.lie(self.a, "cursor", lambda cursor: cursor | {"index": 5})
        submitted = self.run_now(cloud.submit(writer.put("film", "new", 1)))
        assert submitted.cursor is not None
        self.assertEqual((submitted.cursor.index, submitted.result), (0, "ok"))
        self.assertEqual(cloud.places[-1].url, "ws://a:1")


class WriteTests(CloudTestCase):
    def test_read_your_writes(self) -> None:
        """What was written is read, wherever."""
        cloud = self.connect()
        writer = self.run_now(cloud.writer(self.node.account))
        submitted = self.run_now(cloud.submit(writer.put("film", "new", {"n": 1})))
        assert submitted.cursor is not None
        self.a.shut()
        answer = self.run_now(cloud.call("getrecord", self.node.name("new")))
        self.assertGreaterEqual(answer.height, submitted.cursor.height)
        self.assertEqual(answer.result["data"], {"n": 1})

    def test_killed(self) -> None:
        """A write under way when its node is killed is sent to another, and takes effect once."""
        cloud = self.connect()
        writer = self.run_now(cloud.writer(self.node.account))
        self.a.is_silent = True
        writing = Deferred.fromCoroutine(cloud.submit(writer.put("film", "new", 1, if_version=0)))
        self.a.shut()
        self.assertEqual(self.result(writing).result, "ok")
        self.assertEqual([door.methods().count("submit") for door in (self.a, self.b)], [1, 1])

    def test_receipt(self) -> None:
        """Who does not wait has a receipt."""
        cloud = self.connect()
        writer = self.run_now(cloud.writer(self.node.account))
        submitted = self.run_now(cloud.submit(writer.put("film", "new", 1), "accepted"))
        self.assertIsNotNone(submitted.receipt)

    def test_false_receipt(self) -> None:
        """A receipt that is not signed, or for something else, is none: another node is asked for one."""
        cloud = self.connect()
        writer = self.run_now(cloud.writer(self.node.account))
        self.a.lie = changed("receipt", lambda receipt: receipt | {"expiry": receipt["expiry"] + 1})
        self.b.lie = changed("receipt", lambda receipt: receipt | {"signature": "00" * 64})
        self.run_now(cloud.submit(writer.put("film", "new", 1), "accepted"))
        self.assertEqual(self.c.methods().count("submit"), 1)
        self.c.lie = changed("receipt", lambda receipt: {"height": -1})
        self.failure(cloud.submit(writer.put("film", "other", 1), "accepted", timeout=3.0), AnswerFalse)

    def test_rejected(self) -> None:
        """What has no effect is an error by the name of the rule."""
        cloud = self.connect()
        writer = self.run_now(cloud.writer(self.node.account))
        rejected = self.failure(cloud.submit(writer.put("film", "new", 1, if_version=9)), Rejected)
        self.assertEqual(rejected.name, "version_mismatch")


class SubscriptionTests(CloudTestCase):
    """Of items that are proven, and below of those that are a node's word."""

    verify = "proof"

    def setUp(self) -> None:
        super().setUp()
        self.cloud = self.connect(verify=self.verify)
        self.subscription = self.run_now(self.cloud.subscribe("records", {"collection": "film"}))
        self.first = self.doors[self.subscription.url]

    def take(self, count: int) -> list[str]:
        async def take() -> list[CloudItem]:
            return [await anext(self.subscription) for _ in range(count)]

        items = self.run_now(take())
        self.assertEqual({item.checked for item in items}, {self.verify})
        return [json.loads(bytes(item.raw))["key"] for item in items]

    def test_items(self) -> None:
        """Items come, and no later read is older."""
        self.node.put("1")
        self.assertEqual(self.take(1), ["1"])
        self.assertGreaterEqual(self.cloud.height, self.subscription.cursor.height)

    def test_killed(self) -> None:
        """Nothing is lost or doubled when the node under it is killed, again and again."""
        told = []
        for number in range(12):
            self.node.put(f"{number}")
            told += self.take(1)
            self.node.put(f"{number} more")
            door = self.doors[self.subscription.url]
            door.shut()
            told += self.take(1)
            door.is_open = True
        self.assertEqual(told, [text for number in range(12) for text in (f"{number}", f"{number} more")])

    def test_waits_for_a_node(self) -> None:
        """While no node is there it waits, as long as it takes, and misses nothing."""
        for door in self.doors.values():
            door.shut()
        taken = Deferred.fromCoroutine(anext(self.subscription))
        self.node.put("1")
        self.node.clock.pump([1.0] * 300)
        self.assertNoResult(taken)
        self.b.is_open = True
        self.assertEqual(json.loads(bytes(self.result(taken).raw))["key"], "1")

    def test_silent(self) -> None:
        """A node that says nothing more is left for another."""
        self.first.is_silent = True
        self.node.put("1")
        self.assertEqual(self.take(1), ["1"])
        self.node.pass_time(REFRESH + PATIENCE)
        self.assertNotEqual(self.doors[self.subscription.url], self.first)

    def test_given_up_wait(self) -> None:
        """Whoever gives up waiting misses nothing."""
        taken = Deferred.fromCoroutine(anext(self.subscription))
        taken.cancel()
        self.failureResultOf(taken)
        self.node.put("1")
        self.assertEqual(self.take(1), ["1"])

    def test_from_a_cursor(self) -> None:
        """It goes on after a cursor, of this session or of another."""
        cursor = self.subscription.cursor
        self.node.put("1")
        self.node.put("2")
        self.assertEqual(self.take(2), ["1", "2"])
        self.subscription = self.run_now(self.cloud.subscribe("records", None, cursor))
        self.assertEqual(self.take(2), ["1", "2"])

    def test_closed(self) -> None:
        """It ends when it is closed, for whoever waits as well."""
        taken = Deferred.fromCoroutine(anext(self.subscription, None))
        self.run_now(self.subscription.close())
        self.assertIsNone(self.successResultOf(taken))

    def test_session_closed(self) -> None:
        """With the session it ends by an error, so that nobody takes it for the end of the log."""
        taken = Deferred.fromCoroutine(anext(self.subscription))
        self.run_now(self.cloud.close())
        self.failureResultOf(taken, SessionClosed)
        self.failure(anext(self.subscription), SessionClosed)

    def test_session_closed_over_a_hanging_node(self) -> None:
        """A node that does not answer any more is not waited for."""
        self.node.put("1")
        self.assertEqual(self.take(1), ["1"])
        taken = Deferred.fromCoroutine(anext(self.subscription))
        for door in self.doors.values():
            door.is_silent = True
        self.successResultOf(Deferred.fromCoroutine(self.cloud.close()))
        self.failureResultOf(taken, SessionClosed)

    def test_filter(self) -> None:
        """Only what passes the filter is told, of records and of ratings."""
        other = self.node.other
        ratings = self.run_now(self.cloud.subscribe("ratings", {"record": self.node.address("2")}))
        everything = self.run_now(self.cloud.subscribe("ratings", {"account": other.public.hex()}))
        self.node.put("1")
        self.node.write(build_put(self.node.envelope(other), "book", "1", {}), other)
        self.node.put("2", ref=self.node.address("1"))
        self.node.rate("1", 3)
        self.node.rate("2", 4)
        self.node.withdraw("2")
        self.assertEqual(self.take(2), ["1", "2"])

        async def stars(subscription: Any, count: int) -> list[int | None]:
            return [json.loads(bytes((await anext(subscription)).raw))["stars"] for _ in range(count)]

        self.assertEqual(self.run_now(stars(ratings, 2)), [4, None])
        self.assertEqual(self.run_now(stars(everything, 3)), [3, 4, None])

    def test_same_text(self) -> None:
        """Items read as nodes tell them, to the last byte."""
        for number in range(3):
            self.node.put(f"{number}", b'{"title": "A \\u0066ilm",  "n":1}')
        self.node.rate("1", 3)
        for topic in ("records", "ratings", "blocks"):
            client = self.b.connect("ws://b:1")
            told = self.run_now(client.subscribe(topic, None, LogPlace(0, 0)))
            mine = self.run_now(self.cloud.subscribe(topic, None, LogPlace(0, 0)))
            for _ in range(1 if topic == "ratings" else 3):
                one, other = self.run_now(anext(told)), self.run_now(anext(mine))
                self.assertEqual((one.cursor, bytes(one.raw)), (other.cursor, bytes(other.raw)))

    def test_unsuited(self) -> None:
        """What one node alone can tell can't go on elsewhere; and a filter is one."""
        self.failure(self.cloud.subscribe("peers", None, LogPlace(0, 0)), ValueError)
        if self.verify == "proof":
            self.failure(self.cloud.subscribe("records", {"colour": "red"}), ValueError)
            self.failure(self.cloud.subscribe("ratings", {"ref": self.node.address("1")}), ValueError)


class ServedSubscriptionTests(SubscriptionTests):
    """Items that are a node's word."""

    verify = "certificate"


class ProvenItemTests(CloudTestCase):
    """What a node can't tell of a block."""

    def setUp(self) -> None:
        super().setUp()
        self.node.put("1")
        self.node.put("2", if_version=7)
        self.node.put("3")
        self.node.pass_time(1.0)
        self.cloud = self.connect()

    def keys(self, count: int = 2) -> list[tuple[str, str]]:
        subscription = self.run_now(self.cloud.subscribe("records", None, LogPlace(0, 0)))

        async def take() -> list[tuple[str, str]]:
            items = [await anext(subscription) for _ in range(count)]
            return [(json.loads(bytes(item.raw))["key"], item.checked) for item in items]

        return self.run_now(take())

    def check_liar(self, lie: Callable[[list[Any]], Any]) -> None:
        """What a node says of a block's operations is found out, and another tells what is right."""
        self.a.lie = changed("operations", lambda page: lie(page) if page else page)
        self.assertEqual(self.keys(), [("1", "proof"), ("3", "proof")])
        self.assertEqual(self.cloud.places[-1].url, "ws://a:1")
        self.assertIsNotNone(self.cloud.places[-1].lie)

    def test_true(self) -> None:
        self.assertEqual(self.keys(), [("1", "proof"), ("3", "proof")])
        self.assertEqual(self.accused, [])

    def test_altered(self) -> None:
        self.check_liar(lambda page: [page[0] | {"operation": page[0]["operation"].replace("A film", "A book")}])

    def test_altered_with_its_id(self) -> None:
        def alter(page: list[Any]) -> list[Any]:
            body = page[0]["operation"].replace("A film", "A book")
            return [page[0] | {"operation": body, "id": sha256(body.encode()).hexdigest()}]

        self.check_liar(alter)

    def test_omitted(self) -> None:
        self.check_liar(lambda page: [])

    def test_doubled(self) -> None:
        self.check_liar(lambda page: page + page)

    def test_another_index(self) -> None:
        self.check_liar(lambda page: [page[0] | {"index": 1}])

    def test_false_result(self) -> None:
        """Neither that an operation had an effect which had none, nor the other way round."""
        self.check_liar(lambda page: [page[0] | {"result": "version_mismatch" if page[0]["result"] == "ok" else "ok"}])

    def test_other_signature(self) -> None:
        self.check_liar(lambda page: [page[0] | {"signature": "00" * 64}])

    def test_no_form(self) -> None:
        """What is no operation at all is a lie, and not a failure of ours."""
        for member, value in (("operation", "[]"), ("signature", "zz"), ("result", "splendid")):
            self.setUp()
            self.check_liar(lambda page, member=member, value=value: [page[0] | {member: value}])  # type: ignore[misc]

    def test_small_pages(self) -> None:
        """A node that gives less at once is asked for less."""
        refusal = {"code": -8, "message": "no", "data": {"code": "page_too_long", "longest": 50}}

        def refuse(message: bytes) -> bytes:
            told = json.loads(message)
            asked = [each for each in self.a.asked if each["id"] == told.get("id")]
            if not asked or asked[-1]["params"] is None or "limit" not in asked[-1]["params"]:
                return message
            if asked[-1]["params"]["limit"] <= 50:
                return message
            return json.dumps({"jsonrpc": "2.0", "id": told["id"], "error": refusal}).encode()

        self.a.lie = refuse
        self.assertEqual(self.keys(), [("1", "proof"), ("3", "proof")])
        self.assertEqual(self.accused, [])

    def test_expired(self) -> None:
        """The result of an operation that expired at once is proven in the state after its block."""
        body = build_put(attrs_expiring(self.node.envelope(self.node.account)), "film", "short", {})
        self.node.write(body)
        for number in range(3):
            self.node.put(f"later {number}")
        self.node.pass_time(1.0)
        self.assertEqual(self.keys(3)[2], ("short", "proof"))

    def test_not_provable(self) -> None:
        """Where no state is left that knows a result, it is what two nodes say alike, and says so."""
        body = build_put(attrs_expiring(self.node.envelope(self.node.account)), "film", "short", {})
        height = self.node.write(body)["cursor"]["height"]
        for number in range(3):
            self.node.put(f"later {number}")
        self.node.pass_time(1.0)
        pruned = {"code": -8, "message": "no", "data": {"code": "height_pruned"}}

        def forget(door: Door) -> Callable[[bytes], bytes]:
            def lie(message: bytes) -> bytes:
                told = json.loads(message)
                asked = [each for each in door.asked if each["id"] == told.get("id")]
                if asked and "at" in (asked[-1].get("context") or {}):
                    return json.dumps({"jsonrpc": "2.0", "id": told["id"], "error": pruned}).encode()
                return message

            return lie

        for door in self.doors.values():
            door.lie = forget(door)
        self.assertEqual(self.keys(4)[2:], [("short", "partly"), ("later 0", "proof")])
        blocks = [
            door for door in self.doors.values()
            if any(each["method"] == "getblock" and each["params"].get("height") == height for each in door.asked)
        ]  # fmt: skip
        self.assertEqual((len(blocks) >= 1, self.accused), (True, []))

    def test_pruned(self) -> None:
        """Where no node has the log any more, it is told where to begin instead."""
        pruned = {"code": -5, "message": "no", "data": {"code": "block_pruned", "blocks_from": 3}}

        def lie(message: bytes) -> bytes:
            told = json.loads(message)
            result = told.get("result")
            if isinstance(result, dict) and result.get("height") == 2 and "operations" in result:
                return json.dumps({"jsonrpc": "2.0", "id": told["id"], "error": pruned}).encode()
            return message

        for door in self.doors.values():
            door.lie = lie
        refused = self.failure(self.cloud.subscribe("records", None, LogPlace(1, 0)), RemoteError)
        self.assertEqual((refused.name, refused.data["start"]), ("cursor_pruned", {"height": 2, "index": 0}))
        subscription = self.run_now(self.cloud.subscribe("records", None, LogPlace(0, 0)))
        self.assertEqual(self.failure(anext(subscription), RemoteError).name, "cursor_pruned")
        again = self.run_now(self.cloud.subscribe("records", None, LogPlace(2, 0)))
        self.assertEqual(json.loads(bytes(self.run_now(anext(again)).raw))["key"], "3")


def attrs_expiring(envelope: Envelope) -> Envelope:
    """An operation that only a block of the next few heights may hold."""
    return Envelope(envelope.network, envelope.account, envelope.time, envelope.valid_from, envelope.valid_from)
