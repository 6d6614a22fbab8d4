"""Signed answers as a client keeps them."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from cloudnode.client.messages import Answer, decode_incoming
from cloudnode.client.signed import read_signed
from cloudnode.formats.evidence import answers_evidence, first_epoch, judge
from cloudnode.formats.receipt import Answer as SignedForm
from cloudnode.formats.receipt import sign_answer
from tests.unit.cli.fakes import GENESIS, KEY
from tests.unit.formats.support import FormatTestCase


def told(result: str, method: str = "getrecord", **changes: Any) -> Answer:
    """An answer as it comes from the node with the test's key; the changes are to what it says of the signature."""
    params, root = '{"key":"1"}', bytes(32)
    signed = SignedForm(
        GENESIS.network, KEY.public, method, sha256(params.encode()).digest(), 7, root, sha256(result.encode()).digest()
    )
    signature = {
        "node": KEY.public.hex(), "root": root.hex(), "params": params, "signature": sign_answer(KEY, signed).hex(),
    }  # fmt: skip
    context = {"network": GENESIS.network_hex, "height": 7, "signature": signature | changes}
    text = f'{{"jsonrpc":"2.0","id":1,"result":{result},"context":{json.dumps(context)}}}'
    incoming = decode_incoming(text.encode())
    return Answer(incoming.result, incoming.context)


class SignedTests(FormatTestCase):
    def test_evidence(self) -> None:
        """Two answers that differ, kept as they are read, are evidence against the node."""
        one, other = read_signed(told('{"version":1}'), "getrecord"), read_signed(told('{"version":2}'), "getrecord")
        verdict = judge(answers_evidence(one, other), GENESIS.network, first_epoch(GENESIS))
        self.assertEqual((verdict.kind, verdict.culprit), ("answers", KEY.public))

    def test_wrong(self) -> None:
        """A signature over something else is refused, and so is what is no signature."""
        self.assert_refused("answer_signature", read_signed, told("1"), "getaccount")
        self.assert_refused("answer_signature", read_signed, told("1", params="{}"), "getrecord")
        self.assert_refused("answer_signature", read_signed, told("1", root="11" * 32), "getrecord")
        self.assert_refused("answer_signature", read_signed, told("1", signature="00" * 64), "getrecord")
        for changes in ({"node": "xy"}, {"node": 1}, {"root": "11"}, {"signature": ""}):
            self.assert_refused("answer_malformed", read_signed, told("1", **changes), "getrecord")
        bare = decode_incoming(b'{"id":1,"result":1}')
        self.assert_refused("answer_malformed", read_signed, Answer(bare.result, bare.context), "getrecord")
