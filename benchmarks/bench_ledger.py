"""The ledger alone: what each step of an operation costs, the trie, and proofs."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from statistics import median

from benchmarks.alone import BLOCK, open_ledger, run_steps
from benchmarks.dataset import RECORDS, million_rows
from benchmarks.operations import DATA_BYTES, TIME, Validator, make_key, make_put
from benchmarks.options import parse_options
from benchmarks.servers import workshop
from benchmarks.tables import print_table
from cloudnode.formats.genesis import Genesis, decode_genesis
from cloudnode.formats.nodes import EMPTY_ENTRY
from cloudnode.formats.operation import Envelope, build_rate, decode_operation, sign_operation, signatures_valid
from cloudnode.ledger.reading import Proof
from cloudnode.ledger.trie import Trie
from cloudnode.store.connection import connect
from cloudnode.store.reading import SqliteReading
from cloudnode.store.sqlite import SqliteStore
from cloudnode.store.state import KeptState, StateTrie

RATINGS_TABLE = 1
TRIAL_RATE = 6_100
"""Operations a second of the prototype that the design was made by, serial, on two shared cores."""
TRIAL_TRIE_US = 65.0
"""Its time to set a rating and update the trie, in blocks of a thousand."""
_ACCOUNTS = 100

Signed = list[tuple[bytes, bytes]]


def make_puts(genesis: Genesis, count: int) -> Signed:
    """Signed new records."""
    signed = []
    for number in range(count):
        key = make_key(number % _ACCOUNTS)
        body = make_put(Envelope(genesis.network, key.public, TIME, 1, genesis.parameters.window), "note", number)
        signed.append((body, sign_operation(key, body)))
    return signed


def make_rates(genesis: Genesis, count: int, records: int) -> Signed:
    """Signed first ratings of the records of :func:`make_puts`."""
    signed = []
    for number in range(count):
        record, turn = number % records, number // records
        owner = make_key(record % _ACCOUNTS).public.hex()
        key = make_key((record + turn + 1) % _ACCOUNTS)
        envelope = Envelope(genesis.network, key.public, TIME, 1, genesis.parameters.window)
        body = build_rate(envelope, f"{owner}/note/r{record}", number % 5 + 1)
        signed.append((body, sign_operation(key, body)))
    return signed


def measure_path(path: Path, count: int) -> list[list[object]]:
    """Rows of the table: the path of puts and of ratings, in microseconds an operation."""
    store, genesis, key = open_ledger(path)
    validator = Validator(store, genesis, key)
    puts = make_puts(genesis, count)
    rows = []
    for name, signed in (("put", puts), ("rate", make_rates(genesis, count, count // 4))):
        steps = run_steps(validator, genesis, signed)
        each = [seconds / steps.count * 1e6 for seconds in (steps.decode, steps.verify, steps.write)]
        rows.append([name, *each, steps.rate])
    store.close()
    return rows


def measure_threads(genesis: Genesis, signed: Signed) -> dict[int, float]:
    """Signatures verified a second, by number of threads."""
    operations = [decode_operation(body, signature, genesis) for body, signature in signed]
    batches = [operations[start : start + 256] for start in range(0, len(operations), 256)]
    rates = {}
    for threads in range(1, (os.cpu_count() or 1) + 1):
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(signatures_valid, batches[:threads]))
            began = time.perf_counter()
            list(pool.map(signatures_valid, batches))
            rates[threads] = len(operations) / (time.perf_counter() - began)
    return rates


def measure_trie(path: Path, blocks: int) -> tuple[float, float]:
    """Set ratings' rows and the trie over them, in blocks of :data:`BLOCK` on a growing table.

    :returns: Microseconds a row with the trie, and the same for the rows alone.
    """
    open_ledger(path)[0].close()
    connection = connect(str(path))
    random, cache, entry = Random(1), KeptState(), EMPTY_ENTRY
    whole, rows_alone = [], []
    for height in range(1, blocks + 1):
        rows = [(random.randbytes(64), b"\x05" + random.randbytes(12)) for _ in range(BLOCK)]
        began = time.perf_counter()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT OR REPLACE INTO ratings VALUES (?, ?)", rows)
        inserted = time.perf_counter()
        store = StateTrie(connection, RATINGS_TABLE, height, cache)
        entry = Trie(RATINGS_TABLE, store).update(entry, [key for key, _ in rows])
        store.flush()
        connection.execute("COMMIT")
        whole.append((time.perf_counter() - began) / BLOCK * 1e6)
        rows_alone.append((inserted - began) / BLOCK * 1e6)
    connection.close()
    return median(whole), median(rows_alone)


def measure_proofs(data: Path, count: int) -> list[list[object]]:
    """Rows of the table: proofs on a million rows."""
    store = SqliteStore.open(str(data / "ledger.sqlite3"), decode_genesis((data / "genesis.json").read_bytes()))
    reading, random = store.reading(), Random(1)
    rows: list[list[object]] = []
    for name, prove in (("a record", _prove_record), ("a record's rating sum", _prove_ratings)):
        sizes, seconds = [], []
        for _ in range(count):
            number = random.randrange(RECORDS)
            began = time.perf_counter()
            proof = prove(reading, make_key(number % 1_000).public, f"r{number}")
            seconds.append(time.perf_counter() - began)
            sizes.append(sum(map(len, proof.nodes)))
        rows.append([name, median(sizes), max(sizes), median(seconds) * 1e6])
    store.close()
    return rows


def _prove_record(reading: SqliteReading, account: bytes, key: str) -> Proof:
    return reading.prove_record(account, "film", key)


def _prove_ratings(reading: SqliteReading, account: bytes, key: str) -> Proof:
    return reading.prove_ratings(f"{account.hex()}/film/{key}")


def main() -> None:
    """Measure and print."""
    options = parse_options(
        f"The ledger alone, on one core: records of {DATA_BYTES} bytes of data, blocks of {BLOCK:,}", seconds=6
    )
    count = max(BLOCK, round(options.seconds) * BLOCK)
    with workshop() as shop:
        rows = measure_path(shop.path / "path.sqlite3", count)
        print_table(["operation", "decode us", "verify us", "execute and commit us", "operations/s in all"], rows)
        print(f"an earlier trial of this path on such a machine reached {TRIAL_RATE:,} operations a second\n")
        genesis = open_ledger(shop.path / "threads.sqlite3")[1]
        rates = measure_threads(genesis, make_puts(genesis, count))
        print_table(
            ["threads", "signatures/s", "ratio"], [[str(n), rate, rate / rates[1]] for n, rate in rates.items()]
        )
        whole, alone = measure_trie(shop.path / "trie.sqlite3", max(20, count // BLOCK * 5))
        print_table(
            ["a rating set", "us each", "ratio"],
            [
                ["its row alone", alone, 1.0],
                ["its row and the sum trie", whole, whole / alone],
                ["the same in an earlier trial", TRIAL_TRIE_US, None],
            ],
        )
    print_table(["proof of, in a million rows", "bytes", "most", "us"], measure_proofs(million_rows(), 1_000))


if __name__ == "__main__":
    main()
