"""What can be read from the ledger, at its head or at any recent height."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, Protocol

import attrs
import msgspec

ListOrder = Literal["newest", "best"]


class Cursor(msgspec.Struct, frozen=True, order=True):
    """A place in the log, the same on every node.

    :ivar height: Of the block. :ivar index: Of the operation in it, from 0.
    """

    height: int
    index: int


class Record(msgspec.Struct, frozen=True):
    """A record's row at some height.

    :ivar account: 32 bytes. :ivar data: The exact JSON bytes, empty for a tombstone.
    :ivar ref: The address of another record, or None.
    :ivar version: 1 for the first put, one more with each change (a delete is a change).
    :ivar deleted: Whether this is a tombstone.
    :ivar created: Where the first version came from. :ivar updated: Where this version came from.
    :ivar time: Creation time that the author wrote into the last operation, in ms. Data, not a fact.
    :ivar ratings_sum: Sum of the stars given at that height. :ivar ratings_count: Their number.
    """

    account: bytes
    collection: str
    key: str
    data: bytes
    ref: str | None
    version: int
    deleted: bool
    created: Cursor
    updated: Cursor
    time: int
    ratings_sum: int
    ratings_count: int

    @property
    def address(self) -> str:
        """``account/collection/key``."""
        return f"{self.account.hex()}/{self.collection}/{self.key}"


class Rating(msgspec.Struct, frozen=True):
    """One account's rating of one record: ``stars`` 1 to 5, and where it came from."""

    record: str
    account: bytes
    stars: int
    given: Cursor


class Account(msgspec.Struct, frozen=True):
    """An account that has had at least one operation accepted, or was invited.

    :ivar first: The operation that made it known. :ivar inviter: 32 bytes, or None.
    :ivar records: Live records. :ivar ratings_given: Ratings in force.
    :ivar ratings_sum: Sum of the stars given.
    """

    account: bytes
    first: Cursor
    inviter: bytes | None
    records: int
    ratings_given: int
    ratings_sum: int


class DataHash(msgspec.Struct, frozen=True):
    """The state at one height in one value; ``root`` binds all the others."""

    height: int
    root: bytes
    ratings_sum: int
    ratings_count: int
    records: int
    accounts: int


class Block(msgspec.Struct, frozen=True):
    """A final block. ``header`` and ``finality`` are their exact bytes (docs/protocol.md).

    :ivar finality: One of the proofs that it is final; other nodes may hold another.
    :ivar validators: Whom it appoints, if it ends its epoch.
    """

    height: int
    hash: bytes
    header: bytes
    finality: bytes
    operation_ids: tuple[bytes, ...]
    validators: tuple[bytes, ...] = ()


class LoggedOperation(msgspec.Struct, frozen=True):
    """An operation in the log with its result (0 is accepted; see :mod:`cloudnode.formats.errors`)."""

    cursor: Cursor
    id: bytes
    body: bytes
    signature: bytes
    result: int


class Outcome(msgspec.Struct, frozen=True):
    """What became of an operation: where it stands in the log and its result (0 is accepted)."""

    id: bytes
    cursor: Cursor
    result: int


class Accepted(msgspec.Struct, frozen=True):
    """An operation that this node holds and will relay: a promise, no more.

    ``outcome`` is set when the operation was final already.
    """

    id: bytes
    height_seen: int
    expiry: int
    outcome: Outcome | None = None


class Proof(msgspec.Struct, frozen=True):
    """The nodes from a state root down to rows, each as its exact bytes, in any order (docs/protocol.md).

    A verifier starts from the root and finds each next node by its SHA-256.
    """

    root: bytes
    nodes: tuple[bytes, ...]


@attrs.frozen
class Head:
    """The newest block whose operations are executed and durable."""

    height: int
    hash: bytes
    time: int
    root: bytes


@attrs.frozen
class FinalBlock:
    """A block just committed, with its operations and their effects in log order.

    :ivar root: The state root after it; None if it was executed together with later ones.
    """

    block: Block
    root: bytes | None
    operations: tuple[LoggedOperation, ...]


@attrs.frozen
class AuditState:
    """What this node knows of its own database.

    :ivar state: ``never`` (not yet run), ``running``, ``ok`` or ``corrupt``.
    :ivar height: The height that the last complete audit held for, or None.
    :ivar finished: When it ended, unix seconds, or None.
    :ivar rows: Rows checked by the last complete audit. :ivar progress: 0 to 1 of the present one.
    :ivar findings: One sentence each for what was found wrong; not empty exactly when corrupt.
    """

    state: Literal["never", "running", "ok", "corrupt"] = "never"
    height: int | None = None
    finished: float | None = None
    rows: int = 0
    progress: float = 0.0
    findings: tuple[str, ...] = ()


Place = tuple[int, str]
"""A place in the state: a table's number, and a prefix of its keys as hex digits."""


@attrs.frozen
class Spots:
    """All that is known to be damaged, where the rest was found sound a while ago.

    :ivar heights: Blocks of the log. :ivar places: Parts of the state, with what follows from their rows.
    :ivar indexes: Names of indexes.
    """

    heights: tuple[int, ...] = ()
    places: tuple[Place, ...] = ()
    indexes: tuple[str, ...] = ()


@attrs.frozen
class Damage:
    """What there is to repair.

    :ivar heights: Blocks of the log that are damaged. :ivar is_torn: Whether SQLite's pages or indexes are.
    :ivar is_log_only: Whether the same audit found the state, and what follows from it, sound.
    :ivar spots: Where to begin; None if all of the database has to be compared.
    """

    heights: tuple[int, ...] = ()
    is_torn: bool = False
    is_log_only: bool = False
    spots: Spots | None = None


@attrs.frozen
class RepairState:
    """What this node does about damage.

    :ivar doing: What it does now, in a few words, or None. :ivar progress: 0 to 1 of that.
    :ivar trouble: Why it does not succeed, and what to do; or None. :ivar repairs: How many succeeded since the start.
    :ivar last: What the last one did, or None. :ivar finished: When, unix seconds, or None.
    """

    doing: str | None = None
    progress: float = 0.0
    trouble: str | None = None
    repairs: int = 0
    last: str | None = None
    finished: float | None = None


class Reading(Protocol):
    """The ledger at one height. Every method raises ``LedgerError`` only as it says; none waits.

    Pages are at most ``limit`` items; an empty page is the end. All orders are the same on every node.
    """

    @property
    def height(self) -> int:
        """The height that all answers hold at."""

    def get_record(self, account: bytes, collection: str, key: str) -> Record | None:
        """A record or its tombstone; None if there never was one."""

    def list_records(
        self,
        *,
        account: bytes | None = None,
        collection: str | None = None,
        ref: str | None = None,
        order: ListOrder = "newest",
        after: tuple[int, ...] | None = None,
        limit: int = 50,
    ) -> list[Record]:
        """Live records that match all of the filters given.

        ``newest`` goes by ``updated``, ``best`` by :func:`cloudnode.ledger.ranking.rank`, both descending, then by
        ``updated``. ``after`` is the :meth:`page_key` of the last record of the page before.
        """

    def page_key(self, record: Record, order: ListOrder) -> tuple[int, ...]:
        """Where a page that ended with ``record`` goes on: ``(height, index)`` or ``(rank, height, index)``."""

    def ratings_of_record(self, address: str, after: bytes | None = None, limit: int = 50) -> list[Rating]:
        """Ratings of one record in the order of SHA-256(account); ``after`` is the last one's account."""

    def ratings_by_account(self, account: bytes, after: Cursor | None = None, limit: int = 50) -> list[Rating]:
        """Ratings that one account gave, newest first; ``after`` is the last one's ``given``."""

    def get_rating(self, address: str, account: bytes) -> Rating | None:
        """One account's rating of one record."""

    def get_account(self, account: bytes) -> Account | None:
        """An account, or None if it is unknown."""

    def search(
        self, text: str, *, collection: str | None = None, after: Cursor | None = None, limit: int = 50
    ) -> list[Record]:
        """Live records whose data holds all the words of ``text`` (the last one as a prefix), newest first."""

    def data_hash(self) -> DataHash:
        """The root and the sums."""

    def block(self, height: int) -> Block | None:
        """A final block at or below this height; None if there is none or it is pruned."""

    @property
    def lowest_block(self) -> int:
        """The height of the oldest block that is here; if there is none, that of the first one to come."""

    def operations(self, height: int, first: int = 0, count: int = -1) -> list[LoggedOperation]:
        """The operations of one block, in order.

        :param first: The index of the first one wanted. :param count: The most that are wanted; -1 for all.
        """

    def record_changes(self, after: Cursor, limit: int) -> list[LoggedOperation]:
        """Accepted operations after a place in the log, up to this height, in log order."""

    def prove_record(self, account: bytes, collection: str, key: str) -> Proof:
        """That a record stands as it does, or was never there."""

    def prove_records(self, addresses: Iterable[str]) -> Proof:
        """Of each record at an address that it stands as it does, and its ratings' sum and count."""

    def prove_ratings(self, address: str) -> Proof:
        """A record's ratings sum and count, and the rows where they fit into one page."""

    def prove_rating(self, address: str, account: bytes) -> Proof:
        """One rating, or its absence."""

    def prove_account(self, account: bytes) -> Proof:
        """An account's row, or its absence."""

    def prove_operations(self, operations: Iterable[tuple[bytes, int]]) -> Proof:
        """Of each operation, by id and expiry, its result, or that it was not in any block up to this height.

        Of one that expired below this height it shows nothing.
        """

    def prove_data_hash(self) -> Proof:
        """The preimage of the state root, which holds the sums."""
