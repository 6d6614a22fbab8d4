"""Messages about final blocks, their operations, those that wait for a block, and the ends of epochs."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from cloudnode.formats.genesis import BOUNDS
from cloudnode.peers.messages.fields import (
    BLOCKS_MAX,
    BODIES_MAX,
    EPOCHS_MAX,
    OFFERED_MAX,
    SPANS_MAX,
    Bytes32,
    Bytes64,
    FinalityBytes,
    Header,
    Ids,
    Message,
    RequestId,
    Unsigned,
    Validators,
)


class GetBlocks(Message, frozen=True, tag=10):
    """Asks for final blocks from a height on."""

    request: RequestId
    first: Unsigned
    count: Annotated[int, Meta(ge=1, le=BLOCKS_MAX)]


class SentBlock(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A final block without its operations' bodies."""

    header: Header
    finality: FinalityBytes
    ids: Ids
    validators: Validators


class Blocks(Message, frozen=True, tag=11):
    """Blocks one after the other, from the height that was asked for; none if there is none of it."""

    request: RequestId
    blocks: Annotated[tuple[SentBlock, ...], Meta(max_length=BLOCKS_MAX)]


class Span(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Some operations of a block, from an index on."""

    height: Unsigned
    first: Annotated[int, Meta(ge=0, lt=1 << 20)]
    count: Annotated[int, Meta(ge=1, le=1 << 20)]


class GetOperations(Message, frozen=True, tag=12):
    """Asks for operations of final blocks."""

    request: RequestId
    spans: Annotated[tuple[Span, ...], Meta(min_length=1, max_length=SPANS_MAX)]


class SentOperation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An operation's exact body and its signature."""

    body: Annotated[bytes, Meta(max_length=BOUNDS["max_operation_bytes"][1])]
    signature: Bytes64


class Operations(Message, frozen=True, tag=13):
    """The operations that were asked for in order, as many as fit, from the first one on; none if it has them not."""

    request: RequestId
    operations: tuple[SentOperation, ...]


class NewBlock(Message, frozen=True, tag=14):
    """Tells of a final block that the sender has executed, bodies and all."""

    block: SentBlock


class Offer(Message, frozen=True, tag=15):
    """Tells ids of operations that wait for a block."""

    ids: Annotated[bytes, Meta(max_length=OFFERED_MAX * 32)]


class Want(Message, frozen=True, tag=16):
    """Asks for bodies of operations that were offered."""

    ids: Annotated[bytes, Meta(max_length=BODIES_MAX * 32)]


class Bodies(Message, frozen=True, tag=17):
    """Operations that were wanted, those which still wait for a block."""

    operations: Annotated[tuple[SentOperation, ...], Meta(max_length=BODIES_MAX)]


class Have(Message, frozen=True, tag=18):
    """Tells of a final block that the receiver is known to have that the sender has executed it as well."""

    height: Unsigned
    hash: Bytes32


class GetEpochs(Message, frozen=True, tag=28):
    """Asks how epochs ended, from one on."""

    request: RequestId
    first: Unsigned


class SentEpochEnd(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The last block of an epoch, with the validators that it appoints."""

    header: Header
    finality: FinalityBytes
    validators: Validators


class Epochs(Message, frozen=True, tag=29):
    """The ends of epochs one after the other, as many as fit; none if the sender knows of no end of the first one."""

    request: RequestId
    ends: Annotated[tuple[SentEpochEnd, ...], Meta(max_length=EPOCHS_MAX)]


class Holds(Message, frozen=True, tag=31):
    """Tells the height of the oldest block that the sender has; it is asked for none below."""

    blocks_from: Unsigned
