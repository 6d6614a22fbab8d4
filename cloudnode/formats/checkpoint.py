"""A block that an operator knows to be in the chain, from a source that he trusts more than any peer.

Who joins late and is shown two histories, both signed (old validators' keys may be stolen years later), can't tell
which one everybody else follows. A height with its hash, compared out of band, decides.
"""

from __future__ import annotations

import re

import attrs


class CheckpointInvalid(ValueError):
    """A text that is no checkpoint; the message says what one looks like."""


class CheckpointMissed(Exception):
    """A chain that has another block at the checkpoint's height; the text is one line for the operator."""


@attrs.frozen
class Checkpoint:
    """A block that must be in the chain.

    :ivar height: At least 1. :ivar hash: The block's.
    """

    height: int
    hash: bytes

    def check(self, height: int, block_hash: bytes) -> None:
        """See that a block of the chain does not contradict.

        :raises CheckpointMissed: It is of this height and another.
        """
        if height == self.height and block_hash != self.hash:
            raise CheckpointMissed(
                f"block {height} is {block_hash.hex()}, but the checkpoint says {self.hash.hex()}: "
                "this is another history than the operator's, and it is not followed"
            )

    def __str__(self) -> str:
        return f"{self.height}:{self.hash.hex()}"


def parse_checkpoint(text: str) -> Checkpoint:
    """Read ``HEIGHT:HASH``, as ``getblock`` and ``cloudnode status`` tell them.

    :raises CheckpointInvalid: It is none.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,14}):([0-9a-f]{64})", text)
    if found is None:
        raise CheckpointInvalid(f"{text!r} is not HEIGHT:HASH, a block's height and its hash in 64 hex digits")
    return Checkpoint(int(found[1]), bytes.fromhex(found[2]))
