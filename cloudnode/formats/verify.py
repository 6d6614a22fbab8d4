"""What a client can believe of an answer, knowing nothing but the genesis.

Theory of operation. The genesis names the validators. A finalize certificate holds the signatures of a quorum of
them over a block's hash, thus over its header, thus over the state root that the header carries for an earlier
height. A proof is a bag of trie nodes: the root is the hash of the state's preimage, which holds an entry for each
table, and each entry is the hash of a node with its sums. From the root down, each next node is found in the bag by
its SHA-256, so the order does not matter, nodes of several proofs may share a bag, and nodes that nobody asks for
are ignored. Absence is proven by the place where the row would have to be: a leaf page without it, an inner node
without such a child, or one whose path leads elsewhere.

::

    epoch = Epoch.of_genesis(genesis)
    state = verify_state(verify_header(epoch, header, certificate, descendants), height, root, nodes)
    state.check_record(...)

An :class:`~cloudnode.formats.epoch.Epoch` is what is trusted. The first one comes from the genesis, each further one
from the block that ended the one before: :func:`verify_epoch_end`.

Everything here is pure, and all that can be wrong is a ``LedgerError`` of the group ``proof`` (or of a malformed part).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256

import attrs

from cloudnode.formats.addresses import account_hash, format_address, record_hash
from cloudnode.formats.block import Certificate, Header
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.finality import DESCENDANTS_MAX, Finality
from cloudnode.formats.nodes import (
    ACCOUNTS,
    NOTHING,
    PAGE_ROWS,
    RATINGS,
    RECORDS,
    SYSTEM,
    WINDOW,
    AccountValue,
    Entry,
    Inner,
    Leaf,
    RatingValue,
    WindowValue,
    decode_account_value,
    decode_inner,
    decode_leaf,
    decode_rating_value,
    decode_record_value,
    decode_state,
    decode_window_value,
    encode_window_key,
    inner_totals,
    leaf_totals,
    record_digest,
)

_Page = dict[bytes, bytes]
"""A leaf page's rows by their keys."""


@attrs.frozen
class ProvenTotals:
    """What the state root says of everything at once."""

    height: int
    root: bytes
    ratings_sum: int
    ratings_count: int
    records: int
    accounts: int


def verify_header(epoch: Epoch, header: bytes, certificate: bytes, descendants: Sequence[bytes] = ()) -> Header:
    """Check that a header is final in an epoch, and read it.

    :param header: 236 bytes. :param certificate: The certificate's exact bytes.
    :param descendants: The headers from the block's child to the block that the certificate is for, if it is for a
        later one.
    :raises LedgerError: ``header_malformed``, ``header_network``, ``header_epoch``, ``header_discarded``,
        ``finality_chain``, ``certificate_malformed``, ``certificate_kind``, ``certificate_block``,
        ``certificate_validator``, ``certificate_quorum`` or ``certificate_signature``.
    """
    read = Header.decode(header)
    epoch.verify(read, read_finality(certificate, descendants))
    return read


def read_finality(certificate: bytes, descendants: Sequence[bytes]) -> Finality:
    """Read a finality proof from its parts, as nodes answer it.

    :raises LedgerError: ``finality_malformed``, ``certificate_malformed`` or ``header_malformed``.
    """
    if len(descendants) > DESCENDANTS_MAX:
        raise LedgerError("finality_malformed")
    return Finality(Certificate.decode(certificate), tuple(Header.decode(each) for each in descendants))


def verify_epoch_end(
    epoch: Epoch, header: bytes, certificate: bytes, descendants: Sequence[bytes], validators: Sequence[bytes]
) -> Epoch:
    """Check that a block ended an epoch by appointing validators, and give the next epoch.

    :param validators: The new validators' keys, in the order of their indexes.
    :raises LedgerError: As :func:`verify_header`; ``epoch_goes_on``, ``block_validators``.
    """
    return epoch.after(verify_header(epoch, header, certificate, descendants), validators)


def verify_state(header: Header, height: int, root: bytes, nodes: Iterable[bytes]) -> ProvenState:
    """Check that a header vouches for a state, and open it for questions.

    :param header: From :func:`verify_header`. :param height: The height that the answer holds at.
    :param root: The state root that the answer names. :param nodes: The proof's nodes in any order.
    :raises LedgerError: ``proof_height``, ``proof_root`` or ``proof_node_missing``.
    """
    if header.root_height != height:
        raise LedgerError("proof_height")
    if header.root != root:
        raise LedgerError("proof_root")
    return ProvenState(height, root, nodes)


class ProvenState:
    """The state under one root, as far as the nodes at hand reach.

    Made by :func:`verify_state`; on its own it proves nothing of the root. Every question raises ``LedgerError``
    ``proof_node_missing`` where the nodes don't reach, ``proof_node_wrong`` where they contradict each other, and
    ``node_malformed`` or ``row_malformed`` where they aren't what they should be. None as an answer means that absence
    is proven.

    :ivar height: Of the state. :ivar root: Its root.
    """

    def __init__(self, height: int, root: bytes, nodes: Iterable[bytes]) -> None:
        self.height = height
        self.root = root
        self._nodes = {sha256(node).digest(): node for node in nodes}
        self._opened: dict[tuple[int, str, Entry], _Page | Inner] = {}
        self._tables = decode_state(self._node(root))

    def totals(self) -> ProvenTotals:
        """The sums over everything."""
        records, ratings, accounts = (self._tables[table] for table in (RECORDS, RATINGS, ACCOUNTS))
        return ProvenTotals(self.height, self.root, ratings.sum, ratings.count, records.count, accounts.rows)

    def record(self, address: str) -> tuple[bytes, bool] | None:
        """A record's digest and whether it is live (False: a tombstone); None if it was never there."""
        value = self._row(RECORDS, record_hash(address))
        return None if value is None else decode_record_value(value)

    def check_record(
        self,
        account: bytes,
        collection: str,
        key: str,
        version: int,
        created: tuple[int, int],
        updated: tuple[int, int],
        time: int,
        live: bool,
        ref: str | None,
        data: bytes,
    ) -> None:
        """Check that a record stands exactly so; the parameters are those of :func:`record_digest`.

        :raises LedgerError: ``proof_row_wrong``.
        """
        digest = record_digest(account, collection, key, version, created, updated, time, live, ref, data)
        if self.record(format_address(account, collection, key)) != (digest, live):
            raise LedgerError("proof_row_wrong")

    def ratings(self, address: str) -> tuple[int, int]:
        """The sum and the number of all ratings of a record, of which none can have been withheld."""
        return self._sums(RATINGS, record_hash(address).hex())

    def check_ratings(self, address: str, total: int, count: int) -> None:
        """:raises LedgerError: ``proof_sums_wrong`` if the ratings' sum or number is another."""
        if self.ratings(address) != (total, count):
            raise LedgerError("proof_sums_wrong")

    def rating(self, address: str, account: bytes) -> RatingValue | None:
        """One account's rating of a record."""
        value = self._row(RATINGS, record_hash(address) + account_hash(account))
        return None if value is None else decode_rating_value(value)

    def account(self, account: bytes) -> AccountValue | None:
        """An account's row."""
        value = self._row(ACCOUNTS, account_hash(account))
        if value is None:
            return None
        found = decode_account_value(value)
        if found.account != account:
            raise LedgerError("proof_row_wrong")
        return found

    def operation(self, operation_id: bytes, expiry: int) -> WindowValue | None:
        """Where in the log an operation is and its result; None if no block up to this height holds it.

        :param expiry: The operation's own, not below this state's height: later states forget its id.
        :raises LedgerError: Besides, ``proof_height`` if the state has forgotten the id, if it ever knew it.
        """
        if expiry < self.height:
            raise LedgerError("proof_height", "A state knows only operations that do not expire below its height.")
        value = self._row(WINDOW, encode_window_key(expiry, operation_id))
        return None if value is None else decode_window_value(value)

    def system(self, name: str) -> bytes | None:
        """The SHA-256 of what governs the network under a name."""
        return self._row(SYSTEM, sha256(name.encode()).digest())

    # The walk

    def _node(self, hashed: bytes) -> bytes:
        try:
            return self._nodes[hashed]
        except KeyError:
            raise LedgerError("proof_node_missing") from None

    def _open(self, table: int, slot: str, entry: Entry) -> _Page | Inner:
        """The node of an entry, which must keep what the entry says of it and lie below the slot; checked once."""
        opened = self._opened.get((table, slot, entry))
        if opened is None:
            opened = self._opened[table, slot, entry] = self._check(table, slot, entry)
        return opened

    def _check(self, table: int, slot: str, entry: Entry) -> _Page | Inner:
        raw = self._node(entry.hash)
        node: Leaf | Inner
        if entry.rows <= PAGE_ROWS:
            node = decode_leaf(raw)
            totals = leaf_totals(node.table, node.rows)
            lies_below = all(key.hex().startswith(slot) for key, _ in node.rows)
        else:
            node = decode_inner(raw)
            totals = inner_totals(node.children.values())
            lies_below = node.path.startswith(slot)
        if node.table != table or totals != (entry.sum, entry.count, entry.rows) or not lies_below:
            raise LedgerError("proof_node_wrong")
        return dict(node.rows) if isinstance(node, Leaf) else node

    def _row(self, table: int, key: bytes) -> bytes | None:
        wanted = key.hex()
        slot, entry = "", self._tables[table]
        while entry.rows:
            node = self._open(table, slot, entry)
            if isinstance(node, dict):
                return node.get(key)
            if not wanted.startswith(node.path):
                return None
            digit = wanted[len(node.path)]
            slot, entry = node.path + digit, node.children.get(digit, NOTHING)
        return None

    def _sums(self, table: int, prefix: str) -> tuple[int, int]:
        """The sum and the count over all rows whose keys begin with a prefix of at least one digit."""
        slot, entry = "", self._tables[table]
        while entry.rows and not slot.startswith(prefix):
            node = self._open(table, slot, entry)
            if isinstance(node, dict):
                below = [row for row in node.items() if row[0].hex().startswith(prefix)]
                return leaf_totals(table, below)[:2]
            if node.path.startswith(prefix):
                break
            if not prefix.startswith(node.path):
                return 0, 0
            digit = prefix[len(node.path)]
            slot, entry = node.path + digit, node.children.get(digit, NOTHING)
        return entry.sum, entry.count
