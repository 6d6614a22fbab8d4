"""What the messages of links are made of: the sizes of their fields, and what all messages are."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from cloudnode.formats.block import HEADER_SIZE
from cloudnode.formats.finality import DESCENDANTS_MAX
from cloudnode.formats.genesis import BOUNDS, VALIDATORS_MAX

VERSIONS = (1, 2)
"""Of the protocol, that are spoken here. Version 2 is version 1 with dial-backs by ``stun-tcp``."""

NO_NETWORK = bytes(32)
"""What a newcomer says that does not know its network yet: it may ask for the genesis and nothing else."""

Bytes32 = Annotated[bytes, Meta(min_length=32, max_length=32)]
Bytes64 = Annotated[bytes, Meta(min_length=64, max_length=64)]
Header = Annotated[bytes, Meta(min_length=HEADER_SIZE, max_length=HEADER_SIZE)]
FinalityBytes = Annotated[bytes, Meta(max_length=70_000 + DESCENDANTS_MAX * HEADER_SIZE)]
Unsigned = Annotated[int, Meta(ge=0, le=2**62)]
RequestId = Annotated[int, Meta(ge=0, lt=2**32)]
Host = Annotated[str, Meta(max_length=64)]
Port = Annotated[int, Meta(ge=1, le=65_535)]
Ids = Annotated[bytes, Meta(max_length=BOUNDS["max_block_operations"][1] * 32)]
"""Operation ids, 32 bytes each, one after the other."""
Validators = Annotated[bytes, Meta(max_length=VALIDATORS_MAX * 32)]
"""The keys of appointed validators, one after the other; empty unless the block ends its epoch."""

ADDRESSES_MAX = 100
BLOCKS_MAX = 500
SPANS_MAX = 256
OFFERED_MAX = 2_000
BODIES_MAX = 1_000
EPOCHS_MAX = 100
SLOTS_MAX = 64
STUN_RECORDS_MAX = 16
CHUNK_ROWS_MAX = 4_096
"""Rows under one slot that are sent at once; who asks for a slot with more is told to ask for the ones below it."""

ANSWER_BYTES = 1024 * 1024
"""An answer holds what comes first and fits into so many bytes, but one item at least."""


class Message(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """What all messages are."""
