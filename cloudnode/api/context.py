"""At which height a call is answered, and what the answer says about that."""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256
from typing import Any

import msgspec
from twisted.internet.defer import Deferred, TimeoutError, ensureDeferred

from cloudnode.api.calls import Scope
from cloudnode.api.errors import ApiError
from cloudnode.api.jsonrpc import RequestContext
from cloudnode.api.table import Method
from cloudnode.api.types import finality_texts
from cloudnode.formats.block import Header
from cloudnode.formats.canonical import canonical
from cloudnode.formats.evidence import SignedAnswer
from cloudnode.formats.receipt import Answer, sign_answer
from cloudnode.ledger.reading import Head, Proof, Reading
from cloudnode.node.ledger import Ledger

_CACHED_HEIGHTS = 64

_encode = msgspec.json.Encoder().encode


class ContextWriter:
    """Writes the ``context`` of answers: network, height, hash and time, and what was asked for besides.

    All methods give the object's text without its closing brace.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._network = ledger.network.hex().encode()
        self._head: Head | None = None
        self._head_text = b""
        self._texts: OrderedDict[int, bytes] = OrderedDict()

    def head(self) -> bytes:
        """For an answer at the newest height."""
        head = self._ledger.head
        if head is not self._head:
            self._head = head
            self._head_text = self._text(head.height, head.hash, head.time)
        return self._head_text

    def at(self, height: int) -> bytes:
        """For an answer at a height that can be read."""
        if height == self._ledger.head.height:
            return self.head()
        text = self._texts.get(height)
        if text is None:
            text = self._texts[height] = self._old_text(height)
            if len(self._texts) > _CACHED_HEIGHTS:
                self._texts.popitem(last=False)
        return text

    def _old_text(self, height: int) -> bytes:
        genesis = self._ledger.genesis
        if height == 0:
            return self._text(0, genesis.network, genesis.time)
        block = self._ledger.reading().block(height)
        if block is None:
            raise ApiError("height_pruned")
        return self._text(height, block.hash, Header.decode(block.header).time)

    def _text(self, height: int, hashed: bytes, time: int) -> bytes:
        return b'{"network":"%s","height":%d,"hash":"%s","time":%d' % (
            self._network,
            height,
            hashed.hex().encode(),
            time,
        )

    def proof(self, height: int, proof: Proof) -> bytes:
        """The member ``proof``, with a comma before it."""
        return b',"proof":' + _encode(proof_members(self._ledger, height, proof))

    def signature(self, reading: Reading, method: str, params: msgspec.Struct, answer: bytes) -> bytes:
        """The member ``signature``, with a comma before it.

        :param answer: The JSON text of the result or of the error, as it is answered.
        """
        signed = self.sign(reading, method, params, answer)
        members = {
            "node": signed.answer.node.hex(),
            "root": signed.answer.root.hex(),
            "params": _params_text(params).decode(),
            "signature": signed.signature.hex(),
        }
        return b',"signature":' + _encode(members)

    def sign(self, reading: Reading, method: str, params: msgspec.Struct, answer: bytes) -> SignedAnswer:
        """An answer with its signature; the parameters are as for :meth:`signature`."""
        key = self._ledger.node_key
        signed = Answer(
            network=self._ledger.network,
            node=key.public,
            method=method,
            params_hash=sha256(_params_text(params)).digest(),
            height=reading.height,
            root=reading.data_hash().root,
            answer_hash=sha256(answer).digest(),
        )
        return SignedAnswer(signed, sign_answer(key, signed))


def _params_text(params: msgspec.Struct) -> bytes:
    """The parameters by name, those that were left out filled in, in canonical JSON."""
    return canonical(msgspec.to_builtins(params))


def proof_members(ledger: Ledger, height: int, proof: Proof) -> dict[str, Any]:
    """A proof with the certified header that carries its root, as answered.

    :raises LedgerError: ``not_provable``.
    """
    block = ledger.proving_block(height)
    certificate, descendants = finality_texts(block.finality)
    return {
        "height": height,
        "root": proof.root.hex(),
        "nodes": [node.hex() for node in proof.nodes],
        "header": block.header.hex(),
        "certificate": certificate,
        "descendants": descendants,
    }


def check_offered(method: Method[Any], context: RequestContext) -> None:
    """Refuse what a method does not offer.

    :raises ApiError: ``height_not_offered``, ``proof_not_offered`` or ``signature_not_offered``.
    """
    if context.at is not None and method.read is None:
        raise ApiError("height_not_offered")
    if context.proof and not method.provable:
        raise ApiError("proof_not_offered")
    if context.sign and not method.deterministic:
        raise ApiError("signature_not_offered")


def wait_for_height(scope: Scope, height: int, provable: bool) -> Deferred[None] | None:
    """Wait until a height is reached, or until its root is provable.

    :returns: None if it is already. Fails with ``ApiError`` ``height_not_reached`` when it takes too long.
    """
    ledger = scope.served.ledger

    def is_reached() -> bool:
        return (ledger.newest_provable if provable else ledger.head.height) >= height

    if is_reached():
        return None

    async def wait() -> None:
        while not is_reached():
            await ledger.when_height(max(height, ledger.head.height + 1))

    waiting = scope.hold(ensureDeferred(wait()))
    waiting.addTimeout(scope.served.limits.wait_seconds, scope.served.clock)
    return waiting.addErrback(lambda failure: _not_reached(failure.trap(TimeoutError), ledger))


def _not_reached(_: object, ledger: Ledger) -> None:
    raise ApiError("height_not_reached", height=ledger.head.height)


def choose_reading(ledger: Ledger, method: Method[Any], context: RequestContext | None) -> Reading:
    """The reading that a call is answered from.

    :raises LedgerError: ``height_pruned``, ``height_future`` or ``not_provable``.
    """
    if context is not None and context.at is not None:
        return ledger.reading(context.at)
    if method.provable_height or (context is not None and context.proof):
        return ledger.reading(ledger.provable_height())
    return ledger.reading()
