"""A node's proof of a state, as it stands in an answer: read, and put to use once its header is verified."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from cloudnode.formats.block import Header
from cloudnode.formats.comparing import Yardstick
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.verify import ProvenState, read_finality, verify_state


class ToldProof(Struct, frozen=True):
    """What a node told: all in hex, nothing of it checked.

    :ivar header: Of a block, which carries a state's root. :ivar certificate: :ivar descendants: That it is final.
    :ivar nodes: Of the state's trie. :ivar height: :ivar root: Of the state.
    """

    header: str
    certificate: str
    descendants: list[str]
    nodes: list[str] = []
    height: int = 0
    root: str = ""

    def finality(self) -> tuple[bytes, bytes, list[bytes]]:
        """The header, the certificate and the descendants in bytes.

        :raises LedgerError: ``finality_malformed``.
        """
        header, certificate, *descendants = read_hex([self.header, self.certificate, *self.descendants])
        return header, certificate, descendants

    def open(self, header: Header) -> ProvenState:
        """The state, for questions.

        :param header: The proof's own, verified.
        :raises LedgerError: The header does not vouch for it, or the nodes are none.
        """
        root, *nodes = read_hex([self.root, *self.nodes])
        return verify_state(header, self.height, root, nodes)

    def yardstick(self, header: Header) -> Yardstick:
        """What signed states are compared with.

        :param header: The proof's own, verified.
        """
        _, certificate, descendants = self.finality()
        return Yardstick.of(header, read_finality(certificate, descendants), read_hex(self.nodes))


class _Context(Struct, frozen=True):
    height: int
    proof: ToldProof


def read_proof(raw_context: bytes) -> ToldProof:
    """The proof that came with an answer.

    :param raw_context: What the answer says of itself.
    :raises LedgerError: ``finality_malformed``: none came. ``proof_height``: it is for another height than the answer.
    """
    try:
        told = msgspec.json.decode(raw_context, type=_Context)
    except msgspec.DecodeError:
        raise LedgerError("finality_malformed", "The node brought no proof of the documented form.") from None
    if told.proof.height != told.height:
        raise LedgerError("proof_height")
    return told.proof


def convert_proof(told: Any) -> ToldProof:
    """A proof that was decoded as a dictionary.

    :raises LedgerError: ``finality_malformed``.
    """
    try:
        return msgspec.convert(told, ToldProof)
    except msgspec.ValidationError:
        raise LedgerError("finality_malformed", "The node's proof is not of the documented form.") from None


def read_hex(texts: Iterable[str]) -> list[bytes]:
    """:raises LedgerError: ``finality_malformed``: a node told something else than hex digits."""
    try:
        return [bytes.fromhex(each) for each in texts]
    except ValueError:
        raise LedgerError("finality_malformed", "A part of the node's proof is not hex.") from None
