"""Evidence: what it shows, and what shows nothing."""

from __future__ import annotations

from hashlib import sha256

import msgspec
from hypothesis import given

from cloudnode.api.methods.validation import DataHashAnswer
from cloudnode.formats.block import Header
from cloudnode.formats.comparing import Yardstick, weigh
from cloudnode.formats.evidence import (
    SignedAnswer,
    Verdict,
    data_hash_text,
    decode_evidence,
    encode_evidence,
    first_epoch,
    judge,
)
from cloudnode.formats.finality import Finality
from cloudnode.formats.genesis import decode_genesis
from cloudnode.formats.receipt import sign_answer
from cloudnode.formats.verify import ProvenState, ProvenTotals
from tests.unit.formats.support import FormatTestCase, damaged, load
from tests.vectors.make_blocks import NODE, a_header, certified, genesis
from tests.vectors.make_evidence import answer
from tests.vectors.make_proofs import HEIGHT, state

VECTORS = load("evidence.json")
GENESIS = decode_genesis(VECTORS["genesis"].encode())
PIECES = [bytes.fromhex(case["bytes"]) for case in VECTORS["accepted"]]


def judged(raw: bytes) -> Verdict:
    return judge(decode_evidence(raw), GENESIS.network, first_epoch(GENESIS))


class EvidenceTests(FormatTestCase):
    def test_vectors(self) -> None:
        """Each piece shows what it says to whoever has the genesis alone; the others show nothing, with the code."""
        for case, raw in zip(VECTORS["accepted"], PIECES, strict=True):
            verdict = judged(raw)
            shown = (verdict.kind, verdict.culprit.hex(), verdict.epoch, verdict.is_proof)
            self.assertEqual(shown, (case["kind"], case["culprit"], case["epoch"], case["is_proof"]), case["name"])
            self.assertEqual(encode_evidence(decode_evidence(raw)), raw)
        for case in VECTORS["refused"]:
            self.assert_refused(case["code"], judged, bytes.fromhex(case["bytes"]), name=case["name"])

    def test_another_network(self) -> None:
        """Evidence of one network shows nothing of another."""
        other = genesis(1)
        for raw in PIECES:
            self.assert_refused(
                "evidence_network", judge, decode_evidence(raw), other.network, first_epoch(other)
            )  # fmt: skip

    def test_every_byte_counts(self) -> None:
        """With any byte changed a piece shows nothing, or is another piece that shows the same."""
        for raw in PIECES:
            for at in range(0, len(raw), 7):
                changed = raw[:at] + bytes((raw[at] ^ 1,)) + raw[at + 1 :]
                verdict = self.assert_value_or_refused(judged, changed)
                self.assertIsNone(verdict, f"{raw[0]}: byte {at}")

    @given(damaged(*PIECES))
    def test_any_bytes(self, raw: bytes) -> None:
        """Any bytes give evidence that is written the same again, or a documented error."""
        evidence = self.assert_value_or_refused(decode_evidence, raw)
        if evidence is not None:
            self.assertEqual(encode_evidence(evidence), raw)
            self.assert_value_or_refused(judge, evidence, GENESIS.network, first_epoch(GENESIS))

    def test_text(self) -> None:
        """The text that evidence is judged by is the one that the API answers with."""
        totals = ProvenTotals(7, bytes(range(32)), 2**63, 5, 4, 3)
        told = DataHashAnswer(7, bytes(range(32)).hex(), 2**63, 5, 4, 3)
        self.assertEqual(data_hash_text(totals), msgspec.json.encode(told))


class WeighTests(FormatTestCase):
    def setUp(self) -> None:
        root, nodes = state()
        header: Header = a_header(GENESIS, height=HEIGHT + 1, root=root, root_height=HEIGHT)
        finality = Finality(certified(GENESIS, header, [0, 1, 2]))
        self.root = root
        self.yardstick = Yardstick.of(header, finality, nodes.values())
        self.text = data_hash_text(ProvenState(HEIGHT, root, (nodes[root],)).totals())

    def weigh(self, signed: SignedAnswer, text: bytes, node: bytes = NODE.public) -> Verdict | None:
        evidence = weigh(self.yardstick, node, signed, text)
        return None if evidence is None else judged(encode_evidence(evidence))

    def test_true(self) -> None:
        """A true answer is no evidence."""
        self.assertIsNone(self.weigh(answer(GENESIS, self.text, self.root), self.text))

    def test_false(self) -> None:
        """Another root, and other sums under the same root, are evidence that holds."""
        other = self.text.replace(b'"accounts":', b'"accounts":9')
        for signed, text in (
            (answer(GENESIS, self.text, bytes(32)), self.text),
            (answer(GENESIS, other, self.root), other),
        ):
            verdict = self.weigh(signed, text)
            assert verdict is not None
            self.assertEqual((verdict.kind, verdict.culprit, verdict.is_proof), ("answer", NODE.public, True))

    def test_no_answer(self) -> None:
        """What is not the node's signed answer to this question is refused."""
        true = answer(GENESIS, self.text, self.root)
        self.assert_refused("answer_other", self.weigh, true, self.text, bytes(32))
        self.assert_refused("answer_other", self.weigh, true, self.text + b" ")
        elsewhere = answer(GENESIS, self.text, self.root, height=HEIGHT - 1)
        self.assert_refused("answer_other", self.weigh, elsewhere, self.text)
        asked = msgspec.structs.replace(true.answer, params_hash=sha256(b"{ }").digest())
        with_params = SignedAnswer(asked, sign_answer(NODE, asked))
        self.assert_refused("answer_other", self.weigh, with_params, self.text)
        self.assert_refused("answer_signature", self.weigh, SignedAnswer(true.answer, bytes(64)), self.text)
