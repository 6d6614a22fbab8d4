"""Blocks of the log with all that is in them, proven, and what subscribers are told of them.

Theory of operation. A final header names its block's operations by their hash, so whoever has the bodies can tell that
they are all of them, none altered and none left out. What became of each operation is in the state: its row in the
window table says where it stands and with which result, and stays there until the operation expires. So a page of a
block comes with a proof of its operations' rows under the newest root that can be proven. From both follows what a
node has to tell its subscribers, which therefore need not be asked at all.

States are kept for :data:`STATES_KEPT` heights. Of older blocks the operations are proven still, and their results are
a node's word.

What was proven of a block follows from its hash, whoever brought it: so all sessions of a process share such blocks.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Coroutine
from hashlib import sha256
from typing import Annotated, Any

import attrs
import msgspec
from msgspec import Meta, Struct
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.defer import TimeoutError as DeferTimeoutError

from cloudnode.client.client import Client
from cloudnode.client.cloud.checking import Checker
from cloudnode.client.cloud.shared import Shared
from cloudnode.client.errors import ClientError, RemoteError
from cloudnode.formats.block import Header, operations_hash, signatures_hash
from cloudnode.formats.errors import RESULTS, LedgerError
from cloudnode.formats.nodes import WindowValue
from cloudnode.formats.verify import ProvenState
from cloudnode.ledger.items import Item, Topic, block_item, operation_item
from cloudnode.ledger.reading import Cursor, LoggedOperation

STATES_KEPT = 1000
"""The heights for which nodes keep the state."""

PAGE = 200
"""Operations asked for at once; a node that gives less says how many."""

BYTES_KEPT = 32 * 1024 * 1024
"""Of the blocks that all sessions of a process share, about."""

PATIENCE = 3.0
"""Seconds that a session waits for another one to bring a block, before it fetches the block itself."""

_OVERHEAD = 700
"""Bytes that an operation takes in memory besides its body, twice (it is in its item as well), about."""

_NUMBERS = {result.code: result.number for result in RESULTS}
_UNPROVABLE = frozenset({"not_provable", "height_pruned"})


class _Told(Struct, frozen=True, gc=False):
    index: int
    id: str
    operation: str
    signature: str
    result: str


class _Page(Struct, frozen=True, gc=False):
    operations: list[_Told]


class _Expiry(Struct, gc=False):
    expiry: Annotated[int, Meta(ge=0, le=2**63 - 1)]


_read_expiry = msgspec.json.Decoder(_Expiry).decode


@attrs.define(eq=False)
class LogBlock:
    """A final block, whose operations are proven to be these.

    :ivar header: Verified. :ivar operations: All of them, in order.
    :ivar unproven: The indexes of those whose result is only a node's word.
    """

    header: Header
    operations: tuple[LoggedOperation, ...]
    unproven: frozenset[int] = frozenset()
    _items: dict[Topic, list[Item]] = attrs.field(factory=dict, init=False)

    @property
    def size(self) -> int:
        """Bytes in memory, about."""
        return sum(2 * len(each.body) + _OVERHEAD for each in self.operations)

    def items(self, topic: Topic) -> list[Item]:
        """What subscribers of a topic are told of it, in order."""
        items = self._items.get(topic)
        if items is None:
            if topic == "blocks":
                items = [block_item(self.header)]
            else:
                items = [item for each in self.operations if (item := operation_item(topic, each)) is not None]
            self._items[topic] = items
        return items


class BlockStore:
    """Blocks by their hashes, of which the longest unused are forgotten; those alone that are proven in full."""

    def __init__(self, bytes_kept: int = BYTES_KEPT) -> None:
        self._bytes_kept = bytes_kept
        self._size = 0
        self._kept: OrderedDict[bytes, LogBlock] = OrderedDict()
        self._coming: dict[bytes, Shared[LogBlock]] = {}

    async def get(
        self, hashed: bytes, fetch: Callable[[], Coroutine[Deferred[Any], Any, LogBlock]], clock: Any
    ) -> LogBlock:
        """A block.

        :param fetch: Brings it. It is asked unless the block is here, or another session brings it in time.
        :raises ClientError: What ``fetch`` raises.
        """
        kept = self._kept.get(hashed)
        if kept is None and (coming := self._coming.get(hashed)) is not None:
            try:
                kept = await coming.wait().addTimeout(PATIENCE, clock)
            except (ClientError, DeferTimeoutError):
                kept = None  # another session's nodes are not this one's
            except CancelledError:
                if not coming.is_done:
                    raise  # it is this session that gives up
            if kept is not None and kept.unproven:
                kept = None
        if kept is not None:
            if hashed in self._kept:
                self._kept.move_to_end(hashed)
            return kept
        fetching = Shared(fetch())
        self._coming.setdefault(hashed, fetching)
        try:
            block = await fetching.wait()
        except CancelledError:
            fetching.cancel()
            raise
        finally:
            if self._coming.get(hashed) is fetching:
                del self._coming[hashed]
        if not block.unproven:
            self._keep(hashed, block)
        return block

    def clear(self) -> None:
        """Forget all that is kept."""
        self._kept.clear()
        self._size = 0

    def _keep(self, hashed: bytes, block: LogBlock) -> None:
        if hashed in self._kept or block.size > self._bytes_kept:
            return
        self._kept[hashed] = block
        self._size += block.size
        while self._size > self._bytes_kept:
            _, forgotten = self._kept.popitem(last=False)
            self._size -= forgotten.size


STORE = BlockStore()
"""That of the process. It is used in the reactor's thread alone, as all of a session is."""


async def fetch_block(checker: Checker, client: Client, header: Header) -> LogBlock:
    """Have a node bring all operations of a block, and prove their results as far as there is a state that knows them.

    :param header: The block's, verified.
    :raises LedgerError: What it brought is not so. :raises ClientError: It did not bring all.
    """
    fetching = _Fetching(checker, client, header)
    await fetching.run()
    return LogBlock(header, tuple(fetching.operations), frozenset(fetching.unproven))


class _Fetching:
    """One block from one node."""

    def __init__(self, checker: Checker, client: Client, header: Header) -> None:
        self.operations: list[LoggedOperation] = []
        self.unproven: dict[int, int] = {}
        self._checker = checker
        self._client = client
        self._header = header
        self._limit = PAGE
        self._bytes_left = checker.genesis.parameters.max_block_bytes

    async def run(self) -> None:
        header, height = self._header, self._header.height
        is_remembered = height + self._checker.genesis.parameters.window >= self._checker.newest
        context = {"min_height": height} | ({"proof": True} if is_remembered else {})
        while len(self.operations) < header.operations_count:
            page, state = await self._page(len(self.operations), context)
            for told in page:
                self._take(told, state)
        if (
            operations_hash(each.id for each in self.operations) != header.operations_hash
            or signatures_hash(each.signature for each in self.operations) != header.signatures_hash
        ):
            raise LedgerError("block_operations")
        if self.unproven and self._checker.newest - height < STATES_KEPT:
            await self._prove_there()

    async def _page(self, first: int, context: dict[str, Any]) -> tuple[list[_Told], ProvenState | None]:
        params = {"height": self._header.height, "limit": self._limit}
        if first:
            params["after"] = first - 1
        try:
            answer = await self._client.call("getblock", params, context)
        except RemoteError as error:
            longest = error.data.get("longest")
            if error.name != "page_too_long" or not isinstance(longest, int) or not 0 < longest < self._limit:
                raise
            self._limit = longest
            return await self._page(first, context)
        told = answer.decode(_Page).operations
        left = self._header.operations_count - first
        if not 0 < len(told) <= left or any(each.index != first + at for at, each in enumerate(told)):
            raise LedgerError("block_operations", "The page's operations are not those that follow.")
        state = await self._checker.prove(self._client, bytes(answer.raw_context)) if "proof" in context else None
        return told, state

    def _take(self, told: _Told, state: ProvenState | None) -> None:
        body = told.operation.encode()
        self._bytes_left -= len(body)
        if self._bytes_left < 0:
            raise LedgerError("block_operations", "The block has more bytes than the genesis allows.")
        operation_id = sha256(body).digest()
        try:
            expiry = _read_expiry(body).expiry
            signature = bytes.fromhex(told.signature)
            result = _NUMBERS[told.result]
        except (msgspec.DecodeError, ValueError, KeyError):
            raise LedgerError("block_operations", "An operation is not of the documented form.") from None
        if told.id != operation_id.hex():
            raise LedgerError("block_operations", "An operation has another id than the node tells.")
        if state is None or expiry < state.height:
            self.unproven[told.index] = expiry
        else:
            self._compare(state, operation_id, expiry, told.index, result)
        self.operations.append(
            LoggedOperation(Cursor(self._header.height, told.index), operation_id, body, signature, result)
        )

    def _compare(self, state: ProvenState, operation_id: bytes, expiry: int, index: int, result: int) -> None:
        if state.operation(operation_id, expiry) != WindowValue(self._header.height, index, result):
            raise LedgerError("proof_row_wrong", "The operation's place or result is another.")

    async def _prove_there(self) -> None:
        """Prove what expired since in the state right after the block, if that has a proof and the node has it."""
        waiting = sorted(self.unproven)
        while waiting:
            try:
                page, state = await self._page(waiting[0], {"proof": True, "at": self._header.height})
            except RemoteError as error:
                if error.name not in _UNPROVABLE:
                    raise
                return
            assert state is not None
            for told in page:
                expiry = self.unproven.pop(told.index, None)
                if expiry is not None:
                    logged = self.operations[told.index]
                    if state.height != self._header.height:
                        raise LedgerError("proof_height")
                    self._compare(state, logged.id, expiry, told.index, logged.result)
            waiting = sorted(self.unproven)
