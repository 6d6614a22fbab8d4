"""A node that lies to its peers or callers: a real one, of which one thing that it answers is wrong.

``python lying_node.py LIE OPTION...``, where LIE is a name of ``LIES`` or ``STATE_LIES``, ``root``, ``record``,
``omission`` or ``censor``, and the options are those of ``twistd cloudnode``.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import attrs
import msgspec
from twisted.scripts import twistd

from cloudnode.api import answerer, comparing
from cloudnode.api.calls import Call
from cloudnode.api.context import ContextWriter
from cloudnode.api.methods import TABLE, data
from cloudnode.formats.evidence import SignedAnswer
from cloudnode.formats.receipt import sign_answer
from cloudnode.ledger.reading import Reading
from cloudnode.peers import neighbourhood
from cloudnode.peers.messages import Blocks, GetBlocks, GetOperations, Nodes, Operations, State
from cloudnode.peers.serving import Serving
from cloudnode.peers.stateserving import StateQuestion, StateServing


class Bodies(Serving):
    """The first body of each answer has a space too many."""

    def operations(self, question: GetOperations) -> Operations:
        told = super().operations(question)
        first = msgspec.structs.replace(told.operations[0], body=told.operations[0].body + b" ")
        return Operations(told.request, (first, *told.operations[1:]))


class WrongBlocks(Serving):
    """Each block names an operation too many."""

    def blocks(self, question: GetBlocks) -> Blocks:
        told = super().blocks(question)
        changed = (msgspec.structs.replace(block, ids=block.ids + bytes(32)) for block in told.blocks)
        return Blocks(told.request, tuple(changed))


class WrongCertificates(Serving):
    """Each certificate has a signature with another last byte."""

    def blocks(self, question: GetBlocks) -> Blocks:
        told = super().blocks(question)
        changed = (
            msgspec.structs.replace(block, finality=block.finality[:-1] + bytes((block.finality[-1] ^ 1,)))
            for block in told.blocks
        )
        return Blocks(told.request, tuple(changed))


LIES = {"body": Bodies, "block": WrongBlocks, "certificate": WrongCertificates}


class WrongChunks(StateServing):
    """The last byte of each chunk of the state is another."""

    def _find(self, question: StateQuestion) -> Nodes | State:
        told = super()._find(question)
        if isinstance(told, Nodes):
            return told
        return State(told.request, tuple(chunk and chunk[:-1] + bytes((chunk[-1] ^ 1,)) for chunk in told.chunks))


class SlowChunks(StateServing):
    """Tells the truth, but one chunk at a time, and takes its time for it."""

    def _find(self, question: StateQuestion) -> Nodes | State:
        time.sleep(0.1)
        told = super()._find(question)
        return told if isinstance(told, Nodes) else State(told.request, told.chunks[:1])


STATE_LIES = {"chunk": WrongChunks, "slow": SlowChunks}


class FalseRoots(ContextWriter):
    """Each answer to ``getdatahash`` is signed with another root."""

    def sign(self, reading: Reading, method: str, params: msgspec.Struct, answer: bytes) -> SignedAnswer:
        signed = super().sign(reading, method, params, answer)
        if method != "getdatahash":
            return signed
        false = msgspec.structs.replace(signed.answer, root=bytes(32))
        return SignedAnswer(false, sign_answer(self._ledger.node_key, false))


class FalseBlocks:
    """Of each block's operations the last one is left out."""

    def __init__(self, read: Callable[[Reading, Any], Any]) -> None:
        self._read = read

    def __call__(self, reading: Reading, params: Any) -> Any:
        block = self._read(reading, params)
        return msgspec.structs.replace(block, operations=block.operations[:-1])


class FalseRecords:
    """Every other answer to ``getrecord`` has another version than the record."""

    def __init__(self, read: Callable[[Reading, Any], Any]) -> None:
        self._read = read
        self._asked = 0

    def __call__(self, reading: Reading, params: Any) -> Any:
        record = self._read(reading, params)
        self._asked += 1
        return record if self._asked % 2 else msgspec.structs.replace(record, version=record.version + 1)


def forget(call: Call, params: data.Submit) -> data.Submitted:
    """Promise to pass an operation on, and forget it."""
    ledger = call.served.ledger
    body = params.operation.encode()
    operation_id, expiry, height = sha256(body).digest(), json.loads(body)["expiry"], ledger.head.height
    signature = data._signed_receipt(call, operation_id, height, expiry)
    node = ledger.node_key.public.hex()
    receipt = data.ReceiptAnswer(ledger.network.hex(), operation_id.hex(), node, height, expiry, signature.hex())
    return data.Submitted(operation_id.hex(), receipt)


def lie(name: str) -> None:
    """Have this process tell one lie."""
    if name == "root":
        answerer.ContextWriter = comparing.ContextWriter = FalseRoots  # type: ignore[misc]
    elif name == "record":
        method = TABLE["getrecord"]
        assert method.read is not None
        TABLE._methods["getrecord"] = attrs.evolve(method, read=FalseRecords(method.read))
    elif name == "censor":
        TABLE._methods["submit"] = attrs.evolve(TABLE["submit"], call=forget)
    elif name == "omission":
        method = TABLE["getblock"]
        assert method.read is not None
        TABLE._methods["getblock"] = attrs.evolve(method, read=FalseBlocks(method.read))
    elif name in STATE_LIES:
        neighbourhood.StateServing = STATE_LIES[name]  # type: ignore[misc]
    else:
        neighbourhood.Serving = LIES[name]  # type: ignore[misc]


if __name__ == "__main__":
    name, *options = sys.argv[1:]
    lie(name)
    sys.argv = ["twistd", "-n", "--pidfile=", "cloudnode", *options]
    twistd.run()
