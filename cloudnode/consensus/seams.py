"""What the core needs of its surroundings: an application that makes and judges blocks, and a key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Protocol

import attrs

from cloudnode.consensus.messages import Block
from cloudnode.formats.block import Certificate

Verify = Callable[[bytes, bytes, bytes, bytes], bool]
"""Public key, purpose tag, message, signature; :func:`cloudnode.formats.keys.verify` in production."""


class Signer(Protocol):
    """A validator's key; :class:`cloudnode.formats.keys.SigningKey` in production."""

    @property
    def public(self) -> bytes:
        """The key that others know."""

    def sign(self, purpose: bytes, message: bytes) -> bytes:
        """The 64-byte signature over ``purpose + message``."""


class Verdict(Enum):
    """What the application says of a proposed block."""

    VALID = "valid"
    """Every operation may stand in it, the signatures and the validators that it names are those of its operations, and
    all bodies are held, checked and durable."""
    INVALID = "invalid"
    WAITING = "waiting"
    """Not known yet (a body is missing or not yet on disk, the time is too far ahead): it tells later."""


@attrs.frozen
class Draft:
    """What a leader puts in its block.

    :ivar ids: Operation ids in order. :ivar time: The wall clock, milliseconds since 1970.
    :ivar signatures_hash: Of the operations' signatures (:func:`cloudnode.formats.block.signatures_hash`).
    :ivar validators: Whom the block's one operation appoints; empty if it holds no such operation.
    """

    ids: tuple[bytes, ...]
    time: int
    signatures_hash: bytes
    validators: tuple[bytes, ...] = ()


class Application(Protocol):
    """The ledger as consensus sees it. Calls return at once; what takes time is told by an event later.

    ``ancestors`` are the blocks after the last executed one up to the parent, final or not, in ascending order: their
    operations are taken already. ``epoch`` is the number of the epoch that the block will stand in.
    """

    def draft(self, height: int, epoch: int, ancestors: Sequence[Block], empty: bool) -> Draft:
        """What to put in the block of this height; no ids if ``empty`` is asked for."""

    def has_work(self, epoch: int, ancestors: Sequence[Block]) -> bool:
        """Whether operations wait that are in none of the ancestors."""

    def check(self, block: Block, ancestors: Sequence[Block]) -> Verdict:
        """Judge a proposed block's operations, signatures, validators and time. Asked once a block; on ``WAITING`` the
        node answers later with :meth:`~cloudnode.consensus.simplex.Simplex.block_checked`."""

    def root(self, height: int) -> bytes | None:
        """The state root after the final block of this height; None while it isn't executed, or no more known."""

    def find_block(self, block_hash: bytes) -> Block | None:
        """A final block, or one discarded at the end of an epoch, to serve it to a peer that lacks it."""

    def epoch_end(self, epoch: int) -> Certificate | None:
        """The certificate by which the last block of a past epoch became final; it may be for a discarded descendant.
        Kept for ever: it is how a peer that was away learns that the epoch is over."""


@attrs.frozen
class Tip:
    """A block as its children need it; at the beginning of a network there is no header, only this.

    :ivar view: In its epoch; -1 for the block that the present epoch begins on.
    :ivar operations_height: The highest height up to this one of a block with operations.
    """

    hash: bytes
    height: int
    view: int
    time: int
    root_height: int
    root: bytes
    operations_height: int


@attrs.frozen
class Start:
    """From where the core goes on.

    :ivar validators: Of this epoch. :ivar final: The last block that is durably final and executed.
    :ivar certificate: The newest finalize certificate of the epoch that is kept, for that block or a later one.
    :ivar floor: Epoch and view up to which this validator may have voted without knowing how: it does not vote there.
    """

    epoch: int
    validators: tuple[bytes, ...]
    final: Tip
    certificate: Certificate | None = None
    floor: tuple[int, int] = (0, -1)


@attrs.frozen
class Settings:
    """Times in seconds.

    :ivar pace: Least time between blocks. :ivar heartbeat: An idle network makes a block this often.
    :ivar delta_least: Bounds of the estimate of one message's delay. :ivar delta_first: Before the first measurement.
    :ivar alpha: Each view without a final block makes the next time-outs longer by this factor ...
    :ivar timeout_most: ... up to this much.
    :ivar standstill: So long without progress until certificates and own votes are sent again, and again.
    :ivar standstill_bytes: Most bytes a second of such repetition, all peers together.
    :ivar views_ahead: So far ahead of its own view a node remembers votes and certificates.
    :ivar fetch_most: More final blocks than this are not fetched but left to the node's replay.
    """

    pace: float
    heartbeat: float
    delta_least: float = 0.005
    delta_first: float = 0.25
    delta_most: float = 5.0
    alpha: float = 1.25
    timeout_most: float = 15.0
    standstill: float = 1.0
    standstill_bytes: int = 65_536
    views_ahead: int = 64
    fetch_most: int = 512
