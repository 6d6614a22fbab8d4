"""The deterministic executor: what a block's operations do to the state, or why they do nothing.

Pure rules. The executor reads the state before the block through a :class:`StateView` and keeps what the block
changes in an :class:`Effects`, which the store then writes in one transaction. An operation that a rule refuses
stays in the log with its result and changes nothing but the window of ids; nothing here depends on a clock, on the
order of a dictionary, or on a limit of the node.

All positions are integers of :mod:`cloudnode.ledger.positions`; stars are 1 to 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import attrs
import msgspec

from cloudnode.formats import errors
from cloudnode.formats.addresses import account_hash, format_address, record_hash
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.nodes import (
    NO_INVITER,
    encode_account_value,
    encode_rating_value,
    encode_record_value,
    encode_window_key,
    encode_window_value,
    record_digest,
)
from cloudnode.formats.operation import Appoint, Delete, Invite, Operation, Put, Rate, Withdraw
from cloudnode.ledger.positions import cursor, position
from cloudnode.ledger.system import VALIDATORS, encode_validators


class RecordRow(msgspec.Struct, frozen=True):
    """A row of the records table (see :mod:`cloudnode.store.schema`). ``data`` is empty for a tombstone."""

    position: int
    hash: bytes
    value: bytes
    live: bool
    account: bytes
    collection: str
    key: str
    ref: str | None
    version: int
    created: int
    time: int
    data: bytes


class RecordHead(msgspec.Struct, frozen=True):
    """What the rules need to know of a record: its row without digest, time and data."""

    position: int
    live: bool
    account: bytes
    collection: str
    key: str
    ref: str | None
    version: int
    created: int


class Score(msgspec.Struct):
    """A record's sums, with what lists of the best go by."""

    hash: bytes
    account: bytes
    collection: str
    ref: str | None
    live: bool
    sum: int
    count: int


class Total(msgspec.Struct):
    """What one account has in force: live records, ratings, and the sum of their stars."""

    records: int = 0
    ratings: int = 0
    stars: int = 0


class StateView(Protocol):
    """The state before the block."""

    def expect(self, records: Sequence[bytes], ratings: Sequence[bytes]) -> None:
        """Hear which records and ratings are going to be asked for, most of them at least, to find them at once."""

    def record(self, record: bytes) -> RecordHead | None:
        """A record or tombstone by SHA-256 of its address."""

    def rating(self, key: bytes) -> int | None:
        """The stars at a rating's key."""

    def score(self, created: int) -> tuple[int, int]:
        """The ratings sum and count of a record that exists."""

    def total(self, account: bytes) -> Total:
        """What the account with this SHA-256 has; zeros if it is unknown."""

    def account_known(self, account: bytes) -> bool:
        """Whether the account with this SHA-256 is in the state."""


@attrs.define
class Effects:
    """What a block, or a run of blocks, changes, by the keys of each table.

    :ivar height: Of the last block.
    :ivar records: New rows by hash. :ivar replaced_records: Positions of the rows that they replace.
    :ivar ratings: New values by key, None where a rating is withdrawn.
    :ivar replaced_ratings: Keys of ratings that were there before the block.
    :ivar scores: Scores by ``created``. :ivar totals: By SHA-256 of the account.
    :ivar accounts: New accounts' values by SHA-256. :ivar window: The rows of the blocks' ids.
    :ivar results: One for each operation. :ivar system: New contents of what governs the network, by name.
    """

    height: int
    records: dict[bytes, RecordRow] = attrs.Factory(dict)
    replaced_records: set[int] = attrs.Factory(set)
    ratings: dict[bytes, bytes | None] = attrs.Factory(dict)
    replaced_ratings: set[bytes] = attrs.Factory(set)
    scores: dict[int, Score] = attrs.Factory(dict)
    totals: dict[bytes, Total] = attrs.Factory(dict)
    accounts: dict[bytes, bytes] = attrs.Factory(dict)
    window: list[tuple[bytes, bytes]] = attrs.Factory(list)
    results: list[int] = attrs.Factory(list)
    system: dict[str, bytes] = attrs.Factory(dict)


class Executor:
    """Executes the operations of one block after the other, and of a run of blocks as of one.

    :ivar effects: What they change. :ivar heads: The records that they dealt with, as they are after them.
    """

    def __init__(self, state: StateView, genesis: Genesis, height: int) -> None:
        """:param height: Of the first block."""
        self._state = state
        self._admission = genesis.parameters.admission
        self._height = height
        self._index = 0
        self.heads: dict[bytes, RecordHead | None] = {}
        self._stars: dict[bytes, int | None] = {}
        self._known: set[bytes] = set()
        self._hashes: dict[str, bytes] = {}
        self._account_hashes: dict[bytes, bytes] = {}
        self.effects = Effects(height)

    # Each is asked for twice and more often in a block, and takes longer to hash than to find.

    def _hash_of(self, address: str) -> bytes:
        hashed = self._hashes.get(address)
        if hashed is None:
            hashed = self._hashes[address] = record_hash(address)
        return hashed

    def _hash_of_account(self, account: bytes) -> bytes:
        hashed = self._account_hashes.get(account)
        if hashed is None:
            hashed = self._account_hashes[account] = account_hash(account)
        return hashed

    def next_block(self) -> None:
        """Go on to the block that follows."""
        self._height += 1
        self._index = 0
        self.effects.height = self._height

    def expect(self, operations: Iterable[Operation]) -> None:
        """Have the state find what the next operations need."""
        records, ratings = [], []
        for operation in operations:
            match operation.action:
                case Rate(record=address) | Withdraw(record=address):
                    record = self._hash_of(address)
                    records.append(record)
                    ratings.append(record + self._hash_of_account(operation.account))
                case Put(collection=collection, key=key) | Delete(collection=collection, key=key):
                    records.append(self._hash_of(format_address(operation.account, collection, key)))
        self._state.expect(records, ratings)

    def execute(self, operation: Operation) -> int:
        """Execute the block's next operation and return its result, 0 if it was accepted."""
        effects = self.effects
        index = self._index
        self._index += 1
        result = self._apply(operation, position(self._height, index), index)
        effects.results.append(result)
        effects.window.append(
            (
                encode_window_key(operation.expiry, operation.id),
                encode_window_value(self._height, index, result),
            )
        )
        return result

    def _apply(self, operation: Operation, at: int, index: int) -> int:
        if isinstance(operation.action, Appoint):
            return self._appoint(operation.action)
        sender = self._hash_of_account(operation.account)
        if not self._admitted(operation.account, sender):
            return errors.ACCOUNT_NOT_ADMITTED
        action = operation.action
        match action:
            case Rate():
                result = self._rate(operation.account, sender, action.record, action.stars, index)
            case Withdraw():
                result = self._withdraw(sender, action.record)
            case Put():
                result = self._put(operation, action, sender, at)
            case Delete():
                result = self._delete(operation, action, sender, at)
            case Invite():
                result = self._invite(operation.account, action.invited, index)
        if result == errors.OK and not self._is_known(sender):
            self._add_account(operation.account, sender, NO_INVITER, index)
        return result

    def _appoint(self, action: Appoint) -> int:
        # Whoever sends it is no part of it. That a quorum approves was checked before the block was ordered, so a block
        # that holds this always takes effect: its header has said so to everybody already.
        self.effects.system[VALIDATORS] = encode_validators(action.epoch + 1, action.validators)
        return errors.OK

    # Accounts

    def _is_known(self, account: bytes) -> bool:
        if account in self._known:
            return True
        if account in self.effects.accounts or self._state.account_known(account):
            self._known.add(account)
            return True
        return False

    def _admitted(self, account: bytes, hashed: bytes) -> bool:
        # Proof of work needs no state and was checked with the operation's form.
        if self._admission.policy != "invited":
            return True
        return account in self._admission.accounts or self._is_known(hashed)

    def _add_account(self, account: bytes, hashed: bytes, inviter: bytes, index: int) -> None:
        self.effects.accounts[hashed] = encode_account_value(account, inviter, self._height, index)

    def _invite(self, inviter: bytes, invited: bytes, index: int) -> int:
        if self._admission.policy != "invited":
            return errors.INVITATION_NOT_USED
        hashed = self._hash_of_account(invited)
        if invited in self._admission.accounts or self._is_known(hashed):
            return errors.ACCOUNT_KNOWN
        self._add_account(invited, hashed, inviter, index)
        return errors.OK

    def _total(self, account: bytes) -> Total:
        total = self.effects.totals.get(account)
        if total is None:
            total = self.effects.totals[account] = self._state.total(account)
        return total

    # Records

    def _record(self, record: bytes) -> RecordHead | None:
        try:
            return self.heads[record]
        except KeyError:
            head = self.heads[record] = self._state.record(record)
            return head

    def _score(self, record: bytes, head: RecordHead) -> Score:
        score = self.effects.scores.get(head.created)
        if score is None:
            total, count = self._state.score(head.created)
            score = Score(record, head.account, head.collection, head.ref, head.live, total, count)
            self.effects.scores[head.created] = score
        return score

    def _put(self, operation: Operation, action: Put, sender: bytes, at: int) -> int:
        address = format_address(operation.account, action.collection, action.key)
        record = self._hash_of(address)
        before = self._record(record)
        version = before.version if before is not None else 0
        if action.if_version is not None and action.if_version != version:
            return errors.VERSION_MISMATCH
        after = RecordHead(
            position=at, live=True, account=operation.account, collection=action.collection, key=action.key,
            ref=action.ref, version=version + 1, created=before.created if before is not None else at,
        )  # fmt: skip
        self._write(record, before, after, operation.time, action.data)
        if before is None:
            self.effects.scores[at] = Score(record, operation.account, action.collection, action.ref, True, 0, 0)
        else:
            score = self._score(record, before)
            score.ref = action.ref
            score.live = True
        if before is None or not before.live:
            self._total(sender).records += 1
        return errors.OK

    def _delete(self, operation: Operation, action: Delete, sender: bytes, at: int) -> int:
        address = format_address(operation.account, action.collection, action.key)
        record = self._hash_of(address)
        before = self._record(record)
        if before is None:
            return errors.RECORD_UNKNOWN
        if not before.live:
            return errors.RECORD_DELETED
        if action.if_version is not None and action.if_version != before.version:
            return errors.VERSION_MISMATCH
        after = msgspec.structs.replace(before, position=at, live=False, ref=None, version=before.version + 1)
        self._write(record, before, after, operation.time, b"")
        score = self._score(record, before)
        score.ref = None
        score.live = False
        self._total(sender).records -= 1
        return errors.OK

    def _write(self, record: bytes, before: RecordHead | None, after: RecordHead, time: int, data: bytes) -> None:
        if before is not None and record not in self.effects.records:
            self.effects.replaced_records.add(before.position)
        self.heads[record] = after
        created, updated = cursor(after.created), cursor(after.position)
        digest = record_digest(
            after.account, after.collection, after.key, after.version,
            (created.height, created.index), (updated.height, updated.index), time, after.live,
            after.ref, data,
        )  # fmt: skip
        self.effects.records[record] = RecordRow(
            position=after.position, hash=record, value=encode_record_value(digest, after.live),
            live=after.live, account=after.account, collection=after.collection, key=after.key,
            ref=after.ref, version=after.version, created=after.created, time=time, data=data,
        )  # fmt: skip

    # Ratings

    def _stars_before(self, key: bytes) -> int | None:
        try:
            return self._stars[key]
        except KeyError:
            stars = self._stars[key] = self._state.rating(key)
            if stars is not None:
                self.effects.replaced_ratings.add(key)
            return stars

    def _rate(self, account: bytes, sender: bytes, address: str, stars: int, index: int) -> int:
        record = self._hash_of(address)
        head = self._record(record)
        if head is None:
            return errors.RECORD_UNKNOWN
        if not head.live:
            return errors.RECORD_DELETED
        if head.account == account:
            return errors.RATING_OWN
        key = record + sender
        before = self._stars_before(key)
        self._stars[key] = stars
        self.effects.ratings[key] = encode_rating_value(stars, self._height, index)
        self._add_stars(record, head, sender, stars - (before or 0), 1 if before is None else 0)
        return errors.OK

    def _withdraw(self, sender: bytes, address: str) -> int:
        record = self._hash_of(address)
        head = self._record(record)
        if head is None:
            return errors.RECORD_UNKNOWN
        key = record + sender
        before = self._stars_before(key)
        if before is None:
            return errors.RATING_NONE
        self._stars[key] = None
        self.effects.ratings[key] = None
        self._add_stars(record, head, sender, -before, -1)
        return errors.OK

    def _add_stars(self, record: bytes, head: RecordHead, sender: bytes, stars: int, count: int) -> None:
        score = self._score(record, head)
        score.sum += stars
        score.count += count
        total = self._total(sender)
        total.stars += stars
        total.ratings += count
