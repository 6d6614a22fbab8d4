"""What to say again at a standstill, and how much of it at once."""

from __future__ import annotations

from collections.abc import Sequence

from cloudnode.consensus.messages import Message, Proposal
from cloudnode.consensus.seams import Settings
from cloudnode.formats.block import Certificate


class Repetition:
    """Goes round what is unfinished, a bounded part of it at a time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._next = 0

    def choose(self, messages: Sequence[Message], peers: int) -> list[Message]:
        """The part to send now to so many peers: at least one message, and no more than the rate allows."""
        budget = self._settings.standstill_bytes * self._settings.standstill / max(peers, 1)
        chosen: list[Message] = []
        for offset in range(len(messages)):
            message = messages[(self._next + offset) % len(messages)]
            budget -= size_of(message)
            if budget < 0 and chosen:
                break
            chosen.append(message)
        self._next = (self._next + len(chosen)) % max(len(messages), 1)
        return chosen


def size_of(message: Message) -> int:
    """About how many bytes a message has, without encoding it."""
    if isinstance(message, Certificate):
        return 51 + 66 * len(message.signatures)
    if isinstance(message, Proposal):
        certificates = [*message.skips, *([message.parent] if message.parent else [])]
        return 70 + message.block.size + sum(map(size_of, certificates))
    return 116
