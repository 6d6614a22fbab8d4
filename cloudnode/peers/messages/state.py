"""Messages by which the state at a height is fetched and compared."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from cloudnode.peers.messages.fields import SLOTS_MAX, Message, RequestId, Unsigned

SlotName = Annotated[str, Meta(pattern="^[0-4][0-9a-f]{0,128}$")]
"""The digit of a table of the state, and a slot of its trie (:mod:`cloudnode.ledger.chunks`)."""
Slots = Annotated[tuple[SlotName, ...], Meta(max_length=SLOTS_MAX)]
Node = Annotated[bytes, Meta(max_length=1024)]


class GetNodes(Message, frozen=True, tag=21):
    """Asks for inner nodes of the state at a height, and for the preimage of its root."""

    request: RequestId
    height: Unsigned
    slots: Slots


class Nodes(Message, frozen=True, tag=22):
    """The preimage of the state root, and for each slot its inner node, empty where there is none.

    An empty preimage, then without nodes, says that the sender can't tell that state (any more).
    """

    request: RequestId
    state: Annotated[bytes, Meta(max_length=512)]
    nodes: Annotated[tuple[Node, ...], Meta(max_length=SLOTS_MAX)]


class GetState(Message, frozen=True, tag=23):
    """Asks for all rows under some slots of the state at a height."""

    request: RequestId
    height: Unsigned
    slots: Annotated[Slots, Meta(min_length=1)]


class State(Message, frozen=True, tag=24):
    """The rows under the slots in order, as many slots as fit, from the first one on (:mod:`cloudnode.ledger.chunks`).

    Nil stands for a slot with more rows or bytes than an answer takes. No chunk at all says that the sender can't tell
    that state (any more).
    """

    request: RequestId
    chunks: Annotated[tuple[bytes | None, ...], Meta(max_length=SLOTS_MAX)]
