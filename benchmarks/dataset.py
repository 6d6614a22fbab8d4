"""A database of a million rows, built once by the store's own code and kept below ``build/``.

50,000 records and 950,000 ratings by 1,000 accounts, in blocks as large as the network allows, and so many empty
blocks after them that no old state is left. Signatures are filler: neither a start nor an audit looks at them again.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

from benchmarks.operations import TIME, Validator, make_key, make_put
from benchmarks.processes import BUILD
from cloudnode.formats.operation import Envelope, Operation, build_rate, decode_operation
from cloudnode.node.datadir import Datadir
from cloudnode.store.schema import SCHEMA_VERSION
from cloudnode.store.sqlite import SqliteStore

RECORDS = 50_000
RATINGS = 950_000

_ACCOUNTS = 1_000
_BLOCK = 2_000
_LIFETIME = 20
_EMPTY_BLOCKS = 1_100
_SIGNATURE = bytes(64)


def million_rows() -> Path:
    """The data directory of the database, built if it is not there."""
    return build_rows(BUILD / "million", RECORDS, RATINGS)


def some_rows(rows: int) -> Path:
    """The data directory of a database of the same kind with so many records and ratings, built if it is not there."""
    if rows == RECORDS + RATINGS:
        return million_rows()
    return build_rows(BUILD / f"rows-{rows}", rows // 20, rows - rows // 20)


def build_rows(directory: Path, records: int, ratings: int) -> Path:
    """A data directory with so many records and ratings, built if it is not there."""
    version = {"schema": SCHEMA_VERSION, "records": records, "ratings": ratings, "dataset": 1}
    built = directory / "built.json"
    if built.exists() and json.loads(built.read_text()) == version:
        return directory
    if directory.exists():
        shutil.rmtree(directory)
    began = time.monotonic()
    print(f"building {records:,} records and {ratings:,} ratings in {directory}, once ...", flush=True)
    _build(directory, records, ratings)
    built.write_text(json.dumps(version))
    print(f"built in {time.monotonic() - began:.0f} s\n", flush=True)
    return directory


def _build(directory: Path, records: int, ratings: int) -> None:
    datadir = Datadir.open(directory)
    store = SqliteStore.open(str(datadir.database), datadir.genesis)
    validator = Validator(store, datadir.genesis, datadir.validator_key)
    try:
        operations = _operations(datadir, store, records, ratings)
        while batch := list(islice(operations, _BLOCK)):
            if any(validator.write(batch)):
                raise RuntimeError("the ledger's rules refuse an operation")
        for _ in range(_EMPTY_BLOCKS):
            validator.write([])
    finally:
        store.close()
        datadir.close()


def _operations(datadir: Datadir, store: SqliteStore, records: int, ratings: int) -> Iterator[Operation]:
    random = Random(1)
    keys = [make_key(number) for number in range(_ACCOUNTS)]
    for number in range(records):
        body = make_put(_envelope(datadir, store, keys[number % _ACCOUNTS].public), "film", number)
        yield decode_operation(body, _SIGNATURE, datadir.genesis)
    for mine, key in enumerate(keys):
        others = (number for number in random.sample(range(records), records) if number % _ACCOUNTS != mine)
        for number in islice(others, ratings // _ACCOUNTS):
            record = f"{keys[number % _ACCOUNTS].public.hex()}/film/r{number}"
            body = build_rate(_envelope(datadir, store, key.public), record, random.randint(1, 5))
            yield decode_operation(body, _SIGNATURE, datadir.genesis)


def _envelope(datadir: Datadir, store: SqliteStore, account: bytes) -> Envelope:
    height = store.head.height + 1
    return Envelope(datadir.genesis.network, account, TIME + height, height, height + _LIFETIME)
