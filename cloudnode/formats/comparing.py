"""Comparing what nodes signed with what the validators signed.

The yardstick is a final header that carries the state root of a height. A node that signed another root for that
height, or the same root with other sums, lies or is damaged; the answer and the header together show it to anyone.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

import attrs

from cloudnode.formats.block import Header
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.evidence import NO_PARAMS, AnswerEvidence, SignedAnswer, data_hash_text
from cloudnode.formats.finality import Finality
from cloudnode.formats.receipt import PROTOCOL, verify_answer
from cloudnode.formats.verify import ProvenState


@attrs.frozen
class Yardstick:
    """A final header, and the sums that its root stands for.

    :ivar state: The root's preimage; empty if it is not at hand, then roots alone are compared.
    """

    header: Header
    finality: Finality
    state: bytes = b""

    @classmethod
    def of(cls, header: Header, finality: Finality, nodes: Iterable[bytes]) -> Yardstick:
        """With the preimage if it is among some nodes."""
        return cls(header, finality, next((node for node in nodes if sha256(node).digest() == header.root), b""))

    @property
    def height(self) -> int:
        """The height whose state is compared."""
        return self.header.root_height

    @property
    def root(self) -> bytes:
        """The state root there."""
        return self.header.root


def weigh(yardstick: Yardstick, node: bytes, signed: SignedAnswer, text: bytes) -> AnswerEvidence | None:
    """Compare a node's signed answer to ``getdatahash`` with a yardstick.

    :param node: The key of the node that was asked. :param text: The exact text of the result.
    :return: Evidence if they contradict each other.
    :raises LedgerError: ``answer_other``: it is not an answer to this question. ``answer_signature``.
    """
    answer = signed.answer
    asked = (yardstick.header.network, node, PROTOCOL, "getdatahash", NO_PARAMS, yardstick.height)
    if (
        answer.network, answer.node, answer.protocol, answer.method, answer.params_hash, answer.height,
    ) != asked:  # fmt: skip
        raise LedgerError("answer_other", "The signed answer is not one to the question that was asked.")
    verify_answer(answer, signed.signature, text)
    if answer.root != yardstick.root:
        return AnswerEvidence(signed, yardstick.header, yardstick.finality)
    if not yardstick.state:
        return None
    totals = ProvenState(yardstick.height, yardstick.root, (yardstick.state,)).totals()
    if text == data_hash_text(totals):
        return None
    return AnswerEvidence(signed, yardstick.header, yardstick.finality, yardstick.state)
