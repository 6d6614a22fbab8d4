"""Heights, proofs and signatures: what a request's context asks for and an answer's tells."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import attrs

from cloudnode.api.limits import Limits
from cloudnode.api.methods import TABLE
from cloudnode.api.methods.validation import GetBlock
from cloudnode.api.recent import ENTRY_BYTES, RecentAnswers
from cloudnode.formats.block import Certificate, Header, header_hash
from cloudnode.formats.errors import VERSION_MISMATCH
from cloudnode.formats.nodes import WindowValue
from cloudnode.formats.receipt import Answer, verify_answer
from cloudnode.formats.verify import ProvenState
from cloudnode.ledger.reading import Reading, RepairState
from tests.unit.api.network import NodeTestCase


class HeightTests(NodeTestCase):
    """At which height is answered."""

    limits = Limits(wait_seconds=5)

    def test_at(self) -> None:
        """A call may be answered for a recent height, with that height's hash and time."""
        self.node.put("1")
        height = self.node.ledger.head.height
        before = self.node.answer('{"jsonrpc":"2.0","id":1,"method":"listrecords"}')
        self.node.rate("1", 5)
        request = {"jsonrpc": "2.0", "id": 1, "method": "listrecords", "context": {"at": height}}
        again = self.node.answer(json.dumps(request))
        self.assertEqual(before, again)
        self.assertEqual(self.node.call("getrecord", self.node.name("1"))["ratings_sum"], 5)

    def test_at_genesis(self) -> None:
        """Height 0 is the genesis state."""
        answer = self.node.ask("getdatahash", context={"at": 0})
        self.assertEqual((answer["result"]["records"], answer["context"]["height"]), (0, 0))
        self.assertEqual(answer["context"]["hash"], self.node.genesis.network_hex)

    def test_outside(self) -> None:
        """A height in the future is a named error."""
        error = self.node.error("getdatahash", context={"at": 1000})
        self.assertEqual((error["code"], error["data"]["code"]), (-8, "height_future"))

    def test_not_found_holds_somewhere(self) -> None:
        """That a record does not exist is told for a height too."""
        answer = self.node.ask("getrecord", self.node.name("none"))
        self.assertEqual((answer["error"]["code"], answer["context"]["height"]), (-5, self.node.ledger.head.height))

    def test_min_height(self) -> None:
        """A call waits for a height, and is answered at once where it is reached."""
        head = self.node.ledger.head.height
        answers: list[object] = []
        message = '{"jsonrpc":"2.0","id":1,"method":"getdatahash","context":{"min_height":%d}}'
        self.assertIsInstance(self.node.answerer.answer((message % head).encode(), self.node.scope()), bytes)
        waiting = self.node.answerer.answer((message % (head + 1)).encode(), self.node.scope())
        waiting.addCallback(lambda answer: answers.append(json.loads(answer)))
        self.assertEqual(answers, [])
        self.node.put("1")
        self.assertEqual([answer["result"]["height"] for answer in answers], [head + 1])

    def test_min_height_not_reached(self) -> None:
        """A wait ends with a named error that tells the height."""
        error = self.node.error("getdatahash", context={"min_height": 1000}, wait=6.0)
        self.assertEqual(error["data"]["code"], "height_not_reached")
        self.assertEqual((error["code"], error["data"]["height"]), (-8, self.node.ledger.head.height))

    def test_gone_caller_waits_for_nothing(self) -> None:
        """When a caller leaves, what it waited for is given up."""
        session, connection = self.node.connect()
        session.message_received(b'{"jsonrpc":"2.0","id":1,"method":"ping","context":{"min_height":1000}}')
        self.assertEqual(session.outstanding, 1)
        session.connection_lost()
        self.assertEqual((session.outstanding, connection.sent), (0, []))

    def test_not_offered(self) -> None:
        """What a method does not offer is refused by name."""
        for method, params, context, name in (
            ("ping", {}, {"at": 1}, "height_not_offered"),
            ("ping", {}, {"sign": True}, "signature_not_offered"),
            ("search", {"text": "film"}, {"sign": True}, "signature_not_offered"),
            ("getlastblocks", {}, {"proof": True}, "proof_not_offered"),
            ("getratings", {"account": "ab" * 32}, {"proof": True}, "proof_not_offered"),
        ):
            self.assertEqual(self.node.error(method, params, context)["data"]["code"], name, method)


class ProofTests(NodeTestCase):
    """Proofs and signatures."""

    def check_proof(self, proof: dict[str, object]) -> None:
        """The proof's root is carried by a header that the validator finalized, and its nodes hang together."""
        header = Header.decode(bytes.fromhex(str(proof["header"])))
        self.assertEqual((header.root.hex(), header.root_height), (proof["root"], proof["height"]))
        certificate = Certificate.decode(bytes.fromhex(str(proof["certificate"])))
        certificate.verify(self.node.genesis.network, self.node.genesis.validators)
        self.assertEqual(certificate.hash, header_hash(bytes.fromhex(str(proof["header"]))))
        nodes = [bytes.fromhex(node) for node in proof["nodes"]]
        self.assertEqual(sha256(nodes[0]).hexdigest(), proof["root"])
        for node in nodes[1:]:
            self.assertTrue(any(sha256(node).digest() in other for other in nodes))

    def test_proof(self) -> None:
        """A proof comes with the answer, for the newest height that a final header vouches for."""
        self.node.put("1")
        self.node.rate("1", 3)
        self.node.pass_time(0.5)
        address = self.node.address("1")
        rater = self.node.other.public.hex()
        for method, params in (
            ("getrecord", self.node.name("1")),
            ("getratings", {"record": address}),
            ("getratings", {"record": address, "account": rater}),
            ("getaccount", {"account": rater}),
            ("getdatahash", {}),
        ):
            answer = self.node.ask(method, params, {"proof": True})
            self.check_proof(answer["context"]["proof"])
            self.assertEqual(answer["context"]["proof"]["height"], answer["context"]["height"])

    def test_all_of_a_record(self) -> None:
        """The proof of a record reaches its ratings' sums as well, which stand in the answer."""
        self.node.put("1")
        self.node.rate("1", 3)
        self.node.pass_time(0.5)
        proof = self.node.ask("getrecord", self.node.name("1"), {"proof": True})["context"]["proof"]
        nodes = map(bytes.fromhex, proof["nodes"])
        state = ProvenState(proof["height"], bytes.fromhex(proof["root"]), nodes)
        self.assertEqual(state.ratings(self.node.address("1")), (3, 1))
        self.assertIsNotNone(state.record(self.node.address("1")))

    def test_page(self) -> None:
        """The proof of a page reaches each of its records with the sums of its ratings."""
        for number in range(3):
            self.node.put(f"{number}")
        self.node.rate("1", 3)
        self.node.pass_time(0.5)
        for method, params in (("listrecords", {"collection": "film"}), ("search", {"text": "film"})):
            answer = self.node.ask(method, params, {"proof": True})
            proof = answer["context"]["proof"]
            self.check_proof(proof)
            state = ProvenState(proof["height"], bytes.fromhex(proof["root"]), map(bytes.fromhex, proof["nodes"]))
            self.assertEqual(len(answer["result"]["records"]), 3)
            for number in range(3):
                self.assertIsNotNone(state.record(self.node.address(f"{number}")))
                self.assertEqual(state.ratings(self.node.address(f"{number}")), (3, 1) if number == 1 else (0, 0))

    def test_results(self) -> None:
        """The proof of a block's page has the result of each operation, whether it was accepted or not."""
        height = self.node.put("1")["cursor"]["height"]
        rejected = self.node.put("1", if_version=7)["cursor"]["height"]
        self.node.pass_time(0.5)
        for wanted, result in ((height, 0), (rejected, VERSION_MISMATCH)):
            answer = self.node.ask("getblock", {"height": wanted}, {"proof": True, "min_height": wanted})
            proof = answer["context"]["proof"]
            self.check_proof(proof)
            state = ProvenState(proof["height"], bytes.fromhex(proof["root"]), map(bytes.fromhex, proof["nodes"]))
            [shown] = answer["result"]["operations"]
            found = state.operation(bytes.fromhex(shown["id"]), json.loads(shown["operation"])["expiry"])
            self.assertEqual(found, WindowValue(wanted, 0, result))

    def test_shared(self) -> None:
        """Those who follow the log all ask for the same block: it is read and proven once, until the next one comes."""
        height = self.node.put("1")["cursor"]["height"]
        self.node.pass_time(0.5)
        method = TABLE["getblock"]
        read: list[int] = []

        def count(reading: Reading, params: GetBlock) -> Any:
            read.append(params.height)
            assert method.read is not None
            return method.read(reading, params)

        self.node.answerer._methods["getblock"] = attrs.evolve(method, read=count)
        asked = ({"height": height}, {"proof": True})
        first = [self.node.ask("getblock", *asked) for _ in range(3)]
        self.assertEqual((first[1], read), (first[0], [height]))
        self.check_proof(first[2]["context"]["proof"])
        # What differs in anything that the answer depends on is another question.
        self.node.ask("getblock", {"height": height})
        self.node.ask("getblock", {"height": height, "limit": 1}, {"proof": True})
        self.assertEqual(len(read), 3)
        at = self.node.ask("getblock", {"height": height}, {"proof": True, "at": height})
        self.assertEqual((at, len(read)), (first[0], 3))  # which is where the others were answered
        self.node.put("2")
        self.assertNotEqual(self.node.ask("getblock", *asked)["context"], first[0]["context"])
        self.assertEqual(len(read), 4)

    def test_shared_bounds(self) -> None:
        """What is kept is bounded: others take the place of what nobody asks for. All is forgotten after a repair."""
        recent: RecentAnswers[int] = RecentAnswers(self.node.ledger, bytes_max=2 * ENTRY_BYTES + 10)
        for number in range(5):
            self.assertIsNone(recent.find(number))
            recent.keep(number, number, 4)
            self.assertEqual(recent.find(0), 0, "what is asked for again and again stays")
        self.assertEqual((len(recent), recent.find(3), recent.find(4)), (2, None, 4))
        recent.find(9)
        recent.keep(9, 9, ENTRY_BYTES + 11)  # which would take the place of all
        self.assertEqual((len(recent), recent.find(9)), (2, None))
        self.node.ledger.repair = RepairState(repairs=1)
        self.assertIsNone(recent.find(4))

    def test_no_block(self) -> None:
        """That there is no such block is told with a proof of the state alone."""
        answer = self.node.ask("getblock", {"height": 1000}, {"proof": True})
        self.assertEqual(answer["error"]["data"]["code"], "block_unknown")
        self.check_proof(answer["context"]["proof"])

    def test_absence(self) -> None:
        """That there is no such record is proved as well."""
        self.node.put("1")
        answer = self.node.ask("getrecord", self.node.name("none"), {"proof": True})
        self.assertEqual(answer["error"]["data"]["code"], "record_unknown")
        self.check_proof(answer["context"]["proof"])

    def test_newest_is_not_provable(self) -> None:
        """The newest height's root is in no header yet: to insist on it is an error, to wait for it is not."""
        head = self.node.ledger.head.height
        error = self.node.error("getdatahash", {}, {"at": head, "proof": True})
        self.assertEqual((error["code"], error["data"]["code"]), (-8, "not_provable"))
        answer = self.node.ask("getdatahash", {}, {"min_height": head, "proof": True}, wait=12.0)
        self.assertGreaterEqual(answer["context"]["proof"]["height"], head)

    def test_getproof(self) -> None:
        """getproof proves each kind of row, and the state itself."""
        outcome = self.node.put("1")
        self.node.rate("1", 3)
        self.node.pass_time(0.5)
        address, account = self.node.address("1"), self.node.other.public.hex()
        block = self.node.call("getblock", {"height": outcome["cursor"]["height"]})
        operation = json.loads(block["operations"][0]["operation"])
        for params in (
            {"of": "record", "record": address},
            {"of": "ratings", "record": address},
            {"of": "rating", "record": address, "account": account},
            {"of": "account", "account": account},
            {"of": "operation", "id": outcome["id"], "expiry": operation["expiry"]},
            {"of": "datahash"},
        ):
            self.check_proof(self.node.call("getproof", params))

    def test_getproof_conflict(self) -> None:
        """Parameters that do not go together are named."""
        for params in (
            {"of": "record"},
            {"of": "datahash", "account": "ab" * 32},
            {"of": "operation", "id": "ab" * 32},
        ):
            self.assertEqual(self.node.error("getproof", params)["data"]["code"], "parameters_conflict")

    def test_signature(self) -> None:
        """A signed answer ties the node to method, parameters, height, root and the exact text."""
        self.node.put("1")
        params = self.node.name("1")
        request = {"jsonrpc": "2.0", "id": 1, "method": "getrecord", "params": params, "context": {"sign": True}}
        raw = self.node.answer(json.dumps(request)) or b""
        text = raw[raw.index(b'"result":') + 9 : raw.index(b',"context"')]
        answer = json.loads(raw)
        signature = answer["context"]["signature"]
        signed = Answer(
            network=self.node.genesis.network,
            node=self.node.ledger.node_key.public,
            method="getrecord",
            params_hash=sha256(signature["params"].encode()).digest(),
            height=answer["context"]["height"],
            root=bytes.fromhex(signature["root"]),
            answer_hash=sha256(text).digest(),
        )
        verify_answer(signed, bytes.fromhex(signature["signature"]), text)
        self.assertEqual(signature["node"], signed.node.hex())
        self.assertEqual(json.loads(signature["params"]), params)

    def test_canonical_params(self) -> None:
        """Whatever way parameters are written, the same ones are signed, with defaults filled in."""
        texts = set()
        for params in ({}, [], {"limit": 50}, {"order": "newest", "account": None}):
            answer = self.node.ask("listrecords", params, {"sign": True, "at": 1})
            texts.add((answer["context"]["signature"]["params"], answer["context"]["signature"]["signature"]))
        self.assertEqual(len(texts), 1)
