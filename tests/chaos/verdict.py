"""What holds in the end: the databases of all nodes against each other, the input, and what clients were told."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs

from tests.chaos.compare import Snapshot, compare
from tests.integration.conftest import NodeProcess
from tests.movielens import Data

SAME_HEAD_SECONDS = 30.0
_TOLD = 5
_INDEX_BITS = 20  # of a position in the log (docs/ledger.md)


@attrs.frozen
class Finding:
    """One thing that was looked at. :ivar is_good: Whether it is as it must be."""

    is_good: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok  ' if self.is_good else 'FAIL'}  {self.text}"


@attrs.frozen
class Outcome:
    """All findings. :ivar told: What there is to say besides: nothing."""

    findings: tuple[Finding, ...]
    told: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether all are."""
        return all(finding.is_good for finding in self.findings)


@attrs.frozen
class Told:
    """An operation that was answered final, with its place in the log."""

    id: bytes
    position: int


def read_finals(lines: Iterable[str]) -> list[Told]:
    """What the clients wrote: id, height, index a line. A last line that was cut off by the end is left out."""
    told = []
    for line in lines:
        if line.endswith("\n"):
            operation, height, index = line.split()
            told.append(Told(bytes.fromhex(operation), int(height) << _INDEX_BITS | int(index)))
    return told


def missing(told: Iterable[Told], operations: dict[int, bytes]) -> list[Told]:
    """Those that are not where they were told to be."""
    return [each for each in told if operations.get(each.position) != each.id]


def judge(
    nodes: Sequence[NodeProcess],
    data: Data,
    finals: Path,
    load: dict[str, Any],
    least: float,
    findings: Sequence[Finding],
) -> Outcome:
    """Look at everything.

    :param findings: What was found before. :param least: Operations a second that are expected.
    """
    found = list(findings)
    wanted = data.films + data.count
    final, seconds = load["final"], load["seconds"]
    rate = final / seconds if seconds else 0.0
    found.append(Finding(final == wanted, f"{final:,} of {wanted:,} operations answered final"))
    speed = f"{rate:,.0f} operations a second over {seconds:.1f} s, faults included"
    found.append(Finding(rate >= least, speed + (f"; {least:,.0f} were expected" if least else "")))
    for number, node in enumerate(nodes, 1):
        if "Traceback (most recent call last)" in node.log:
            found.append(Finding(False, f"node {number} has a traceback in its log {node.log_path}"))
    with contextlib.ExitStack() as stack:
        try:
            snapshots = open_snapshots(nodes, stack)
        except sqlite3.Error as error:
            found.append(Finding(False, f"a database can't be read: {error}"))
        else:
            found += _judge_databases(snapshots, data, read_finals(finals.read_text().splitlines(keepends=True)))
    return Outcome(tuple(found))


def open_snapshots(nodes: Sequence[NodeProcess], stack: contextlib.ExitStack) -> list[Snapshot]:
    """Snapshots of all databases at the same height: an idle network makes an empty block now and then."""
    deadline = time.monotonic() + SAME_HEAD_SECONDS
    while True:
        snapshots = []
        with contextlib.ExitStack() as opening:
            for node in nodes:
                snapshot = Snapshot(node.datadir / "ledger.sqlite3")
                opening.callback(snapshot.close)
                snapshots.append(snapshot)
            if len({snapshot.head for snapshot in snapshots}) == 1 or time.monotonic() > deadline:
                stack.push(opening.pop_all())
                return snapshots
        time.sleep(0.1)


def _judge_databases(snapshots: Sequence[Snapshot], data: Data, told: Sequence[Told]) -> list[Finding]:
    heads = sorted({snapshot.head for snapshot in snapshots})
    found = [Finding(len(heads) == 1, f"newest heights {heads}")]
    wanted = (data.films, data.count, data.stars)
    for number, snapshot in enumerate(snapshots, 1):
        held = snapshot.data()
        if held != wanted:
            found.append(Finding(False, f"node {number} holds {held} (records, ratings, sum), not {wanted}"))
    if all(finding.is_good for finding in found):
        found.append(
            Finding(True, f"every node holds {data.films:,} records and {data.count:,} ratings with sum {data.stars:,}")
        )
    found += judge_rows(snapshots)
    lacking = False
    for number, snapshot in enumerate(snapshots, 1):
        lost = missing(told, snapshot.operations())
        if lost:
            examples = ", ".join(each.id.hex()[:16] for each in lost[:_TOLD])
            found.append(Finding(False, f"node {number} lacks {len(lost):,} operations answered final: {examples}"))
            lacking = True
    if not lacking:
        words = f"all {len(told):,} operations answered final are in every log, where they were told to be"
        found.append(Finding(True, words))
    return found


def judge_rows(snapshots: Sequence[Snapshot]) -> list[Finding]:
    """See that all databases are the same, row for row."""
    first, *others = snapshots
    found = []
    rows = tables = 0
    for number, other in enumerate(others, 2):
        comparison = compare(first, other)
        rows, tables = comparison.rows, comparison.tables
        found += [Finding(False, f"nodes 1 and {number}: {difference}") for difference in comparison.differences]
    if not found:
        found.append(Finding(True, f"{len(snapshots)} databases are the same in {rows:,} rows of {tables} tables"))
    return found
