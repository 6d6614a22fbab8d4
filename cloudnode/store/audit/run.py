"""Running an audit: all phases, one after the other or in two processes."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

import attrs

from cloudnode.formats.genesis import Genesis, decode_genesis
from cloudnode.ledger.reading import DataHash
from cloudnode.store.audit.log import check_blocks, check_checksums, check_operations, check_system
from cloudnode.store.audit.phase import Audit, Phase
from cloudnode.store.audit.records import check_records, check_scores, check_totals, check_totals_at_once
from cloudnode.store.audit.state import check_roots, check_state
from cloudnode.store.audit.structure import check_structure
from cloudnode.store.audit.words import check_words
from cloudnode.store.connection import connect
from cloudnode.store.damage import write_damage
from cloudnode.store.states import load_state

PHASES: dict[str, Phase] = {
    "structure": check_structure,
    "roots": check_roots,
    "state": check_state,
    "records": check_records,
    "scores": check_scores,
    "totals": check_totals,
    "system": check_system,
    "checksums": check_checksums,
    "blocks": check_blocks,
    "operations": check_operations,
}
"""What a running node checks in the background."""

OFFLINE_PHASES: dict[str, Phase] = PHASES | {"totals": check_totals_at_once, "words": check_words}

Progress = Callable[[float], None]


@attrs.frozen
class Report:
    """What an audit found.

    :ivar data_hash: The root and sums of the newest state, or None if not even that could be read.
    :ivar rows: Rows checked, each once for each phase that looked at it.
    :ivar state_rows: Rows of the five tables that the root binds.
    :ivar findings: One sentence each; empty if all is sound.
    """

    data_hash: DataHash | None
    rows: int
    state_rows: int
    findings: tuple[str, ...]


_OUTSIDE = {
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN,
}  # fmt: skip
"""Errors that say something of the machine and nothing of the database."""


def phase_steps(audit: Audit, name: str) -> Iterator[float]:
    """One phase, with whatever SQLite stumbles over turned into a finding.

    :raises sqlite3.OperationalError: The check could not be made (no memory, a lock): no finding.
    """
    try:
        yield from OFFLINE_PHASES[name](audit)
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _OUTSIDE:
            raise
        audit.found(f"page corruption while checking {name}: {error}")
    except Exception as error:
        # A damaged value can be of any type and size. That a check fails over it is a finding, not a fault.
        audit.found(f"checking {name} failed over what it read: {type(error).__name__}: {error}")


def audit_steps(audit: Audit) -> Iterator[float]:
    """All phases that a running node can take, in steps of some milliseconds (but for ``structure``)."""
    for number, name in enumerate(PHASES):
        for done in phase_steps(audit, name):
            yield (number + min(done, 1.0)) / len(PHASES)


def audit_database(path: str, genesis: Genesis, progress: Progress = lambda done: None) -> Report:
    """Audit a database that no node uses, in as many processes as help, and leave word of damage for the next start.

    :param progress: Called now and then with how much is done, 0 to 1.
    """
    rows = 0
    findings: list[str] = []
    # The longest first, so that no core is idle at the end.
    order = ["structure", "state", "operations", "totals", "scores"]
    order += [name for name in OFFLINE_PHASES if name not in order]
    with ProcessPoolExecutor(min(2, os.cpu_count() or 1), get_context("forkserver")) as processes:
        running = [processes.submit(_run_phase, path, genesis.text, name) for name in order]
        for done, phase in enumerate(as_completed(running), 1):
            phase_rows, found = phase.result()
            rows += phase_rows
            findings += [sentence for sentence in found if sentence not in findings]
            progress(done / len(running))
    write_damage(path, tuple(findings))
    data_hash, state_rows = _summary(path)
    return Report(data_hash, rows, state_rows, tuple(findings))


def _run_phase(path: str, genesis_text: bytes, name: str) -> tuple[int, list[str]]:
    audit = Audit(connect(path), decode_genesis(genesis_text))
    try:
        for _ in phase_steps(audit, name):
            pass
    finally:
        audit.connection.close()
    return audit.rows, audit.findings


def _summary(path: str) -> tuple[DataHash | None, int]:
    connection = connect(path, read_only=True)
    try:
        (height,) = connection.execute("SELECT max(height) FROM states").fetchone()
        state = load_state(connection, height)
    except (sqlite3.DatabaseError, TypeError):
        return None, 0
    finally:
        connection.close()
    if state is None:
        return None, 0
    return state.data_hash(), sum(int.from_bytes(entry[48:56], "big") for entry in state.entries)
