"""Mending the state and what follows from it, in one transaction.

Theory of operation. The validators sign a state root for a height a little below the head. The database is taken back
to that height (:mod:`.rewind`), its trie is made from its rows (:mod:`.rowsup`), and compared with the signed one from
the top down: where an entry differs, the true inner node or the true rows below it are asked for, which whoever calls
this fetches from other nodes, and which are checked against the entry before they come here. Rows that differ are
replaced. Then come what follows from the rows: inner nodes, scores, totals, words; and the blocks above that height are
written again. All of it becomes visible with the commit, or nothing does.

Where it is known what is damaged, and that all the rest was found sound a while ago, only those places are looked at,
and what follows from their rows is made anew: a moment instead of seconds for each million rows. More may be damaged
than was known, so such a repair is given up, and one of all rows follows, if it replaces nothing, if more rows were too
many there than were missing (their keys may be altered: then they are missing elsewhere), or if a block above does not
make again the state that was kept for its height, or that a header names. Thus each state that is kept has the root
that it had, and rows are never lost behind a root that was made from what is left of them.

An audit of all follows every repair. It compares all rows with the newest state's root and each kept root with the
headers, and the next header names the newest one. If it finds more, the next repair looks at everything.

History, the rows of the tables named ``_old``, follows from nothing that is kept. If it is damaged, or the state at
that height was not the signed one when it was written, it is given up: the lowest height that can be read is then that
of the repair.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import attrs

from cloudnode.formats.block import Header
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.nodes import EMPTY_ENTRY, RATINGS, RECORDS, TABLES
from cloudnode.formats.operation import Operation, decode_operation
from cloudnode.ledger.chunks import Chunk, is_page
from cloudnode.ledger.reading import Block, Place
from cloudnode.ledger.system import system_row
from cloudnode.ledger.trie import InnerNode, empty_prefixes, entry_rows, key_range
from cloudnode.store.audit.records import record_is_sound
from cloudnode.store.audit.words import WORDS_INDEX
from cloudnode.store.checks import row_check
from cloudnode.store.loading import SORTING_THREADS
from cloudnode.store.repair.affected import Affected
from cloudnode.store.repair.consequences import mend_affected, mend_consequences, write_nodes
from cloudnode.store.repair.failure import MendingFailed
from cloudnode.store.repair.history import give_up_history, why_history_is_lost
from cloudnode.store.repair.log import read_block
from cloudnode.store.repair.replacing import replace_rows
from cloudnode.store.repair.rewind import rewind
from cloudnode.store.repair.rowsup import RowsTrie, drop_misshapen
from cloudnode.store.schema import RECORD_COLUMNS
from cloudnode.store.state import ABOVE_ALL_KEYS
from cloudnode.store.states import PASSED, StateRoot
from cloudnode.store.sums import RatingSums
from cloudnode.store.writer import BlockWriter

CHUNK_ROWS = 512
"""Where fewer rows than this differ somewhere, all of them are asked for at once."""

_REMAKE_WORDS = "INSERT INTO words (words) VALUES ('rebuild')"


@attrs.frozen
class Difference:
    """A place of the trie at which this database is not what was signed.

    :ivar slot: Hex digits. :ivar entry: The true entry. :ivar by_rows: Whether to ask for the rows, else for the node.
    """

    table: int
    slot: str
    entry: bytes
    by_rows: bool


@attrs.frozen
class Mended:
    """What a repair did.

    :ivar height: The height whose signed root it went by. :ivar rows: Rows of the state that it replaced, by table.
    :ivar others: Rows that follow from the state, made anew, by table. :ivar lost_history: Why the heights below can't
        be read any more, or None.
    """

    height: int
    rows: dict[str, int]
    others: dict[str, int]
    lost_history: str | None

    @property
    def rows_written(self) -> int:
        """How many rows were not what they must be, words left out."""
        return sum(self.rows.values()) + sum(count for table, count in self.others.items() if table != "words")

    def __str__(self) -> str:
        counts = {**self.rows}
        for table, count in self.others.items():
            counts[table] = counts.get(table, 0) + count
        told = ", ".join(f"{count} of {table}" for table, count in counts.items() if count) or "none"
        lost = "" if self.lost_history is None else f"; heights below {self.height} are given up: {self.lost_history}"
        return f"rows replaced: {told}{lost}"


class StateMending:
    """One repair of the state, on a connection of its own; for a thread.

    :ivar height: The height that it goes by. :ivar done: 0 to 1 of the reading of all rows.
    """

    def __init__(self, connection: sqlite3.Connection, genesis: Genesis, height: int) -> None:
        self.height = height
        self.done = 0.0
        self._connection = connection
        self._genesis = genesis
        self._blocks: list[tuple[Block, list[Operation]]] = []
        self._roots_above: dict[int, bytes] = {}
        self._surplus = {table.number: 0 for table in TABLES}
        self._tries: list[RowsTrie] = []
        self._sums = RatingSums()
        self._replaced: dict[str, int] = {}
        self._dropped: set[int] = set()
        self._words_are_good = True
        self._lost_history: str | None = None
        self._pending: list[Difference] = []
        self._affected: Affected | None = None

    # In this order

    def begin(self, *, remake_indexes: bool | Sequence[str] = False) -> None:
        """Take the write lock, and take the database back to the height.

        :param remake_indexes: Whether indexes may not have what their tables have, or which of them have not.
        :raises MendingFailed: Blocks above the height are damaged. :raises sqlite3.Error: See :meth:`abandon`.
        """
        self._connection.execute(f"PRAGMA threads = {SORTING_THREADS}")
        self._connection.execute("BEGIN IMMEDIATE")
        if remake_indexes is True:
            self._connection.execute("REINDEX")
            self._remake_words()
        elif remake_indexes:
            for name in remake_indexes:
                if name == WORDS_INDEX:
                    self._remake_words()
                else:
                    self._connection.execute(f'REINDEX "{name}"')
            self._replaced["indexes"] = len(remake_indexes)
        self._blocks = list(self._take_blocks())
        self._roots_above = dict(
            self._connection.execute("SELECT height, root FROM states WHERE height > ?", (self.height,))
        )
        # Before blocks are taken back, which takes damaged old rows away without a trace.
        self._lost_history = why_history_is_lost(self._connection, self.height)
        self._words_are_good = rewind(self._connection, self.height) and self._words_are_good

    def compare(self, true: StateRoot) -> Iterator[float]:
        """Read all rows and find where they are not what was signed; yields how much is done."""
        self._true = true
        self._drop_unsound_records()
        self._spoil_unsound_settings()
        total = sum(map(entry_rows, true.entries)) or 1
        read = 0
        for table in TABLES:
            number = table.number
            self._drop_misshapen(number)
            on_rows = self._sums.add if number == RATINGS else None
            trie = RowsTrie(self._connection, number, self.height, on_rows)
            self._tries.append(trie)
            trie.compare()
            read += trie.rows_read
            yield min(1.0, read / total)
        for table in TABLES:
            self._differ(table.number, "", true.entries[table.number])

    def compare_at(self, true: StateRoot, places: Iterable[Place]) -> None:
        """:meth:`compare` for some places only, and what follows from the rows there.

        Nothing may be known of damage elsewhere: :meth:`finish` raises MendingFailed if there are signs of it.
        """
        self._true = true
        affected = self._affected = Affected()
        prefixes: dict[int, list[str]] = {table.number: [] for table in TABLES}
        for number, prefix in places:
            prefixes[number].append(prefix)
            affected.take_place(number, prefix)
        self._drop_unsound_at(prefixes[RECORDS])
        for table in TABLES:
            number, entry = table.number, true.entries[table.number]
            trie = RowsTrie(self._connection, number, self.height)
            if not trie.is_led_to(entry):
                self._drop_misshapen(number)
            try:
                trie.compare_at(entry, prefixes[number])
            except (TypeError, ValueError):
                # No page holds a row that is there. To look for such rows costs more than all else, so it is done now.
                self._drop_misshapen(number)
                trie = RowsTrie(self._connection, number, self.height)
                trie.compare_at(entry, prefixes[number])
            self._tries.append(trie)
        for table in TABLES:
            self._differ(table.number, "", true.entries[table.number])

    def take_differences(self) -> list[Difference]:
        """What has to be asked for now; empty once all rows are those that were signed."""
        pending, self._pending = self._pending, []
        return pending

    def take_node(self, at: Difference, node: InnerNode) -> None:
        """Go on below a true inner node (:func:`cloudnode.ledger.chunks.read_node`)."""
        for prefix in empty_prefixes(at.slot, node):
            self._differ(at.table, prefix, EMPTY_ENTRY)
        for digit, entry in node.children.items():
            self._differ(at.table, node.path + digit, entry)

    def take_rows(self, chunk: Chunk) -> None:
        """Replace the rows under a slot by true ones (:func:`cloudnode.ledger.chunks.read_chunk`)."""
        trie = self._tries[chunk.table]
        present = dict(trie.rows(*key_range(chunk.slot)))
        self._surplus[chunk.table] += len(present) - len(chunk.rows)
        keys, words_are_good = replace_rows(self._connection, present, chunk, self._dropped)
        self._words_are_good = self._words_are_good and words_are_good
        if self._affected is not None:
            self._affected.take_rows(self._connection, chunk.table, keys)
        elif chunk.table == RATINGS:
            self._sums.replaced(keys, present, dict(chunk.rows))
        name = TABLES[chunk.table].name
        self._replaced[name] = self._replaced.get(name, 0) + len(keys)
        trie.replaced(keys)

    def finish(self) -> Mended:
        """Make anew what follows from the rows, write the blocks above again, and commit.

        :raises MendingFailed: The rows are not those that were signed after all, or may not be where nobody looked.
        """
        connection, true = self._connection, self._true
        for table, surplus in self._surplus.items():
            if self._affected is not None and surplus > 0:
                raise MendingFailed(f"table {TABLES[table].name}: {surplus} rows too many, maybe missing elsewhere")
        for trie in self._tries:
            if trie.entry("") != true.entries[trie.table]:
                raise MendingFailed(f"table {TABLES[trie.table].name} is not what was signed for height {self.height}")
        lost = self._why_history_is_lost()
        before = connection.execute("SELECT root, preimage FROM states WHERE height = ?", (self.height,)).fetchone()
        least = self.height if lost else self._lowest()
        others = {"trie": write_nodes(connection, self._tries, least, self.height)}
        if self._affected is None:
            others |= mend_consequences(connection, self._genesis, self._sums, least, self.height)
        else:
            others |= mend_affected(connection, self._genesis, self._affected, least, self.height)
        if lost is not None:
            self._words_are_good = give_up_history(connection) and self._words_are_good
        connection.execute("DELETE FROM states WHERE height >= ?", (0 if lost else self.height,))
        true.store(connection)
        others["states"] = int(before != (true.root, true.preimage))
        if not self._words_are_good:
            self._see_that_records_are_sound()
            connection.execute(_REMAKE_WORDS)
            others["words"] = 1
        self._write_blocks()
        mended = Mended(self.height, self._replaced, {name: count for name, count in others.items() if count}, lost)
        if self._affected is not None and not mended.rows_written:
            raise MendingFailed("nothing is wrong in the places that were found")
        connection.execute("COMMIT")
        return mended

    def abandon(self) -> None:
        """Leave everything as it was, whatever the state of this is."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    # Inside

    def _remake_words(self) -> None:
        """What follows takes words out of their index, which a damaged one may not bear. In the end it is made again: a
        record that is altered now is indexed as what it is not.
        """
        self._connection.execute(_REMAKE_WORDS)
        self._words_are_good = False

    def _see_that_records_are_sound(self) -> None:
        """An index made of altered records would be found wrong as soon as these are right.

        :raises MendingFailed: Some are altered that were not found.
        """
        if self._affected is None:
            return  # all of them were compared
        for row in self._connection.execute(f"SELECT {RECORD_COLUMNS} FROM records"):
            if not record_is_sound(row):
                raise MendingFailed(f"record {row[1].hex()} is altered as well")

    def _take_blocks(self) -> Iterator[tuple[Block, list[Operation]]]:
        (head,) = self._connection.execute("SELECT max(height) FROM blocks").fetchone()
        for height in range(self.height + 1, (head or 0) + 1):
            block, signed = read_block(self._connection, height)
            try:
                operations = [decode_operation(body, signature, self._genesis) for body, signature in signed]
            except LedgerError as error:
                raise MendingFailed(f"block {height} holds what is no operation: {error}", [height]) from None
            yield block, operations

    def _drop_unsound_records(self) -> None:
        """Remove records whose content is not what their digest says: the trie binds no more than the digest."""
        self._drop_unsound(self._connection.execute(f"SELECT {RECORD_COLUMNS} FROM records ORDER BY position"))

    def _drop_unsound_at(self, prefixes: Iterable[str]) -> None:
        outer = "none"
        for prefix in sorted(prefixes):
            if prefix.startswith(outer):
                continue
            outer = prefix
            if not prefix:
                self._drop_unsound_records()
                continue
            low, high = key_range(prefix)
            self._drop_unsound(
                self._connection.execute(
                    f"SELECT {RECORD_COLUMNS} FROM records WHERE hash >= ? AND hash < ?",
                    (low, ABOVE_ALL_KEYS if high is None else high),
                )
            )

    def _drop_unsound(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """:param rows: As they are read: with their data they may be more than fits into memory."""
        unsound = [row[0] for row in rows if not record_is_sound(row)]
        self._dropped.update(unsound)
        self._surplus[RECORDS] += len(unsound)
        for position in unsound:
            self._connection.execute("DELETE FROM records WHERE position = ?", (position,))

    def _drop_misshapen(self, table: int) -> None:
        dropped = drop_misshapen(self._connection, table)
        self._surplus[table] += dropped
        if dropped and table == RECORDS:
            self._words_are_good = False

    def _spoil_unsound_settings(self) -> None:
        """Have rows of the system table differ whose content is not what their hashes say."""
        rows = self._connection.execute("SELECT key, value, name, content FROM system").fetchall()
        for key, value, name, content in rows:
            raw = content if isinstance(content, bytes) else str(content).encode()
            if system_row(str(name), raw) != (key, value):
                self._connection.execute("UPDATE system SET value = zeroblob(32) WHERE key = ?", (key,))

    def _differ(self, table: int, slot: str, entry: bytes) -> None:
        trie = self._tries[table]
        here = trie.entry(slot)
        if here == entry:
            return
        if entry == EMPTY_ENTRY:
            self.take_rows(Chunk(table, slot, (), {}))
            return
        self._pending.append(Difference(table, slot, entry, is_page(entry) or entry_rows(entry) <= CHUNK_ROWS))

    def _lowest(self) -> int:
        (lowest,) = self._connection.execute("SELECT min(height) FROM states").fetchone()
        return self.height if lowest is None else int(lowest)

    def _why_history_is_lost(self) -> str | None:
        row = self._connection.execute(
            'SELECT root, preimage, "check" FROM states WHERE height = ?', (self.height,)
        ).fetchone()
        if row is not None and row_check(self.height, *row[:2]) == row[2] and row[0] != self._true.root:
            # Not a damaged row: what this node had computed.
            return f"the state of height {self.height} was not the signed one"
        return self._lost_history

    def _write_blocks(self) -> None:
        writer = BlockWriter(self._connection, self._genesis)
        state = self._true
        for block, operations in self._blocks:
            steps = writer.write_within([(block, operations)], state)
            while True:
                try:
                    next(steps)
                except StopIteration as done:
                    state, _ = done.value
                    break
            if self._affected is not None:
                self._check_root(state)

    def _check_root(self, state: StateRoot) -> None:
        """See that a block made the state which it made before, and which the headers name."""
        roots = {self._roots_above.get(state.height)}
        headers = (Header.decode(block.header) for block, _ in self._blocks)
        roots |= {header.root for header in headers if header.root_height == state.height}
        if roots - {PASSED} not in ({state.root}, set()):
            raise MendingFailed(f"block {state.height} makes another state than before: more is damaged than was found")
