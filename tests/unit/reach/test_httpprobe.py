"""Whether an HTTP response proves that a node gave it."""

from __future__ import annotations

import json
from hashlib import sha256

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.errors import LedgerError
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.receipt import Answer, sign_answer
from cloudnode.reach.httpprobe import METHOD, HttpProbeFailed, check_answer
from tests.unit.store.network import make_key

NODE, OTHER = make_key(1), make_key(2)
NETWORK, ROOT = b"n" * 32, b"r" * 32
RESULT = '{"height":5,"root":"ab"}'


def response(key: SigningKey = NODE, network: bytes = NETWORK, method: str = METHOD, result: str = RESULT) -> bytes:
    """What a node answers."""
    params_hash, answer_hash = sha256(b"{}").digest(), sha256(RESULT.encode()).digest()
    signed = Answer(network, NODE.public, method, params_hash, 5, ROOT, answer_hash)
    signature = sign_answer(key, signed)
    told = {"node": NODE.public.hex(), "root": ROOT.hex(), "params": "{}", "signature": signature.hex()}
    context = json.dumps({"network": network.hex(), "height": 5, "signature": told})
    return b"HTTP/1.0 200 OK\r\nA: b\r\n\r\n" + f'{{"result":{result},"context":{context}}}'.encode()


class CheckAnswerTests(SynchronousTestCase):
    def test_good(self) -> None:
        """The node's signature over this very answer, in this network, is taken."""
        check_answer(response(), NODE.public, NETWORK)

    def test_others(self) -> None:
        """Another node, another network, another method, another text: none is taken."""
        for bad in (response(network=b"m" * 32), response(result='{"height":6,"root":"ab"}'), response(OTHER),
                    response(method="getratings")):  # fmt: skip
            self.assertRaises((HttpProbeFailed, LedgerError), check_answer, bad, NODE.public, NETWORK)
        self.assertRaises(HttpProbeFailed, check_answer, response(), OTHER.public, NETWORK)

    def test_status(self) -> None:
        """A refusal is no answer."""
        self.assertRaises(HttpProbeFailed, check_answer, response().replace(b"200", b"503", 1), NODE.public, NETWORK)

    @given(st.binary(max_size=80), st.integers(0, 600), st.integers(0, 40))
    def test_damaged(self, noise: bytes, at: int, removed: int) -> None:
        """Whatever comes, it is the node's answer or one of two errors."""
        good = response()
        damaged = good[:at] + noise + good[at + removed :]
        try:
            check_answer(damaged, NODE.public, NETWORK)
        except (HttpProbeFailed, LedgerError):
            return
        self.assertIn(RESULT.encode(), damaged)
