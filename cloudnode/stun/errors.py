"""Every named error of STUN, in one table."""

from __future__ import annotations

from typing import Literal, get_args

StunErrorName = Literal[
    "not_stun", "cut", "wrong_length", "attribute_cut", "attribute_length", "attribute_value", "after_fingerprint",
    "wrong_fingerprint", "too_long", "unknown_required", "no_address", "refused", "wrong_integrity", "timed_out",
    "disconnected",
]  # fmt: skip

SENTENCES: dict[StunErrorName, str] = {
    "not_stun": "The bytes do not begin as a STUN message does.",
    "cut": "The message is shorter than its header says, or than a header.",
    "wrong_length": "The header's length is not that of the message, or no multiple of four.",
    "attribute_cut": "An attribute reaches beyond the message.",
    "attribute_length": "An attribute has a length that its type does not allow.",
    "attribute_value": "An attribute's value can't be read.",
    "after_fingerprint": "Something comes after FINGERPRINT, which has to be the last attribute.",
    "wrong_fingerprint": "FINGERPRINT is not that of the message.",
    "too_long": "The message is longer than is taken here.",
    "unknown_required": "The answer has an attribute that has to be understood and is not known here.",
    "no_address": "The answer tells no address.",
    "refused": "The server refused the request.",
    "wrong_integrity": "Answers came, but none with the integrity that the key gives.",
    "timed_out": "No answer came.",
    "disconnected": "The connection ended before the answer came.",
}
assert set(SENTENCES) == set(get_args(StunErrorName))


class StunError(Exception):
    """Something that the other side's bytes cause, or their absence.

    :ivar name: What programs compare.
    """

    def __init__(self, name: StunErrorName, detail: str = "") -> None:
        """:param detail: What is known beyond the name's sentence."""
        sentence = SENTENCES[name]
        super().__init__(f"{sentence[:-1]}: {detail}" if detail else sentence)
        self.name = name


class StunRefused(StunError):
    """An error response (RFC 8489, section 6.3.4).

    :ivar code: 300 to 699. :ivar reason: The server's words. :ivar unknown: The attribute types that it does not know
        (420). :ivar alternate: Where to ask instead (300), as host and port.
    """

    def __init__(
        self, code: int, reason: str, unknown: tuple[int, ...] = (), alternate: tuple[str, int] | None = None
    ) -> None:
        super().__init__("refused", f"{code} {reason}".rstrip())
        self.code = code
        self.reason = reason
        self.unknown = unknown
        self.alternate = alternate
