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
_VERSION = {"schema": SCHEMA_VERSION, "records": RECORDS, "ratings": RATINGS, "dataset": 1}
_SIGNATURE = bytes(64)


def million_rows() -> Path:
    """The data directory of the database, built if it is not there."""
    directory = BUILD / "million"
    built = directory / "built.json"
    if built.exists() and json.loads(built.read_text()) == _VERSION:
        return directory
    if directory.exists():
        shutil.rmtree(directory)
    began = time.monotonic()
    print(f"building {RECORDS:,} records and {RATINGS:,} ratings in {directory}, once, some minutes ...", flush=True)
    _build(directory)
    built.write_text(json.dumps(_VERSION))
    print(f"built in {time.monotonic() - began:.0f} s\n", flush=True)
    return directory


def _build(directory: Path) -> None:
    datadir = Datadir.open(directory)
    store = SqliteStore.open(str(datadir.database), datadir.genesis)
    validator = Validator(store, datadir.genesis, datadir.validator_key)
    try:
        operations = _operations(datadir, store)
        while batch := list(islice(operations, _BLOCK)):
            if any(validator.write(batch)):
                raise RuntimeError("the ledger's rules refuse an operation")
        for _ in range(_EMPTY_BLOCKS):
            validator.write([])
    finally:
        store.close()
        datadir.close()


def _operations(datadir: Datadir, store: SqliteStore) -> Iterator[Operation]:
    random = Random(1)
    keys = [make_key(number) for number in range(_ACCOUNTS)]
    for number in range(RECORDS):
        body = make_put(_envelope(datadir, store, keys[number % _ACCOUNTS].public), "film", number)
        yield decode_operation(body, _SIGNATURE, datadir.genesis)
    for mine, key in enumerate(keys):
        others = (number for number in random.sample(range(RECORDS), RECORDS) if number % _ACCOUNTS != mine)
        for number in islice(others, RATINGS // _ACCOUNTS):
            record = f"{keys[number % _ACCOUNTS].public.hex()}/film/r{number}"
            body = build_rate(_envelope(datadir, store, key.public), record, random.randint(1, 5))
            yield decode_operation(body, _SIGNATURE, datadir.genesis)


def _envelope(datadir: Datadir, store: SqliteStore, account: bytes) -> Envelope:
    height = store.head.height + 1
    return Envelope(datadir.genesis.network, account, TIME + height, height, height + _LIFETIME)
