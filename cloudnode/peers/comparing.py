"""Signed answers between nodes: what this node signs for its peers, so that they compare.

How an answer is made and signed is the API's; it is handed in, for links know nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable

from cloudnode.formats.evidence import SignedAnswer
from cloudnode.node.ledger import Ledger
from cloudnode.peers.messages import GetSigned, Signed

SignHash = Callable[[int], tuple[SignedAnswer, bytes] | None]
"""Gives this node's signed ``getdatahash`` at a height and the result's text; None if it can't answer there."""


class SigningForPeers:
    """Answers what peers ask to compare.

    :ivar sign: Handed in once the API is there; until then nothing is signed.
    """

    def __init__(self, ledger: Ledger) -> None:
        self.sign: SignHash = lambda height: None
        self._ledger = ledger

    def answer(self, question: GetSigned) -> Signed:
        """This node's signed answer."""
        ledger = self._ledger
        heights = question.request, ledger.head.height, ledger.lowest_height
        told = None if question.height is None else self.sign(question.height)
        if told is None:
            return Signed(*heights, b"", b"", b"")
        signed, text = told
        return Signed(*heights, signed.answer.encode(), signed.signature, text)
