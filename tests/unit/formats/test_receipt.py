"""Receipts and signed answers."""

from __future__ import annotations

from hashlib import sha256

import msgspec
from hypothesis import given

from cloudnode.formats.canonical import canonical
from cloudnode.formats.errors import LocalError
from cloudnode.formats.receipt import Answer, Receipt, sign_answer, sign_receipt, verify_answer, verify_receipt
from tests.unit.formats.support import FormatTestCase, damaged, load
from tests.vectors.make_blocks import NODE

RECEIPTS, ANSWERS = load("receipts.json"), load("answers.json")


class ReceiptTests(FormatTestCase):
    def test_vectors(self) -> None:
        """The vectors' receipts are read, written, signed and verified; the bad ones are refused."""
        for case in RECEIPTS["receipts"]:
            raw, signature = bytes.fromhex(case["bytes"]), bytes.fromhex(case["signature"])
            receipt = Receipt.decode(raw)
            self.assertEqual(receipt.encode(), raw)
            self.assertEqual((receipt.height, receipt.expiry), (case["height"], case["expiry"]))
            self.assertEqual((receipt.id.hex(), receipt.node.hex()), (case["id"], case["node"]))
            self.assertEqual(sign_receipt(NODE, receipt), signature)
            verify_receipt(receipt, signature)
        for case in RECEIPTS["refused"]:
            self.assert_refused(case["code"], self._judge, case, name=case["name"])

    def _judge(self, case: dict[str, str]) -> None:
        verify_receipt(Receipt.decode(bytes.fromhex(case["bytes"])), bytes.fromhex(case.get("signature", "")))

    @given(damaged(bytes.fromhex(RECEIPTS["receipts"][0]["bytes"])))
    def test_any_bytes(self, raw: bytes) -> None:
        """Any bytes give a receipt that is written the same again, or an error."""
        receipt = self.assert_value_or_refused(Receipt.decode, raw)
        if receipt is not None:
            self.assertEqual(receipt.encode(), raw)


class AnswerTests(FormatTestCase):
    def test_vectors(self) -> None:
        """The vectors' answers follow from their texts, and are read, signed and verified; the bad ones are refused."""
        for case in ANSWERS["answers"]:
            raw, signature = bytes.fromhex(case["bytes"]), bytes.fromhex(case["signature"])
            answer = Answer.decode(raw)
            self.assertEqual(answer.encode(), raw)
            self.assertEqual(canonical(case["params"]).decode(), case["params_canonical"])
            self.assertEqual(answer.params_hash, sha256(case["params_canonical"].encode()).digest())
            self.assertEqual((answer.method, answer.height, answer.protocol), (case["method"], case["height"], 1))
            self.assertEqual(sign_answer(NODE, answer), signature)
            verify_answer(answer, signature, case["answer"].encode())
            verify_answer(answer, signature)
        for case in ANSWERS["refused"]:
            self.assert_refused(case["code"], self._judge, case, name=case["name"])

    def _judge(self, case: dict[str, str]) -> None:
        text = case["answer"].encode() if "answer" in case else None
        verify_answer(Answer.decode(bytes.fromhex(case["bytes"])), bytes.fromhex(case.get("signature", "")), text)

    def test_methods_that_do_not_fit(self) -> None:
        """A method's name is short ASCII."""
        answer = Answer.decode(bytes.fromhex(ANSWERS["answers"][0]["bytes"]))
        for method in ("", "x" * 65, "m\u00e4thod"):
            self.assertRaises(LocalError, msgspec.structs.replace(answer, method=method).encode)

    @given(damaged(bytes.fromhex(ANSWERS["answers"][0]["bytes"])))
    def test_any_bytes(self, raw: bytes) -> None:
        """Any bytes give an answer that is written the same again, or an error."""
        answer = self.assert_value_or_refused(Answer.decode, raw)
        if answer is not None:
            self.assertEqual(answer.encode(), raw)
