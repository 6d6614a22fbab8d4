"""A node's signed answer as evidence takes it: what was signed, put together from the answer, and checked.

Whoever keeps signed answers can show a lie later: two of one node to one question that differ make evidence with
:func:`cloudnode.formats.evidence.answers_evidence`, which any node takes by ``submitevidence``.
"""

from __future__ import annotations

from hashlib import sha256

import msgspec
from msgspec import Struct

from cloudnode.client.messages import Answer
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.evidence import SignedAnswer
from cloudnode.formats.receipt import Answer as SignedForm
from cloudnode.formats.receipt import verify_answer


class _Signature(Struct, frozen=True):
    node: str
    root: str
    params: str
    signature: str


class _Context(Struct, frozen=True):
    network: str
    height: int
    signature: _Signature


def read_signed(answer: Answer, method: str) -> SignedAnswer:
    """What a node signed, of an answer that was asked for with ``context.sign``.

    :param method: The one that was called. Whether its parameters, the network, the height and the node are those that
        were asked for is for the caller to compare.
    :raises LedgerError: ``answer_malformed``: there is no signature of the documented form. ``answer_signature``: it is
        not the node's over this very text.
    """
    try:
        context = msgspec.json.decode(answer.raw_context, type=_Context)
        told = context.signature
        signed = SignedForm(
            network=bytes.fromhex(context.network),
            node=bytes.fromhex(told.node),
            method=method,
            params_hash=sha256(told.params.encode()).digest(),
            height=context.height,
            root=bytes.fromhex(told.root),
            answer_hash=sha256(bytes(answer.raw)).digest(),
        )
        signature = bytes.fromhex(told.signature)
    except (msgspec.DecodeError, ValueError):
        raise LedgerError("answer_malformed", "The answer has no signature of the documented form.") from None
    if (len(signed.network), len(signed.node), len(signed.root), len(signature)) != (32, 32, 32, 64):
        raise LedgerError("answer_malformed", "The answer has no signature of the documented form.")
    if not 0 <= signed.height < 2**63:
        raise LedgerError("answer_malformed", "The answer has no height.")
    verify_answer(signed, signature)
    return SignedAnswer(signed, signature)
