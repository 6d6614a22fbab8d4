"""What a peer can do wrong, by name."""

from __future__ import annotations

from typing import Literal, get_args

FaultName = Literal[
    "malformed", "oversized", "unexpected", "flooding", "unanswered", "silent", "slow",
    "other_version", "other_network", "other_node", "itself", "wrong_proof",
    "wrong_block", "wrong_certificate", "wrong_body", "wrong_signature", "wrong_operation",
    "wrong_state", "wrong_vote", "wrong_evidence", "wrong_stun_data", "going_away", "second_link", "refused",
    "banned", "moved",
]  # fmt: skip

LIES: frozenset[FaultName] = frozenset(
    ("malformed", "oversized", "unexpected", "flooding", "wrong_proof", "wrong_block", "wrong_certificate",
     "wrong_body", "wrong_signature", "wrong_operation", "wrong_state", "wrong_vote",
     "wrong_evidence", "wrong_stun_data")
)  # fmt: skip
"""Faults that no honest node of this version has: who has one is banned."""

NAMES: tuple[str, ...] = get_args(FaultName)


class PeerFault(Exception):
    """Something that the other side did, or that ends a link with it.

    :ivar name: What programs compare. :ivar message: One sentence for the log.
    """

    def __init__(self, name: FaultName, message: str) -> None:
        super().__init__(name, message)
        self.name = name
        self.message = message

    @property
    def is_lie(self) -> bool:
        """Whether the peer is to be banned for it."""
        return self.name in LIES

    def __str__(self) -> str:
        return f"{self.name}: {self.message}"
