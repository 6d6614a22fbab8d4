"""Writing blocks: their operations are executed, and all that follows is in the file together or not at all.

Theory of operation. Most of what a block costs is to bring the tries in line with it, whose upper nodes change with
nearly every block, and to keep what was there before. While a node catches up, nobody asks for states of long ago: a
*run* of blocks is then executed, and its tries made, as if it were one block. Every operation is at its own place in
the log and the state after the last block is the same; of the blocks before it, this node has no states. That no root
in between is compared does no harm: the one after the last block binds all rows, and is compared before the commit.

The work is a generator, so that the thread that serves the API can do other things between two steps; readers on
their own connection see the block before until the commit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Generator, Mapping, Sequence
from functools import partial

from cloudnode.formats.block import Header
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.nodes import SYSTEM
from cloudnode.formats.operation import Operation
from cloudnode.ledger.executor import Effects, Executor
from cloudnode.ledger.pages import ChangedPages
from cloudnode.ledger.positions import position
from cloudnode.ledger.ranking import rank
from cloudnode.ledger.reading import Block
from cloudnode.ledger.system import GENESIS, VALIDATORS, encode_validators, system_row
from cloudnode.ledger.trie import Trie
from cloudnode.store.checks import row_check
from cloudnode.store.epochs import epoch_end, store_epoch_end
from cloudnode.store.inserting import insert_rows
from cloudnode.store.pruning import prune, prune_log
from cloudnode.store.schema import RECORD_COLUMNS
from cloudnode.store.state import WINDOW, KeptState, ScoreRow, StateReader, StateTrie, TotalRow, first_window_key
from cloudnode.store.states import StateRoot, store_passed
from cloudnode.store.texts import record_text

Run = Sequence[tuple[Block, Sequence[Operation]]]
"""Blocks with their operations, each the one that follows the one before it; one at least."""

_CHUNK = 64
"""Operations or rows between two steps: some milliseconds of work."""


class WrongState(Exception):
    """Executing blocks does not lead to the state that it must lead to; the text says where. Nothing was written."""


class BlockWriter:
    """Writes blocks on the store's one writing connection."""

    def __init__(self, connection: sqlite3.Connection, genesis: Genesis, keep_blocks: int | None = None) -> None:
        """:param keep_blocks: How many blocks below the newest are kept; None for all."""
        self._keep_blocks = keep_blocks
        self._connection = connection
        self._genesis = genesis
        self._kept = KeptState()

    def write_in_steps(
        self, run: Run, before: StateRoot, root: bytes | None = None
    ) -> Generator[None, None, tuple[StateRoot, list[int]]]:
        """Execute and store a block, or a run of them of which none but the last may end an epoch.

        :param before: The state root of the block before. :param root: What the one after the last is to be, if known.
        :return: A generator that returns, once all is on disk, the state root after the last block and the results of
            all operations. Closing it, or any exception in it, leaves the database as it was.
        :raises WrongState: The root is another one. :raises sqlite3.Error: The disk is full, read-only, or damaged.
        """
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            written = yield from self.write_within(run, before)
            if root is not None and written[0].root != root:
                raise WrongState(f"the state root at height {run[-1][0].height} is not {root.hex()}")
            connection.execute("COMMIT")
        except BaseException:
            self.forget()
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        return written

    def write_within(self, run: Run, before: StateRoot) -> Generator[None, None, tuple[StateRoot, list[int]]]:
        """:meth:`write_in_steps` within a transaction that is open, and that stays open."""
        reader = StateReader(self._connection, self._kept)
        first, last = run[0][0].height, run[-1][0].height
        executor = Executor(reader, self._genesis, first)
        effects = executor.effects
        for block, operations in run:
            if block.height != first:
                executor.next_block()
            before_block = len(effects.results)
            for start in range(0, len(operations), _CHUNK):
                part = operations[start : start + _CHUNK]
                executor.expect(part)
                for operation in part:
                    executor.execute(operation)
                yield
            self.write_log(block, operations, effects.results[before_block:])
            yield
        scores, totals = _score_rows(effects), _total_rows(effects)
        self._write_sums(reader, scores, totals, last)
        yield
        yield from self._write_rows(effects)
        state = yield from self._write_tries(effects, before)
        store_passed(self._connection, range(first, last))
        yield from prune(self._connection, range(first, last + 1))
        if self._keep_blocks is not None:
            prune_log(self._connection, last, self._keep_blocks, len(run))
        self._kept.take(executor.heads, scores, totals)
        return state, effects.results

    def forget(self) -> None:
        """Keep nothing in memory of what is in the file: it was written by somebody else."""
        self._kept.forget()

    def write_genesis(self) -> StateRoot:
        """Store the state of height 0, within the transaction that is open."""
        height = 0
        keys = self._write_system(self._genesis_values(), height)
        state = StateRoot.empty(height)
        trie = StateTrie(self._connection, SYSTEM, height, self._kept)
        entry = Trie(SYSTEM, trie).update(state.entries[SYSTEM], keys)
        trie.flush()
        state = state.with_entry(SYSTEM, entry)
        state.store(self._connection)
        return state

    def _genesis_values(self) -> dict[str, bytes]:
        return {
            GENESIS: self._genesis.network,
            VALIDATORS: encode_validators(0, self._genesis.validators),
        }

    def _write_system(self, contents: Mapping[str, bytes], height: int) -> list[bytes]:
        """Store what governs the network from a height on, and return the keys of those rows."""
        keys = []
        for name, content in contents.items():
            key, value = system_row(name, content)
            self._connection.execute(
                "INSERT INTO system_old SELECT key, ?1, value, name, content, since,"
                " row_check(key, ?1, value, name, content, since) FROM system WHERE key = ?2",
                (height, key),
            )
            row = (key, value, name, content, height, row_check(name, height))
            self._connection.execute("INSERT OR REPLACE INTO system VALUES (?, ?, ?, ?, ?, ?)", row)
            keys.append(key)
        return keys

    def _write_rows(self, effects: Effects) -> Generator[None, None, None]:
        many = self._connection.executemany
        until = effects.height
        if effects.records:
            replaced = sorted(effects.replaced_records)
            for start in range(0, len(replaced), _CHUNK):
                part = replaced[start : start + _CHUNK]
                many(
                    f"INSERT INTO records_old SELECT {RECORD_COLUMNS}, ?1, row_check({RECORD_COLUMNS}, ?1)"
                    " FROM records WHERE position = ?2",
                    [(until, old) for old in part],
                )
                many("DELETE FROM records WHERE position = ?", [(old,) for old in part])
                yield
            rows = list(effects.records.values())
            for start in range(0, len(rows), _CHUNK):
                chunk = rows[start : start + _CHUNK]
                insert_rows(
                    self._connection,
                    "INSERT INTO records",
                    [
                        (
                            row.position, row.hash, row.value, row.live, row.account, row.collection,
                            row.key, row.ref, row.version, row.created, row.time, row.data,
                        )
                        for row in chunk
                    ],
                )  # fmt: skip
                many(
                    "INSERT INTO words (rowid, text) VALUES (?, ?)",
                    [(row.position, record_text(row.data)) for row in chunk if row.live],
                )
                yield
        if effects.ratings:
            many(
                "INSERT INTO ratings_old SELECT key, ?1, value, row_check(key, ?1, value) FROM ratings WHERE key = ?2",
                [(until, key) for key in effects.replaced_ratings],
            )
            many(
                "DELETE FROM ratings WHERE key = ?",
                [(key,) for key, value in effects.ratings.items() if value is None],
            )
            given = sorted((key, value) for key, value in effects.ratings.items() if value is not None)
            insert_rows(self._connection, "INSERT OR REPLACE INTO ratings", given)
            yield
        self._write_system(effects.system, until)
        insert_rows(self._connection, "INSERT INTO accounts", list(effects.accounts.items()))
        insert_rows(self._connection, "INSERT INTO window", sorted(effects.window))
        yield

    def _write_sums(
        self, reader: StateReader, scores: Sequence[ScoreRow], totals: Sequence[TotalRow], until: int
    ) -> None:
        """Store the scores and totals that change; what was there before is what the executor read."""
        insert = partial(insert_rows, self._connection)
        insert("INSERT INTO scores_old", [(*row, until, row_check(*row, until)) for row in reader.scores])
        insert("INSERT OR REPLACE INTO scores", [(*row, row_check(*row)) for row in scores])
        old = [(row[0], until, *row[1:]) for row in reader.totals]
        insert("INSERT INTO totals_old", [(*row, row_check(*row)) for row in old])
        insert("INSERT OR REPLACE INTO totals", [(*row, row_check(*row)) for row in totals])

    def write_log(self, block: Block, operations: Sequence[Operation], results: Sequence[int]) -> None:
        """Put a block and its operations with their results into the log, within the transaction that is open."""
        ids = b"".join(block.operation_ids)
        header = Header.decode(block.header)
        root_height = header.root_height
        if header.ends_epoch:
            store_epoch_end(self._connection, epoch_end(header.epoch, block))
        validators = b"".join(block.validators)
        values = (block.height, block.hash, block.header, block.finality, ids, validators, root_height)
        self._connection.execute("INSERT INTO blocks VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*values, row_check(*values)))
        rows = []
        for index, (operation, result) in enumerate(zip(operations, results, strict=True)):
            at = position(block.height, index)
            # The id vouches for the body.
            check = row_check(at, operation.id, operation.signature, result)
            rows.append((at, operation.id, operation.body, operation.signature, result, check))
        insert_rows(self._connection, "INSERT INTO operations", rows)

    def _write_tries(self, effects: Effects, before: StateRoot) -> Generator[None, None, StateRoot]:
        height = effects.height
        expired = self._connection.execute(
            "SELECT key FROM window WHERE key >= ? AND key < ?",
            (first_window_key(before.height), first_window_key(height)),
        ).fetchall()
        changed: dict[int, Mapping[bytes, bytes | None]] = {
            0: {key: row.value for key, row in effects.records.items()},
            1: effects.ratings,
            WINDOW: dict(effects.window) | dict.fromkeys(key for (key,) in expired),
            3: effects.accounts,
            SYSTEM: dict(system_row(name, content) for name, content in effects.system.items()),
        }
        state = before.at(height)
        for table, values in changed.items():
            if not values:
                continue
            trie = StateTrie(self._connection, table, height, self._kept)
            pages = ChangedPages(table, self._kept.pages, values)
            entry = yield from Trie(table, trie, pages).update_in_steps(state.entries[table], values)
            trie.flush()
            state = state.with_entry(table, entry)
            yield
        state.store(self._connection)
        return state


def _score_rows(effects: Effects) -> list[ScoreRow]:
    return [
        (
            created, effects.height, score.hash, score.account, score.collection, score.ref, int(score.live),
            score.sum, score.count, rank(score.sum, score.count),
        )
        for created, score in effects.scores.items()
    ]  # fmt: skip


def _total_rows(effects: Effects) -> list[TotalRow]:
    return [(key, effects.height, row.records, row.ratings, row.stars) for key, row in effects.totals.items()]
