"""How much a session checks of what nodes answer. Pure."""

from __future__ import annotations

import attrs


@attrs.frozen
class Policy:
    """What ``verify`` says.

    :ivar certifies: Whether the block that an answer holds at must be final. :ivar proves: Whether answers are proven
        where a proof is offered. :ivar quorum: How many nodes must give the same answer.
    """

    certifies: bool
    proves: bool
    quorum: int = 1

    @classmethod
    def parse(cls, verify: str) -> Policy:
        """From ``proof``, ``certificate``, ``quorum:K`` or ``none``.

        :raises ValueError: It is none of these.
        """
        if verify in ("proof", "certificate", "none"):
            return cls(certifies=verify != "none", proves=verify == "proof")
        name, _, number = verify.partition(":")
        if name == "quorum" and number.isdecimal() and 2 <= int(number) <= 64:
            return cls(certifies=True, proves=True, quorum=int(number))
        raise ValueError(f"verify={verify!r}: give 'proof', 'certificate', 'quorum:K' with a K of 2 to 64, or 'none'.")
