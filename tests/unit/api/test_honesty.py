"""Comparing nodes, and evidence, as callers ask for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, fail, succeed

from cloudnode.api.facts import ToldHash
from cloudnode.formats.evidence import decode_evidence, first_epoch, judge
from cloudnode.formats.receipt import Answer, sign_answer, verify_answer
from cloudnode.formats.verify import Epoch, verify_header
from tests.unit.api.network import MemoryNode, NodeTestCase, make_key
from tests.unit.api.scenario import contradiction

Lie = Callable[[Answer, bytes], tuple[Answer, bytes]]


def truth(answer: Answer, text: bytes) -> tuple[Answer, bytes]:
    return answer, text


class FakeOther:
    """Another node that has the same ledger, and tells the truth about it or not.

    :ivar newest: As it says; it answers up to it.
    """

    place = "192.0.2.9:38082"

    def __init__(self, node: MemoryNode, seed: int, lie: Lie = truth) -> None:
        self.key = make_key(seed)
        self.id = self.key.public
        self.newest: int | None = None
        self.lowest = 0
        self._node = node
        self._lie = lie

    def ask_hash(self, height: int | None) -> Deferred[ToldHash]:
        head = self._node.ledger.head.height
        newest = head if self.newest is None else self.newest
        if height is None or not self.lowest <= height <= newest:
            return succeed(ToldHash(newest, self.lowest, b"", b"", b""))
        signed = self._node.answerer.sign_data_hash(height)
        assert signed is not None
        mine = msgspec.structs.replace(signed[0].answer, node=self.id)
        answer, text = self._lie(mine, signed[1])
        answer = msgspec.structs.replace(answer, answer_hash=sha256(text).digest())
        return succeed(ToldHash(newest, self.lowest, answer.encode(), sign_answer(self.key, answer), text))


def false_root(answer: Answer, text: bytes) -> tuple[Answer, bytes]:
    return msgspec.structs.replace(answer, root=bytes(32)), text


def false_sum(answer: Answer, text: bytes) -> tuple[Answer, bytes]:
    return answer, text.replace(b'"records":', b'"records":1')


def not_asked(answer: Answer, text: bytes) -> tuple[Answer, bytes]:
    return msgspec.structs.replace(answer, method="getrecord"), text


class CompareTests(NodeTestCase):
    def setUp(self) -> None:
        super().setUp()
        for name in ("a", "b", "c"):
            self.node.put(name)
        self.node.pass_time(1)

    def add(self, seed: int, lie: Lie = truth) -> FakeOther:
        other = FakeOther(self.node, seed, lie)
        self.node.facts.linked.append(other)
        return other

    def compare(self, **params: Any) -> tuple[Any, dict[str, Any]]:
        self.node.pass_time(0.6)
        told = self.node.call("compare", params)
        return told, {each["node"]: each for each in told["nodes"]}

    def test_agreeing(self) -> None:
        """Nodes that agree, with everything that a caller needs to see it for himself."""
        others = [self.add(seed) for seed in (50, 51)]
        told, nodes = self.compare()
        self.assertEqual(told["height"], self.node.ledger.provable_height())
        self.assertTrue(told["certified"])
        self.assertEqual(told["root"], told["certified_root"])
        header = verify_header(
            Epoch.of_genesis(self.node.genesis),
            *(bytes.fromhex(told[name]) for name in ("header", "certificate")),
            [bytes.fromhex(each) for each in told["descendants"]],
        )
        self.assertEqual((header.root.hex(), header.root_height), (told["root"], told["height"]))
        self.assertEqual({nodes[other.id.hex()]["state"] for other in others}, {"agrees"})
        for each in (told, *told["nodes"]):
            answer = Answer.decode(bytes.fromhex(each["signed"]["answer"]))
            verify_answer(answer, bytes.fromhex(each["signed"]["signature"]), each["signed"]["text"].encode())
            self.assertEqual((answer.node.hex(), answer.root.hex()), (each["node"], told["root"]))
            self.assertEqual(json.loads(each["signed"]["text"])["records"], 3)

    def test_lying(self) -> None:
        """A false root and false sums are named, with evidence that holds and is kept."""
        liars = [self.add(50, false_root), self.add(51, false_sum)]
        honest = self.add(52)
        _, nodes = self.compare()
        self.assertEqual(nodes[honest.id.hex()]["state"], "agrees")
        for liar in liars:
            told = nodes[liar.id.hex()]
            self.assertEqual(told["state"], "lying")
            evidence = decode_evidence(bytes.fromhex(told["evidence"]))
            verdict = judge(evidence, self.node.genesis.network, first_epoch(self.node.genesis))
            self.assertEqual((verdict.culprit, verdict.is_proof), (liar.id, True))
        kept = self.node.call("getevidence")["evidence"]
        self.assertEqual({each["culprit"] for each in kept}, {liar.id.hex() for liar in liars})

    def test_behind_and_pruned(self) -> None:
        """A node that is a few heights behind decides the height; one far behind, or without it, holds up nobody."""
        near, far, pruned = (self.add(seed) for seed in (50, 51, 52))
        near.newest = 2
        far.newest = 0
        told, nodes = self.compare(nodes=[near.id.hex()])
        self.assertEqual(told["height"], 2)
        self.assertEqual(nodes[near.id.hex()]["behind"], self.node.ledger.head.height - 2)
        self.assertIsNotNone(nodes[near.id.hex()]["since"])
        pruned.lowest = 3
        told, nodes = self.compare(height=2)
        states = [nodes[other.id.hex()]["state"] for other in (near, far, pruned)]
        self.assertEqual(states, ["agrees", "behind", "pruned"])
        self.assertEqual(nodes[pruned.id.hex()]["reason"], "It answers from height 3 on.")

    def test_silent(self) -> None:
        """Nodes that give no usable answer, with the reason."""
        wrong, deaf, broken = self.add(50, not_asked), self.add(51), self.add(52)
        deaf.ask_hash = lambda height: Deferred()  # type: ignore[method-assign]
        broken.ask_hash = lambda height: fail(ValueError("the link is over"))  # type: ignore[method-assign]
        answer = self.node.ask("compare", {}, wait=11.0)
        nodes = {each["node"]: each for each in answer["result"]["nodes"]}
        self.assertEqual({each["state"] for each in nodes.values()}, {"silent"})
        self.assertIn("no signed answer: answer_other", nodes[wrong.id.hex()]["reason"])
        self.assertEqual(nodes[deaf.id.hex()]["reason"], "It did not answer within 5 s.")
        self.assertEqual(nodes[broken.id.hex()]["reason"], "It did not answer (the link is over).")
        _, nodes = self.compare(nodes=["ab" * 32])
        self.assertEqual(nodes["ab" * 32]["reason"], "There is no link with this node.")

    def test_this_node_is_wrong(self) -> None:
        """A node whose own root is not the one in the final header says so, and accuses nobody who has it right."""
        other = self.add(50)
        height = self.node.ledger.provable_height()
        told = other.ask_hash(height).result
        other.ask_hash = lambda height: succeed(told)  # type: ignore[method-assign]
        real = self.node.ledger.reading

        class Wrong:
            def __init__(self, height: int | None) -> None:
                self._reading = real(height)
                self._state = msgspec.structs.replace(self._reading.data_hash(), root=bytes(32))

            def data_hash(self) -> Any:
                return self._state

            def __getattr__(self, name: str) -> Any:
                return getattr(self._reading, name)

        self.patch(self.node.ledger, "reading", lambda height=None: Wrong(height))
        told, nodes = self.compare()
        self.assertFalse(told["certified"])
        self.assertEqual((told["root"], told["signed"]["answer"].count("00" * 32) > 0), ("00" * 32, True))
        self.assertNotEqual(told["certified_root"], told["root"])
        self.assertEqual(nodes[other.id.hex()]["state"], "agrees")

    def test_heights(self) -> None:
        """Heights that can't be compared at."""
        self.assertEqual(self.node.error("compare", {"height": 10_000})["data"]["code"], "height_future")
        self.node.pass_time(0.6)
        head = self.node.ledger.head.height
        self.assertGreater(head, self.node.ledger.provable_height())
        self.assertEqual(self.node.error("compare", {"height": head})["data"]["code"], "not_provable")

    def test_pace(self) -> None:
        """Callers can't have this node flood its peers with questions."""
        other = self.add(50)
        asked: list[int | None] = []
        ask = other.ask_hash

        def ask_hash(height: int | None) -> Deferred[ToldHash]:
            asked.append(height)
            return ask(height)

        other.ask_hash = ask_hash  # type: ignore[method-assign]
        self.node.call("compare")
        for _ in range(20):
            error = self.node.error("compare")["data"]
            self.assertEqual((error["code"], error["retry_after"]), ("too_many_comparisons", 0.5))
        self.assertEqual(len(asked), 2)
        self.node.pass_time(0.6)
        self.node.call("compare")


class EvidenceTests(NodeTestCase):
    def test_submitted(self) -> None:
        """Evidence that anybody gives is verified, kept, and answered in pages; twice it is no news."""
        raw = contradiction(self.node)
        told = self.node.call("submitevidence", {"evidence": raw})
        self.assertTrue(told["is_new"])
        self.assertEqual((told["kept"]["evidence"], told["kept"]["kind"]), (raw, "answers"))
        self.assertFalse(self.node.call("submitevidence", {"evidence": raw})["is_new"])
        page = self.node.call("getevidence", {"limit": 1})
        self.assertEqual(page["evidence"], [told["kept"]])
        self.assertEqual(self.node.call("getevidence", {"after": page["next"]}), {"evidence": [], "next": None})

    def test_refused(self) -> None:
        """What shows nothing is refused by its name."""
        raw = contradiction(self.node)
        for evidence, code in (
            ("", "evidence_malformed"),
            (raw[:-2], "evidence_malformed"),
            (raw[:-2] + "00", "answer_signature"),
            (raw[:2] + "00" * 32 + raw[66:], "evidence_malformed"),
            ("xy", "member_type"),
            ("00" * 65_537, "member_type"),
        ):
            self.assertEqual(self.node.error("submitevidence", {"evidence": evidence})["data"]["code"], code)
        self.assertEqual(self.node.call("getevidence")["evidence"], [])
