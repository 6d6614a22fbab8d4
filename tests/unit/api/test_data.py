"""Records, ratings and accounts over the API."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from msgspec.structs import replace
from twisted.internet.defer import Deferred

from cloudnode.api.limits import Limits
from cloudnode.formats.block import validators_hash
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.genesis import Parameters, build_genesis
from cloudnode.formats.operation import Envelope, build_put, build_rate, sign_operation
from cloudnode.formats.receipt import Receipt, verify_receipt
from cloudnode.formats.verify import verify_epoch_end
from tests.unit.api.network import TIME, NodeTestCase, make_key


class SubmitTests(NodeTestCase):
    """Writing."""

    def refused(self, body: bytes, signature: str | None = None) -> tuple[int, str]:
        """Number and name of the error that an operation meets."""
        params = self.node.params(body)
        if signature is not None:
            params["signature"] = signature
        error = self.node.error("submit", params)
        return error["code"], error["data"]["code"]

    def test_accepted(self) -> None:
        """An operation is answered at once with its id and a receipt that the node signed."""
        body = self.node.put_body("1")
        receipt = self.node.call("submit", self.node.params(body))["receipt"]
        signed = Receipt(
            network=bytes.fromhex(receipt["network"]),
            id=bytes.fromhex(receipt["id"]),
            node=bytes.fromhex(receipt["node"]),
            height=receipt["height"],
            expiry=receipt["expiry"],
        )
        verify_receipt(signed, bytes.fromhex(receipt["signature"]))
        self.assertEqual(signed.node, self.node.ledger.node_key.public)
        self.assertEqual(signed.expiry, json.loads(body)["expiry"])

    def test_final(self) -> None:
        """With wait final the answer comes with the operation's place in the log, and the record can be read."""
        answer = self.node.put("1")
        self.assertEqual(answer["cursor"], {"height": 2, "index": 0})
        self.assertEqual(answer["result"], "ok")
        self.assertEqual(self.node.call("getrecord", self.node.name("1"))["created"], answer["cursor"])

    def test_again(self) -> None:
        """The same operation again is no error: it is told what became of it."""
        params = self.node.params(self.node.put_body("1"))
        first = self.node.call("submit", params)
        self.assertEqual(self.node.call("submit", params)["id"], first["id"])
        final = self.node.call("submit", {**params, "wait": "final"})
        again = self.node.call("submit", params)
        self.assertEqual((again["cursor"], again["result"]), (final["cursor"], "ok"))
        self.assertEqual(self.node.call("submit", {**params, "wait": "final"}), final)
        self.assertEqual(self.node.call("getrecord", self.node.name("1"))["version"], 1)

    def test_rejected_by_the_rules(self) -> None:
        """What the executor makes of an operation is told by name."""
        self.node.put("1")
        self.assertEqual(self.node.put("1", if_version=7)["result"], "version_mismatch")
        self.assertEqual(self.node.rate("none", 3)["result"], "record_unknown")
        self.assertEqual(self.node.rate("1", 3, self.node.account)["result"], "rating_own")
        self.assertEqual(self.node.withdraw("1")["result"], "rating_none")
        self.node.delete("1")
        self.assertEqual(self.node.rate("1", 3)["result"], "record_deleted")

    def test_refused_forms(self) -> None:
        """An operation of bad form is refused with its rule's name, and the number of a refusal."""
        body = self.node.put_body("1")
        members = json.loads(body)
        rating = json.loads(build_rate(self.node.envelope(self.node.account), self.node.address("1"), 3))
        other = build_genesis(name="other", time=TIME, validators=[make_key(1).public])
        for changed, name in (
            (members | {"more": 1}, "member_unknown"),
            (members | {"type": "take"}, "type_unknown"),
            (members | {"collection": "Film"}, "collection_invalid"),
            (members | {"key": "a/b"}, "key_invalid"),
            (members | {"ref": "x"}, "ref_invalid"),
            (members | {"network": other.network_hex}, "network_other"),
            (members | {"data": 1.5}, "json_number"),
            (members | {"data": 2**53}, "json_number"),
            (members | {"data": "x" * 65_536}, "data_too_large"),
            (members | {"from": 5, "expiry": 4}, "window_invalid"),
            (members | {"expiry": 2000}, "window_invalid"),
            ({name: value for name, value in members.items() if name != "time"}, "member_missing"),
            (rating | {"stars": 0}, "stars_invalid"),
            (rating | {"stars": 6}, "stars_invalid"),
            (rating | {"stars": 1.5}, "json_number"),
            (rating | {"stars": "5"}, "stars_invalid"),
        ):
            self.assertEqual(self.refused(json.dumps(changed).encode()), (-26, name), name)

    def test_refused_texts(self) -> None:
        """An operation that is not strict JSON is refused."""
        body = self.node.put_body("1").decode()
        for text, name in (
            (body + "x", "json_malformed"),
            (body[:-1] + ',"key":"2"}', "json_duplicate_key"),
            (body.replace('{"title":"A film"}', "[" * 40 + "]" * 40), "json_too_deep"),
            (body.replace("A film", "\\ud800"), "json_lone_surrogate"),
            (body + " " * 140_000, "operation_too_large"),
        ):
            self.assertEqual(self.refused(text.encode()), (-26, name), name)

    def test_refused_signatures(self) -> None:
        """A wrong, truncated, too long or malformed signature is refused."""
        body = self.node.put_body("1")
        good = sign_operation(self.node.account, body).hex()
        for signature in (good[:-2] + ("00" if good[-2:] != "00" else "11"), good[:-2], good + "00", "zz" * 64, ""):
            self.assertEqual(self.refused(body, signature), (-26, "signature_invalid"))
        self.assertEqual(self.refused(body, sign_operation(self.node.other, body).hex()), (-26, "signature_invalid"))

    def test_refused_heights(self) -> None:
        """An operation of the future or past its expiry is refused."""
        account = self.node.account
        future = Envelope(self.node.genesis.network, account.public, TIME, 50, 60)
        self.assertEqual(self.refused(build_put(future, "film", "1", b"1")), (-26, "operation_future"))
        past = Envelope(self.node.genesis.network, account.public, TIME, 0, 1)
        self.assertEqual(self.refused(build_put(past, "film", "1", b"1")), (-26, "operation_expired"))

    def test_ahead(self) -> None:
        """An operation that was made at a height which this node has not reached is taken when it has."""
        ahead = replace(self.node.envelope(self.node.account), valid_from=self.node.ledger.head.height + 3)
        body = build_put(ahead, "film", "ahead", b"1")
        least = ahead.valid_from - 1
        request = {"jsonrpc": "2.0", "id": 1, "method": "submit", "params": self.node.params(body)}
        request["context"] = {"min_height": least}
        answers: list[Any] = []
        waiting = self.node.answerer.answer(json.dumps(request).encode(), self.node.scope())
        assert isinstance(waiting, Deferred)
        waiting.addCallback(lambda answer: answers.append(json.loads(answer)))
        self.node.put("1")
        self.assertEqual(answers, [])
        self.node.put("2")
        self.node.pass_time(0.5)
        self.assertEqual(answers[0]["result"]["receipt"]["height"], least)
        self.assertIn("result", self.node.ask("getrecord", self.node.name("ahead")))


class NoBlocksTests(NodeTestCase):
    """A network that makes no block for long."""

    limits = Limits(wait_seconds=1)
    parameters = Parameters(pace_ms=60_000, heartbeat_ms=60_000)

    def test_not_final_yet(self) -> None:
        """A wait for finality ends with a named error; the operation is kept, and may be waited for again."""
        params = self.node.params(self.node.put_body("1"), wait="final")
        error = self.node.error("submit", params)
        self.assertEqual((error["code"], error["data"]["code"]), (-8, "not_final_yet"))
        self.node.pass_time(60)
        self.assertEqual(self.node.call("submit", params)["id"], error["data"]["id"])


class ReadTests(NodeTestCase):
    """Reading."""

    limits = Limits(page_length=50)

    def test_exact_data(self) -> None:
        """A record's data comes back as the exact bytes that its author wrote."""
        data = b'{ "b" : [1,  2], "a":"\\u00e9\xc3\xa9" }'
        self.node.put("1", data)
        raw = self.node.answer(
            json.dumps({"jsonrpc": "2.0", "id": 1, "method": "getrecord", "params": self.node.name("1")})
        )
        self.assertIn(b'"data":' + data + b',"ref"', raw or b"")

    def test_tombstone(self) -> None:
        """A deleted record is answered as such, and a put revives it."""
        self.node.put("1")
        self.node.delete("1")
        record = self.node.call("getrecord", self.node.name("1"))
        self.assertEqual((record["deleted"], record["data"], record["version"]), (True, None, 2))
        self.node.put("1")
        self.assertEqual(self.node.call("getrecord", self.node.name("1"))["version"], 3)

    def test_unknown(self) -> None:
        """What does not exist is -5 by its own name; a key of too many bytes is told apart."""
        for method, params, name in (
            ("getrecord", self.node.name("none"), "record_unknown"),
            ("getaccount", {"account": "ab" * 32}, "account_unknown"),
            ("getratings", {"record": self.node.address("none")}, "record_unknown"),
            ("getratings", {"account": "ab" * 32}, "account_unknown"),
            ("getblock", {"height": 99}, "block_unknown"),
        ):
            error = self.node.error(method, params)
            self.assertEqual((error["code"], error["data"]["code"]), (-5, name))
        error = self.node.error("getrecord", self.node.name("é" * 200))
        self.assertEqual((error["code"], error["data"]["code"]), (-8, "key_invalid"))

    def pages(self, method: str, params: dict[str, object], member: str) -> list[dict[str, object]]:
        """All items of a list, page by page."""
        items: list[dict[str, object]] = []
        after = None
        for _ in range(20):
            page = self.node.call(method, {**params, "limit": 2, "after": after})
            self.assertLessEqual(len(page[member]), 2)
            items += page[member]
            after = page["next"]
            if after is None:
                return items
        raise AssertionError("the pages do not end")

    def test_pages(self) -> None:
        """Lists come in pages that leave nothing out and repeat nothing, in each order and by each filter."""
        for number in range(5):
            self.node.put(str(number), b'{"title":"film %d"}' % number, ref=self.node.address("0"))
            if number:
                self.node.rate(str(number), number)
        account = self.node.account.public.hex()
        for params in ({}, {"account": account}, {"collection": "film"}, {"ref": self.node.address("0")}):
            newest = self.pages("listrecords", {**params, "order": "newest"}, "records")
            self.assertEqual([record["key"] for record in newest], ["4", "3", "2", "1", "0"])
        best = self.pages("listrecords", {"order": "best"}, "records")
        self.assertEqual([record["key"] for record in best], ["4", "3", "0", "2", "1"])
        found = self.pages("search", {"text": "fil"}, "records")
        self.assertEqual([record["key"] for record in found], ["4", "3", "2", "1", "0"])
        given = self.pages("getratings", {"account": self.node.other.public.hex()}, "ratings")
        self.assertEqual([rating["stars"] for rating in given], [4, 3, 2, 1])

    def test_ratings_of_record(self) -> None:
        """A record's ratings come with the sum and number of all of them."""
        self.node.put("1")
        raters = [make_key(200 + number) for number in range(5)]
        for number, rater in enumerate(raters):
            self.node.rate("1", number + 1, rater)
        page = self.node.call("getratings", {"record": self.node.address("1"), "limit": 2})
        self.assertEqual((page["sum"], page["count"], len(page["ratings"])), (15, 5, 2))
        everyone = self.pages("getratings", {"record": self.node.address("1")}, "ratings")
        self.assertEqual({rating["account"] for rating in everyone}, {rater.public.hex() for rater in raters})
        one = {"record": self.node.address("1"), "account": raters[2].public.hex()}
        self.assertEqual([rating["stars"] for rating in self.node.call("getratings", one)["ratings"]], [3])
        one["account"] = self.node.account.public.hex()
        self.assertEqual(self.node.call("getratings", one)["ratings"], [])

    def test_account(self) -> None:
        """An account tells what it has in force."""
        self.node.put("1")
        self.node.put("2")
        self.node.rate("1", 4)
        account = self.node.call("getaccount", {"account": self.node.other.public.hex()})
        self.assertEqual((account["records"], account["ratings_given"], account["ratings_sum"]), (0, 1, 4))
        self.assertIsNone(account["inviter"])

    def test_page_limits(self) -> None:
        """A page over the node's limit is refused, not cut; a cursor of another list is refused."""
        for method, params, name in (
            ("listrecords", {"limit": 51}, "page_too_long"),
            ("getlastblocks", {"limit": 51}, "page_too_long"),
            ("listrecords", {"after": [1], "limit": 1}, "cursor_invalid"),
            ("listrecords", {"after": [1, 0], "order": "best", "limit": 1}, "cursor_invalid"),
            ("getratings", {"limit": 1}, "parameters_conflict"),
        ):
            error = self.node.error(method, params)
            self.assertEqual((error["code"], error["data"]["code"]), (-8, name))
        self.node.put("1")
        cursor = {"height": 1, "index": 0}
        error = self.node.error("getratings", {"record": self.node.address("1"), "after": cursor, "limit": 1})
        self.assertEqual(error["data"]["code"], "cursor_invalid")


class LargePageTests(NodeTestCase):
    """Pages of large records."""

    def test_large_page(self) -> None:
        """A page of large records ends early, where every node ends it, and says where to go on."""
        big = json.dumps("x" * 65_000).encode()
        for number in range(18):
            self.node.put(str(number), big)
        page = self.node.call("listrecords", {"limit": 50})
        self.assertEqual(len(page["records"]), 16)
        rest = self.node.call("listrecords", {"limit": 50, "after": page["next"]})
        self.assertEqual((len(rest["records"]), rest["next"]), (2, None))


class BlockTests(NodeTestCase):
    """Blocks and what describes the network."""

    def test_block(self) -> None:
        """A block lists its operations with their exact text and result, in pages."""
        calls = [
            {
                "jsonrpc": "2.0",
                "id": number,
                "method": "submit",
                "params": self.node.params(self.node.put_body(str(number))),
            }
            for number in range(5)
        ]
        self.node.answer(json.dumps(calls))
        self.node.pass_time(1)
        first = self.node.call("getblock", {"height": 2, "limit": 3})
        second = self.node.call("getblock", {"height": 2, "limit": 3, "after": first["next"]})
        self.assertEqual((first["operations_count"], first["next"], second["next"]), (5, 2, None))
        operations = first["operations"] + second["operations"]
        self.assertEqual([operation["index"] for operation in operations], [0, 1, 2, 3, 4])
        self.assertEqual({operation["result"] for operation in operations}, {"ok"})
        self.assertEqual(json.loads(operations[3]["operation"])["key"], "3")

    def test_header(self) -> None:
        """Header, certificate and the list of blocks agree."""
        self.node.put("1")
        header = self.node.call("getheader", {"height": 2})
        self.assertEqual((header["operations_count"], header["root_height"], header["height"]), (1, 1, 2))
        self.assertEqual(self.node.call("getcertificate", {"height": 2})["hash"], header["hash"])
        blocks = self.node.call("getlastblocks", {"limit": 2, "before": 3})
        self.assertEqual([block["height"] for block in blocks], [2, 1])
        self.assertEqual(blocks[0]["hash"], header["hash"])
        self.assertEqual(blocks[1]["hash"], header["parent"])

    def test_network(self) -> None:
        """Genesis and epochs describe the network."""
        genesis = self.node.call("getgenesis")
        self.assertEqual(genesis["genesis"].encode(), self.node.genesis.text)
        told = self.node.call("getepochs")
        (epoch,) = told["epochs"]
        self.assertEqual((epoch["validators"], epoch["quorum"]), ([make_key(1).public.hex()], 1))
        self.assertEqual((epoch["epoch"], epoch["first_height"], epoch["end"], told["next"]), (0, 1, None, None))
        self.assertEqual(self.node.call("getevidence"), {"evidence": [], "next": None})


class EpochTests(NodeTestCase):
    """Epochs as a light client is told of them."""

    def setUp(self) -> None:
        super().setUp()
        for epoch in range(5):
            self.node.put(str(epoch))
            self.node.write(self.node.appoint(make_key(1)))

    def test_pages(self) -> None:
        """All epochs are told in order, in pages; the present one has no end."""
        whole = self.node.call("getepochs")
        self.assertEqual([each["epoch"] for each in whole["epochs"]], list(range(6)))
        self.assertEqual([each["end"] is None for each in whole["epochs"]], [False] * 5 + [True])
        self.assertIsNone(whole["next"])
        for before, after in pairwise(whole["epochs"]):
            self.assertEqual(after["first_height"], before["end"]["height"] + 1)
        for limit in (1, 2, 3, 5, 6, 7):
            found: list[Any] = []
            after = None
            while True:
                page = self.node.call("getepochs", {"limit": limit, "after": after})
                self.assertLessEqual(len(page["epochs"]), limit)
                found += page["epochs"]
                after = page["next"]
                if after is None:
                    break
            self.assertEqual(found, whole["epochs"], limit)
        self.assertEqual(self.node.call("getepochs", {"after": 5}), {"epochs": [], "next": None})

    def test_chain(self) -> None:
        """From the genesis on, what is told proves the present validators."""
        epoch = Epoch.of_genesis(self.node.genesis)
        epochs = self.node.call("getepochs")["epochs"]
        for told, following in pairwise(epochs):
            end = told["end"]
            proof = (bytes.fromhex(end["certificate"]), [bytes.fromhex(each) for each in end["descendants"]])
            keys = [bytes.fromhex(each) for each in following["validators"]]
            epoch = verify_epoch_end(epoch, bytes.fromhex(end["header"]), *proof, keys)
        self.assertEqual(epoch, self.node.ledger.epoch)

    def test_block(self) -> None:
        """A block that appoints validators tells them, and its header their hash."""
        height = self.node.call("getepochs")["epochs"][0]["end"]["height"]
        block, header = self.node.call("getblock", {"height": height}), self.node.call("getheader", {"height": height})
        self.assertEqual(block["validators"], [make_key(1).public.hex()])
        self.assertEqual(header["next_validators"], validators_hash([make_key(1).public]).hex())
        before = self.node.call("getheader", {"height": height - 1})
        self.assertIsNone(before["next_validators"])

    def test_refused(self) -> None:
        """What would not end the present epoch is refused with a name."""
        body = self.node.appoint(make_key(1), epoch=2)
        error = self.node.error("submit", self.node.params(body))
        self.assertEqual(error["data"]["code"], "appoint_epoch")
