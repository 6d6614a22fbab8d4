"""``cloudnode audit`` on a million rows, against a bare scan of the file."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from statistics import median

import attrs

from benchmarks.dataset import million_rows
from benchmarks.options import parse_options
from benchmarks.tables import Goal, print_table
from cloudnode.formats.genesis import Genesis, decode_genesis
from cloudnode.store.audit.phase import Audit
from cloudnode.store.audit.phases import OFFLINE_PHASES, phase_steps
from cloudnode.store.audit.run import audit_database
from cloudnode.store.connection import connect
from cloudnode.store.state import ROWS_SQL


def scan_state(connection: sqlite3.Connection) -> int:
    """Hash each row of the five tables that the root binds."""
    rows = 0
    for sql in ROWS_SQL.values():
        for key, value in connection.execute(sql, (b"", b"\xff" * 65)):
            sha256(key + value).digest()
            rows += 1
    return rows


def scan_all(connection: sqlite3.Connection) -> int:
    """Hash each row of each table; indexes and the words of the search are left out."""
    names = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'words%' AND name NOT LIKE 'sqlite%'"
    ).fetchall()
    rows = 0
    for (name,) in names:
        for row in connection.execute(f"SELECT * FROM {name}"):
            sha256(b"".join(value if isinstance(value, bytes) else str(value).encode() for value in row)).digest()
            rows += 1
    return rows


def main() -> None:
    """Measure and print."""
    options = parse_options("Audit of a million rows, all checks that 'cloudnode audit' makes", rounds=2)
    data = million_rows()
    path, genesis = data / "ledger.sqlite3", decode_genesis((data / "genesis.json").read_bytes())
    print(f"a file of {path.stat().st_size / 1e6:,.0f} MB")
    seconds: dict[str, list[float]] = {}
    rows: dict[str, int] = {}
    for _ in range(options.rounds):
        for name, scan in (("scan of the state, SHA-256", scan_state), ("scan of all tables, SHA-256", scan_all)):
            began = time.perf_counter()
            rows[name] = _scan(path, scan)
            seconds.setdefault(name, []).append(time.perf_counter() - began)
        began = time.perf_counter()
        report = audit_database(str(path), genesis)
        seconds.setdefault("audit, all checks", []).append(time.perf_counter() - began)
        if report.findings:
            raise RuntimeError(f"the database is damaged: {report.findings}")
        rows["audit, all checks"] = report.rows
    rows["audit, rows of the state"] = report.state_rows
    seconds["audit, rows of the state"] = seconds["audit, all checks"]
    base = seconds["scan of all tables, SHA-256"]
    base_rate = rows["scan of all tables, SHA-256"] / median(base)
    table = []
    for name, each in seconds.items():
        rate = rows[name] / median(each)
        table.append([name, rows[name], median(each), rate, rate / base_rate])
    print_table(["what", "rows", "seconds", "rows/s", "ratio"], table)
    print("A row is counted once for each check that looked at it; the scans take one core, the audit two.\n")
    checks = [_check_alone(path, genesis, name) for name in OFFLINE_PHASES]
    print("each check alone, by processor time")
    print_table(
        ["check", "rows", "CPU seconds", "rows/CPU s"],
        [[each.name, each.rows, each.seconds, each.rows / each.seconds] for each in checks],
        [
            Goal("all checks: rows a second", report.rows / median(seconds["audit, all checks"]), 500_000, "/s"),
            Goal(
                "the state recomputed from its rows, rows a CPU second",
                next(each.rows / each.seconds for each in checks if each.name == "state"),
                500_000,
                "/s",
            ),
        ],
    )


@attrs.frozen
class Check:
    """One check of the audit: rows it looked at, and seconds of processor time."""

    name: str
    rows: int
    seconds: float


def _check_alone(path: Path, genesis: Genesis, name: str) -> Check:
    audit = Audit(connect(str(path)), genesis)
    began = time.process_time()
    for _ in phase_steps(audit, name):
        pass
    spent = time.process_time() - began
    audit.connection.close()
    return Check(name, audit.rows, max(spent, 1e-6))


def _scan(path: Path, scan: Callable[[sqlite3.Connection], int]) -> int:
    connection = connect(str(path), read_only=True)
    try:
        return scan(connection)
    finally:
        connection.close()


if __name__ == "__main__":
    main()
