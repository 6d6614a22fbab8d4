"""The ends of the epochs: a chain of its own from the genesis to the present validators."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from cloudnode.formats.block import Header
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.finality import Finality
from cloudnode.ledger.system import VALIDATORS, encode_validators
from cloudnode.store.audit.phase import Audit
from cloudnode.store.epochs import EpochEnd, Epochs

_A_STEP = 5
"""Ends in one step, each with up to some hundred signatures."""


def check_epochs(audit: Audit) -> Iterator[float]:
    """Each end with its signatures, against the one before it and the block in the log; the last against the state."""
    epoch: Epoch | None = Epoch.of_genesis(audit.genesis)
    first = 0
    while epoch is not None:
        with audit.snapshot() as connection:
            ends = Epochs(connection, audit.genesis).some_ends(first, _A_STEP)
            for end in ends:
                epoch = None if epoch is None else _after(audit, connection, epoch, end)
            if epoch is not None and len(ends) < _A_STEP:
                _check_present(audit, connection, epoch)
        audit.rows += len(ends)
        if len(ends) < _A_STEP:
            break
        first = ends[-1].number + 1
        yield 0.5
    yield 1.0


def _after(audit: Audit, connection: sqlite3.Connection, epoch: Epoch, end: EpochEnd) -> Epoch | None:
    """The next epoch; None after a finding, for then nothing is known of the validators."""
    if end.number != epoch.number:
        audit.found(f"table epochs: how epoch {epoch.number} ended is missing")
        return None
    block = connection.execute("SELECT hash FROM blocks WHERE height = ?", (end.last_height,)).fetchone()
    try:
        header = Header.decode(end.header)
        after = epoch.next(header, Finality.decode(end.finality), end.validators)
    except LedgerError:
        after = None
    else:
        told = (end.hash, end.last_height, end.hash if block is None else block[0])
        if told != (header.hash, header.height, header.hash):
            after = None
    if after is None:
        audit.found(f"table epochs: epoch {epoch.number} did not end as it says")
    return after


def _check_present(audit: Audit, connection: sqlite3.Connection, epoch: Epoch) -> None:
    row = connection.execute("SELECT content FROM system WHERE name = ?", (VALIDATORS,)).fetchone()
    if row is None or row[0] != encode_validators(epoch.number, epoch.validators):
        audit.found(f"table epochs: the validators after epoch {epoch.number - 1} are not those of the state")
