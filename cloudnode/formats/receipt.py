"""What a node signs with its own key: receipts for operations that it took, and answers.

A receipt is a promise to relay, no more. A signed answer ties a node to what it said: method, parameters, height, root
and a hash of the answer's text. The methods that can be signed are deterministic, so two signed answers that differ
only in the answer's hash show anyone that one of the two lies. The layouts are in ``docs/protocol.md``.
"""

from __future__ import annotations

from hashlib import sha256
from struct import Struct

import msgspec

from cloudnode.formats.errors import LedgerError, LocalError
from cloudnode.formats.keys import ANSWER, RECEIPT, SigningKey, verify

PROTOCOL = 1
"""The protocol version that signed answers name."""

METHOD_BYTES_MAX = 64

_receipt = Struct(">32s32s32sQQ")
_answer = Struct(">32s32sIQ32s32s32sB")

RECEIPT_SIZE = _receipt.size


class Receipt(msgspec.Struct, frozen=True):
    """A node's word that it took an operation.

    :ivar id: The operation's. :ivar node: The node's key. :ivar height: The newest height that the node had seen.
    :ivar expiry: The operation's.
    """

    network: bytes
    id: bytes
    node: bytes
    height: int
    expiry: int

    def encode(self) -> bytes:
        """The 112 bytes that are signed behind the tag."""
        return _receipt.pack(self.network, self.id, self.node, self.height, self.expiry)

    @classmethod
    def decode(cls, raw: bytes) -> Receipt:
        """Read what :meth:`encode` wrote.

        :raises LedgerError: ``receipt_malformed``.
        """
        if len(raw) != RECEIPT_SIZE:
            raise LedgerError("receipt_malformed")
        return cls(*_receipt.unpack(raw))


def sign_receipt(key: SigningKey, receipt: Receipt) -> bytes:
    """The 64-byte signature; the key is that of ``receipt.node``."""
    return key.sign(RECEIPT, receipt.encode())


def verify_receipt(receipt: Receipt, signature: bytes) -> None:
    """Check that the node named in a receipt signed it.

    :raises LedgerError: ``receipt_signature``.
    """
    if not verify(receipt.node, RECEIPT, receipt.encode(), signature):
        raise LedgerError("receipt_signature")


class Answer(msgspec.Struct, frozen=True):
    """What a node answered.

    :ivar node: The node's key. :ivar method: Its name in ASCII.
    :ivar params_hash: SHA-256 of the parameters by name in canonical JSON, with all that were left out filled in.
    :ivar height: Where the answer holds. :ivar root: The state root there.
    :ivar answer_hash: SHA-256 of the text of ``result``, or of ``error``, exactly as answered.
    :ivar protocol: The version of these rules.
    """

    network: bytes
    node: bytes
    method: str
    params_hash: bytes
    height: int
    root: bytes
    answer_hash: bytes
    protocol: int = PROTOCOL

    def encode(self) -> bytes:
        """The bytes that are signed behind the tag.

        :raises LocalError: The method's name is not 1 to 64 ASCII characters.
        """
        method = self.method.encode()
        if not 1 <= len(method) <= METHOD_BYTES_MAX or not method.isascii():
            raise LocalError("a method's name is 1 to 64 ASCII characters")
        head = _answer.pack(
            self.network,
            self.node,
            self.protocol,
            self.height,
            self.root,
            self.params_hash,
            self.answer_hash,
            len(method),
        )
        return head + method

    @classmethod
    def decode(cls, raw: bytes) -> Answer:
        """Read what :meth:`encode` wrote.

        :raises LedgerError: ``answer_malformed``.
        """
        if len(raw) < _answer.size:
            raise LedgerError("answer_malformed")
        network, node, protocol, height, root, params_hash, answer_hash, length = _answer.unpack_from(raw)
        method = raw[_answer.size :]
        if not 1 <= length <= METHOD_BYTES_MAX or len(method) != length or not method.isascii():
            raise LedgerError("answer_malformed")
        return cls(network, node, method.decode("ascii"), params_hash, height, root, answer_hash, protocol)


def sign_answer(key: SigningKey, answer: Answer) -> bytes:
    """The 64-byte signature; the key is that of ``answer.node``."""
    return key.sign(ANSWER, answer.encode())


def verify_answer(answer: Answer, signature: bytes, text: bytes | None = None) -> None:
    """Check that the node named in an answer signed it, and that it is the answer at hand.

    :param text: The exact text of ``result`` (or ``error``), if it is at hand.
    :raises LedgerError: ``answer_signature`` or ``answer_other``.
    """
    if not verify(answer.node, ANSWER, answer.encode(), signature):
        raise LedgerError("answer_signature")
    if text is not None and sha256(text).digest() != answer.answer_hash:
        raise LedgerError("answer_other")
