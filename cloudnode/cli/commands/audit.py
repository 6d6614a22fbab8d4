"""``cloudnode audit``: check a stopped node's database, every row of it."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cloudnode.cli.exits import CommandError, Exit
from cloudnode.cli.invocation import Invocation
from cloudnode.cli.progress import ProgressBar
from cloudnode.cli.terminal import Terminal
from cloudnode.cli.text import printable
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import Genesis, decode_genesis
from cloudnode.store.audit.run import Report, audit_database

_STEPS = 1000


def run(invocation: Invocation) -> Exit:
    """Audit a data directory and tell what was found."""
    given = invocation.arguments.datadir
    datadir = Path(given) if given else _default_datadir(invocation.environment)
    database = datadir / "ledger.sqlite3"
    terminal = invocation.terminal
    with _hold(datadir):
        genesis = _read_genesis(datadir / "genesis.json")
        if not database.exists():
            raise CommandError(f"{datadir} holds no ledger.sqlite3: name a node's data directory.", Exit.NOT_FOUND)
        bar = ProgressBar(terminal.error_stream, "audit", _STEPS, time.monotonic)
        began = time.monotonic()
        try:
            report = audit_database(str(database), genesis, lambda done: bar.set(int(done * _STEPS)))
        except sqlite3.Error as error:
            raise CommandError(f"{database} can't be read: {error}.", Exit.DAMAGED, "data_corrupt") from error
        seconds = time.monotonic() - began
        bar.finish()
    _tell(terminal, report, seconds)
    return Exit.DAMAGED if report.findings else Exit.OK


def _default_datadir(environment: Mapping[str, str]) -> Path:
    base = environment.get("XDG_DATA_HOME", "")
    if not os.path.isabs(base):
        base = os.path.join(environment.get("HOME", "."), ".local", "share")
    return Path(base) / "cloudnode"


@contextmanager
def _hold(datadir: Path) -> Iterator[None]:
    """Keep a node from starting on the directory meanwhile.

    :raises CommandError: A node runs on it, or it is no data directory.
    """
    if not (datadir / "genesis.json").exists():
        raise CommandError(f"{datadir} is not a node's data directory: it has no genesis.json.", Exit.NOT_FOUND)
    try:
        descriptor = os.open(datadir / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CommandError(f"Cannot open {datadir / 'lock'}: {error.strerror}.") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise CommandError(
            f"A node runs on {datadir}: stop it first, or see its own audit with 'cloudnode status'."
        ) from None
    finally:
        os.close(descriptor)


def _read_genesis(path: Path) -> Genesis:
    try:
        return decode_genesis(path.read_bytes())
    except OSError as error:
        raise CommandError(f"Cannot read {path}: {error.strerror}.") from None
    except LedgerError as error:
        raise CommandError(f"{path} is not a genesis: {error.message}", Exit.DAMAGED, error.code) from None


def _tell(terminal: Terminal, report: Report, seconds: float) -> None:
    state = report.data_hash
    if terminal.is_json:
        terminal.json(
            {
                "ok": not report.findings,
                "height": None if state is None else state.height,
                "root": None if state is None else state.root.hex(),
                "records": None if state is None else state.records,
                "ratings_count": None if state is None else state.ratings_count,
                "ratings_sum": None if state is None else state.ratings_sum,
                "accounts": None if state is None else state.accounts,
                "rows": report.rows,
                "seconds": round(seconds, 3),
                "findings": report.findings,
            }
        )
        return
    pairs = []
    if state is not None:
        pairs = [
            ("height", f"{state.height:,}"),
            ("root", state.root.hex()),
            ("records", f"{state.records:,} of {state.accounts:,} accounts"),
            ("ratings", f"{state.ratings_count:,}, sum {state.ratings_sum:,}"),
        ]
    rate = report.rows / max(seconds, 1e-9)
    pairs.append(("rows", f"{report.rows:,} checked in {seconds:.2f} s, {rate:,.0f} a second"))
    terminal.pairs(pairs)
    for finding in report.findings:
        terminal.line(terminal.paint(f"damage: {printable(finding)}", "red"))
    if report.findings:
        count = len(report.findings)
        terminal.line(terminal.paint(f"{count} findings: do not serve from this database", "red", "bold"))
    else:
        terminal.line(terminal.paint("all sound", "green"))
