"""The audit of a database that no node uses, in two processes."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

import attrs

from cloudnode.formats.genesis import Genesis, decode_genesis
from cloudnode.ledger.reading import DataHash
from cloudnode.store.audit.phase import Audit
from cloudnode.store.audit.phases import OFFLINE_PHASES, phase_steps
from cloudnode.store.connection import connect
from cloudnode.store.damage import write_damage
from cloudnode.store.states import load_state

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


def audit_database(path: str, genesis: Genesis, progress: Progress = lambda done: None) -> Report:
    """Audit a database that no node uses, in as many processes as help, and leave word of damage for the next start.

    :param progress: Called now and then with how much is done, 0 to 1.
    """
    rows = 0
    findings: list[str] = []
    # The longest first, so that no core is idle at the end.
    order = ["operations", "sums", "raters", "state"]
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
