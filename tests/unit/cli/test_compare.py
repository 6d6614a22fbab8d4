"""``cloudnode compare``: what it believes of nodes, prints, and ends with."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.cli.commands import compare
from cloudnode.cli.exits import Exit
from cloudnode.formats.block import FINALIZE, Certificate, Header, operations_hash, sign_vote, signatures_hash
from cloudnode.formats.evidence import NO_PARAMS, data_hash_text
from cloudnode.formats.receipt import Answer, sign_answer
from cloudnode.formats.verify import ProvenState
from tests.unit.cli.fakes import GENESIS, KEY, Result, run_command
from tests.unit.store.network import make_key
from tests.vectors.make_proofs import HEIGHT, state

ROOT, NODES = state()
TEXT = data_hash_text(ProvenState(HEIGHT, ROOT, (NODES[ROOT],)).totals())


def final_header(root: bytes = ROOT) -> tuple[Header, Certificate]:
    """A header that the lone validator, which is also the user's key here, has finalized."""
    network = GENESIS.network
    header = Header(
        network, 0, 9, HEIGHT + 1, 9, bytes(32), operations_hash([]), 0, HEIGHT, root, signatures_hash([])
    )  # fmt: skip
    signature = sign_vote(KEY, network, FINALIZE, 0, 9, header.hash)
    return header, Certificate(FINALIZE, 0, 9, header.hash, ((0, signature),))


def signed(seed: int, text: bytes = TEXT, root: bytes = ROOT) -> dict[str, str]:
    key = make_key(seed)
    answer = Answer(
        GENESIS.network, key.public, "getdatahash", NO_PARAMS, HEIGHT, root, sha256(text).digest()
    )  # fmt: skip
    return {
        "answer": answer.encode().hex(), "signature": sign_answer(key, answer).hex(), "text": text.decode(),
    }  # fmt: skip


def node(seed: int, state: str = "agrees", **changes: Any) -> dict[str, Any]:
    told = {
        "node": make_key(seed).public.hex(), "addr": f"192.0.2.{seed}:1", "state": state, "newest": 8, "behind": 0,
        "since": None, "reason": None, "signed": signed(seed), "evidence": None,
    }  # fmt: skip
    return told | changes


class CompareTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = Path(self.mktemp())
        self.home.mkdir()
        header, certificate = final_header()
        epoch = {"epoch": 0, "validators": [KEY.public.hex()], "end": None}
        self.epochs = {"epochs": [epoch], "next": None}
        self.told: dict[str, Any] = {
            "height": HEIGHT, "root": ROOT.hex(), "certified": True, "certified_root": ROOT.hex(), "newest": 8,
            "node": make_key(1).public.hex(), "header": header.encode().hex(),
            "certificate": certificate.encode().hex(), "descendants": [], "state": NODES[ROOT].hex(),
            "signed": signed(1), "nodes": [],
        }  # fmt: skip

    def compare(self, *arguments: str, **changes: Any) -> Result:
        methods = {"getepochs": lambda _: self.epochs, "compare": lambda _: self.told | changes}
        return run_command(compare, ["compare", *arguments], methods, home=self.home)

    def states(self, result: Result) -> dict[str, str]:
        return {each["node"]: each["state"] for each in json.loads(result.out)["nodes"]}

    def test_agreeing(self) -> None:
        """All agree: a table, and status 0."""
        result = self.compare(nodes=[node(2), node(3)])
        self.assertEqual(result.status, Exit.OK, result.err)
        self.assertIn("all 3 agree", result.out)
        self.assertIn(f"{ROOT.hex()}, signed by the validators", result.out)
        self.assertEqual(result.requests[-1]["params"], {})

    def test_asked(self) -> None:
        """What is asked of the node."""
        key = make_key(2).public.hex()
        result = self.compare("--count", "3", "--id", key, "--height", "7", nodes=[])
        self.assertEqual(result.requests[-1]["params"], {"count": 3, "nodes": [key], "height": 7})

    def test_not_believed(self) -> None:
        """What the node says of another counts for nothing against what that one signed."""
        false = TEXT.replace(b'"records":', b'"records":1')
        told = [node(2, signed=signed(2, root=bytes(32))), node(3, signed=signed(3, false)), node(4, "lying")]
        result = self.compare("--json", nodes=told)
        self.assertEqual(result.status, Exit.LYING)
        expected = {1: "agrees", 2: "lying", 3: "lying", 4: "agrees"}
        self.assertEqual(
            self.states(result), {make_key(seed).public.hex(): state for seed, state in expected.items()}
        )  # fmt: skip
        evidence = {each["node"]: each["evidence"] for each in json.loads(result.out)["nodes"]}
        self.assertEqual([bool(evidence[make_key(seed).public.hex()]) for seed in expected], [False, True, True, False])
        # An answer that another node signed is none.
        result = self.compare("--json", nodes=[node(2, signed=signed(3))])
        self.assertEqual((result.status, self.states(result)[make_key(2).public.hex()]), (Exit.NO_ANSWER, "silent"))

    def test_itself(self) -> None:
        """A node that signs another state than the header's is caught by its own signature."""
        result = self.compare(signed=signed(1, root=bytes(32)))
        self.assertEqual(result.status, Exit.LYING)
        self.assertIn("It signed another state than the validators.", result.out)

    def test_behind(self) -> None:
        """Nodes that are behind, pruned or silent, and the status of each; the worst one counts."""
        behind = node(2, "behind", signed=None, newest=3, behind=5)
        pruned = node(3, "pruned", signed=None, reason="It answers from height 9 on.")
        silent = node(4, "silent", signed=None, newest=None, reason="It did not answer within 5 s.")
        result = self.compare(nodes=[behind, node(5)])
        self.assertEqual(result.status, Exit.BEHIND)
        self.assertIn("is 5 blocks behind", result.out)
        self.assertEqual(self.compare(nodes=[pruned]).status, Exit.BEHIND)
        self.assertEqual(self.compare(nodes=[behind, silent]).status, Exit.NO_ANSWER)

    def test_no_yardstick(self) -> None:
        """Without a header that the network's validators finalized nothing is compared."""
        header, _ = final_header(bytes(32))
        for changes, words in (
            ({"header": header.encode().hex()}, "certificate_block"),
            ({"certificate": self.told["certificate"][:-2] + "00"}, "certificate_signature"),
            ({"height": HEIGHT + 1}, "proof_height"),
        ):
            result = self.compare(**changes)
            self.assertEqual(result.status, Exit.NO_ANSWER)
            self.assertIn(words, result.err)
        for changes in ({"header": 1}, {"nodes": [{}]}, {"signed": None}):
            self.assertEqual(self.compare(**changes).status, Exit.NO_ANSWER)

    def test_network(self) -> None:
        """A node of another network than the one that was named is no use."""
        self.assertEqual(self.compare("--network", GENESIS.network_hex).status, Exit.OK)
        result = self.compare("--network", "ab" * 32)
        self.assertEqual(result.status, Exit.NO_ANSWER)
        self.assertIn(f"The node is of network {GENESIS.network_hex}", result.err)
