"""A process that does to operations what every node must do to each at least, and nothing else.

Run as ``python -m benchmarks.floor DATABASE OPERATIONS BLOCK``: makes a database, says that it is ready, waits for a
line, then decodes, verifies, executes and commits all operations in one thread, block by block, and prints what that
took.
"""

from __future__ import annotations

import gc
import sys
import time
from pathlib import Path

import attrs
import msgspec

from benchmarks.alone import open_ledger, run_steps
from benchmarks.operations import Validator

Signed = list[tuple[bytes, bytes]]


@attrs.frozen
class Floor:
    """What it took: processor seconds of each step, and seconds from the line to the end."""

    decode: float
    verify: float
    write: float
    seconds: float


def main() -> None:
    """Do it."""
    database, operations, block = sys.argv[1:]
    store, genesis, key = open_ledger(Path(database))
    signed = msgspec.msgpack.decode(Path(operations).read_bytes(), type=Signed)
    gc.freeze()  # as a node does
    gc.set_threshold(50_000)
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    steps = run_steps(Validator(store, genesis, key), genesis, signed, int(block), time.process_time)
    floor = Floor(steps.decode, steps.verify, steps.write, time.monotonic() - began)
    store.close()
    print(msgspec.json.encode(floor).decode(), flush=True)


if __name__ == "__main__":
    main()
