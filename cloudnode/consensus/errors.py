"""What a peer's consensus message can do wrong, by name.

The codes of :mod:`cloudnode.formats.errors` for headers, votes and certificates are used as they are; these are those
that only consensus knows.
"""

from __future__ import annotations

from cloudnode.formats.errors import LedgerError

CODES: dict[str, str] = {
    "message_malformed": "The message's bytes are not of the documented layout.",
    "message_unknown": "The message is of an unknown type.",
    "message_too_large": "The message lists more operations, blocks or certificates than it may.",
    "proposal_network": "The proposal belongs to another network.",
    "proposal_leader": "The proposal is not by the leader of its view.",
    "proposal_parent": "The certificate in the proposal is not one that notarizes the parent.",
    "proposal_gap": "The proposal carries a certificate that is not a skip between its parent and itself.",
    "vote_validator": "The vote names a validator that does not exist.",
    "vote_signature": "The signature of the vote is not that of the validator it names.",
    "evidence_votes": "The two votes do not contradict each other, or one of them is not signed.",
    "journal_damaged": "The journal of votes is damaged before its end: voting on could contradict a lost vote.",
    "journal_other": "The journal of votes belongs to another network or validator.",
}
"""Code to the sentence that goes with it."""


class ConsensusError(LedgerError):
    """A consensus message, or a journal, that is wrong.

    :ivar code: A name from :data:`CODES`.
    """

    def __init__(self, code: str, message: str | None = None) -> None:
        super().__init__(code, CODES[code] if message is None else message)
