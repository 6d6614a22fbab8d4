"""What the core asks of the node that runs it.

The node performs effects strictly in the order in which they came, over all calls. A :class:`Persist` is performed
when it is on disk (fsync), and nothing behind it may happen before; several may share one sync. That alone makes a
vote that left the node one that it remembers.
"""

from __future__ import annotations

from collections.abc import Hashable

import msgspec

from cloudnode.consensus.messages import Block, Evidence, Message
from cloudnode.formats.block import Certificate, Vote
from cloudnode.formats.errors import LedgerError

Peer = Hashable
"""Whatever the node calls a linked peer by; the core only compares it."""


class Entry(msgspec.Struct, frozen=True):
    """A journal entry: one of the own votes with what must survive beside it.

    :ivar block: The block that a notarize vote is for: a quorum must still have it after any crash.
    :ivar certificate: The notarize certificate that a finalize vote rests on. Who voted to finalize can't skip any
        more, so if all copies of it could be lost the view might never be cleared.
    """

    vote: Vote
    block: Block | None = None
    certificate: Certificate | None = None


class Send(msgspec.Struct, frozen=True):
    """Send the message to these peers. Loss, delay and reordering are survived; order is not needed."""

    peers: tuple[Peer, ...]
    message: Message


class Persist(msgspec.Struct, frozen=True):
    """Append to the journal and sync it before performing what follows."""

    entry: Entry


class Prune(msgspec.Struct, frozen=True):
    """Journal entries of earlier epochs, and of this epoch up to this view, are needed no longer."""

    epoch: int
    view: int


class Finalized(msgspec.Struct, frozen=True):
    """These blocks are final: execute them and keep them with the certificate.

    :ivar blocks: In ascending order, the first one following the last final one.
    :ivar certificate: It finalizes the last of ``blocks`` and ``discarded``, by which all others are ancestors.
    :ivar discarded: Empty blocks after the one that ended the epoch. They are not part of the ledger, but lead from
        the certificate to the block that is, so they are kept beside it.
    """

    blocks: tuple[Block, ...]
    certificate: Certificate
    discarded: tuple[Block, ...] = ()


class EpochOpened(msgspec.Struct, frozen=True):
    """From here on these validators decide; ``height`` is that of the block that the epoch begins on."""

    epoch: int
    validators: tuple[bytes, ...]
    height: int


class Certified(msgspec.Struct, frozen=True):
    """A certificate was formed or first learnt."""

    certificate: Certificate


class Accused(msgspec.Struct, frozen=True):
    """A validator (by its key) has contradicted itself: keep the evidence and show it."""

    key: bytes
    evidence: Evidence


class Refused(msgspec.Struct, frozen=True):
    """What the peer sent is wrong in a way that no correct node's message is."""

    peer: Peer
    error: LedgerError


class Behind(msgspec.Struct, frozen=True):
    """Final blocks are too far ahead to fetch one by one: replay or state sync, then a new core from the store.

    :ivar certificate: Of the newest final block known. :ivar height: Its height.
    """

    certificate: Certificate
    height: int


class Diverged(msgspec.Struct, frozen=True):
    """A final header names another state root than this node's own: this node's database is wrong at ``height``."""

    height: int
    theirs: bytes


class Forked(msgspec.Struct, frozen=True):
    """Two certificates exclude each other: more validators lie than can be tolerated. The core votes no more."""

    first: Certificate
    second: Certificate


Effect = (
    Send | Persist | Prune | Finalized | EpochOpened | Certified | Accused | Refused | Behind | Diverged | Forked
)
