"""Who does the work of an audit: a portion at a time, in this process or in one of its own.

In a process of its own an audit does not hold up the node by Python's lock, and gives way where processors are scarce:
while all are busy it gets a tenth of what a process like the node gets. An urgent one gets as much as others, and two
processes; so does one that may take more than one core, but that it gives way.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from multiprocessing.connection import wait
from typing import Protocol

import attrs

from cloudnode.formats.genesis import Genesis, decode_genesis
from cloudnode.ledger.reading import Place, Spots
from cloudnode.store.audit.phase import Audit, Phase
from cloudnode.store.audit.phases import LANE_PHASES, LANES, PHASES, PROCESS_PHASES, audit_steps
from cloudnode.store.childprocess import start_module
from cloudnode.store.connection import connect


@attrs.frozen
class Effort:
    """How much an audit may take.

    :ivar nice: By so much it gives way (nice(2)). :ivar processes: In so many it is done, with a processor for each.
    """

    nice: int
    processes: int


CALM = Effort(10, 1)
WIDE = Effort(10, 2)
URGENT = Effort(0, 2)

_CACHE_KIB = 4096

_OBJECTS_PER_COLLECTION = 100_000

_ALL_PHASES = PROCESS_PHASES | LANE_PHASES

_MAPPED = "mapped"
_UNMAPPED = "unmapped"


@attrs.frozen
class Portion:
    """How far an audit is.

    :ivar done: 0 to 1; None once it is over. :ivar rows: Checked so far.
    :ivar findings: :ivar heights: :ivar is_torn: As of :class:`cloudnode.store.audit.phase.Audit`.
    :ivar is_log_only: Whether all that was found is of blocks of the log, and the state and what follows from it were
        found sound before that.
    :ivar places: :ivar indexes: :ivar is_local: As of :class:`~cloudnode.store.audit.phase.Audit`.
    """

    done: float | None
    rows: int
    findings: list[str]
    heights: list[int]
    is_torn: bool
    is_log_only: bool = False
    places: list[Place] = attrs.Factory(list)
    indexes: list[str] = attrs.Factory(list)
    is_local: bool = False

    @property
    def spots(self) -> Spots | None:
        """All that was found, if it is said where that is."""
        return Spots(tuple(self.heights), tuple(self.places), tuple(self.indexes)) if self.is_local else None


class AuditWorker(Protocol):
    """One audit, from its beginning on."""

    def work(self, seconds: float) -> Portion:
        """Go on for so long, or to the end; for a thread.

        :raises OSError: :raises sqlite3.OperationalError: It can't be done for reasons outside of the database.
        """

    def interrupt(self) -> None:
        """Have :meth:`work` return soon; from another thread."""

    def close(self) -> None:
        """Give it up."""


MakeAuditWorker = Callable[[str, Genesis, Effort], AuditWorker]
"""Takes the path and the genesis."""


class AuditHere:
    """An audit in this process."""

    def __init__(
        self, path: str, genesis: Genesis, effort: Effort, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._audit, self._steps = _begin(path, genesis, _CACHE_KIB, PHASES)
        self._clock = clock
        self._is_interrupted = False

    def work(self, seconds: float) -> Portion:
        end = self._clock() + seconds
        done = _advance(self._steps, lambda: self._is_interrupted or self._clock() >= end)
        return _portion(self._audit, done)

    def interrupt(self) -> None:
        self._is_interrupted = True
        # The structure of a large table is checked in one call; it need not be waited for.
        self._audit.connection.interrupt()

    def close(self) -> None:
        self._audit.connection.close()


def _begin(
    path: str, genesis: Genesis, cache_kib: int, phases: Mapping[str, Phase], is_mapped: bool = False
) -> tuple[Audit, Iterator[float]]:
    """An audit and its steps; one that is over, with a finding, if SQLite does not take the file for a database."""
    try:
        audit = Audit(connect(path, read_only=True, cache_kib=cache_kib, is_mapped=is_mapped), genesis)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError as error:
        audit = Audit(sqlite3.connect(":memory:"), genesis)
        audit.found(f"{path} can't be opened: {error}", is_torn=True)
        return audit, iter(())
    return audit, audit_steps(audit, phases)


def _advance(steps: Iterator[float], is_enough: Callable[[], bool]) -> float | None:
    for done in steps:
        if is_enough():
            return done
    return None


def _portion(audit: Audit, done: float | None) -> Portion:
    return Portion(
        done, audit.rows, list(audit.findings), sorted(audit.heights), audit.is_torn, _is_log_only(audit),
        sorted(audit.places), sorted(audit.indexes), audit.is_local,
    )  # fmt: skip


def _is_log_only(audit: Audit) -> bool:
    """The log is looked at after all else that the state's soundness depends on (:data:`PHASES`)."""
    return audit.is_log_only and bool(audit.heights)


def start_audit_process(path: str, genesis: Genesis, effort: Effort) -> AuditWorker:
    """An audit in one process of its own, or in two."""
    if min(effort.processes, os.cpu_count() or 1) == 1:
        return AuditProcess(path, genesis, effort.nice, tuple(PROCESS_PHASES))
    return AuditLanes([partial(AuditProcess, path, genesis, effort.nice, phases) for phases in LANES])


class AuditProcess:
    """An audit in a process of its own, which ends with this object, or with this process.

    It reads from a mapping of the file. If that ends the process, because a page can't be read, another one begins anew
    without: there SQLite says which page that is.
    """

    def __init__(self, path: str, genesis: Genesis, nice: int, phases: Sequence[str]) -> None:
        """:param phases: Names of :data:`~cloudnode.store.audit.phases.PROCESS_PHASES` or ``LANE_PHASES``."""
        self._arguments = path, str(nice), ",".join(phases)
        self._genesis = genesis.text.hex()
        self._is_interrupted = False
        self._start(_MAPPED)

    def _start(self, how: str) -> None:
        self._how = how
        self._process = start_module("cloudnode.store.audit.worker", *self._arguments, how)
        self._send(self._genesis)
        if self._is_interrupted:
            self._process.kill()

    def _send(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def work(self, seconds: float) -> Portion:
        self.begin_work(seconds)
        return self.end_work()

    def begin_work(self, seconds: float) -> None:
        """Have it go on for so long, without waiting for it."""
        self._seconds = seconds
        self._send(str(seconds))

    @property
    def answers(self) -> int:
        """A file descriptor that can be read once :meth:`end_work` need not wait."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def end_work(self) -> Portion:
        """Wait for the end of :meth:`begin_work`."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            if status not in (-signal.SIGBUS, -signal.SIGSEGV) or self._how != _MAPPED:
                raise ChildProcessError(f"the process of the audit ended with status {status}")
            self.close()
            self._start(_UNMAPPED)
            return self.work(self._seconds)
        told = json.loads(line)
        return Portion(**told | {"places": [(table, prefix) for table, prefix in told["places"]]})

    def interrupt(self) -> None:
        self._is_interrupted = True
        self._process.kill()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with contextlib.suppress(OSError):  # over what could not be sent any more
                pipe.close()


_NOTHING_YET = Portion(0.0, 0, [], [], False)


class AuditLanes:
    """An audit in several processes at once, each of which goes through some of the phases."""

    def __init__(self, lanes: Iterable[Callable[[], AuditProcess]]) -> None:
        self._portions: dict[AuditProcess, Portion] = {}
        self._at_work: list[AuditProcess] = []
        self._findings: list[str] = []
        self._lanes: list[AuditProcess] = []
        try:
            for make in lanes:
                self._lanes.append(make())
        except OSError:
            self.close()
            raise

    def work(self, seconds: float) -> Portion:
        """Go on for so long. A lane in a long step stays at work beyond that, and nothing waits for it. When it comes
        out of that before the time is over, it goes on for the rest: else the lanes would take turns."""
        end = time.monotonic() + seconds
        for lane in self._lanes:
            if lane not in self._at_work and not self._is_over(lane):
                self._begin(lane, seconds)
        while self._at_work:
            ready = wait([lane.answers for lane in self._at_work], max(0.0, end - time.monotonic()))
            if not ready:
                break
            for lane in [lane for lane in self._at_work if lane.answers in ready]:
                self._at_work.remove(lane)
                self._portions[lane] = lane.end_work()
                left = end - time.monotonic()
                if left > 0 and not self._portions[lane].findings and not self._is_over(lane):
                    self._begin(lane, left)
            if any(portion.findings for portion in self._portions.values()):
                break
        return self._portion()

    def _begin(self, lane: AuditProcess, seconds: float) -> None:
        lane.begin_work(seconds)
        self._at_work.append(lane)

    def _is_over(self, lane: AuditProcess) -> bool:
        return lane in self._portions and self._portions[lane].done is None

    def _portion(self) -> Portion:
        portions = [self._portions.get(lane, _NOTHING_YET) for lane in self._lanes]
        for portion in portions:
            # In the order in which they came: who reads them remembers how many there were.
            self._findings += [finding for finding in portion.findings if finding not in self._findings]
        # What one lane found is put right before the others look for more.
        is_over = any(portion.done is None and portion.findings for portion in portions)
        going_on = [portion.done for portion in portions if portion.done is not None]
        return Portion(
            None if is_over or not going_on else sum(going_on, len(portions) - len(going_on)) / len(portions),
            sum(portion.rows for portion in portions),
            list(self._findings),
            sorted({height for portion in portions for height in portion.heights}),
            any(portion.is_torn for portion in portions),
            bool(self._findings)
            and all(portion.is_log_only if portion.findings else portion.done is None for portion in portions),
            sorted({place for portion in portions for place in portion.places}),
            sorted({index for portion in portions for index in portion.indexes}),
            all(portion.is_local for portion in portions if portion.findings),
        )

    def interrupt(self) -> None:
        for lane in self._lanes:
            lane.interrupt()

    def close(self) -> None:
        for lane in self._lanes:
            lane.close()


def main() -> None:
    """Audit the database that the first argument names, as the lines from standard input say."""
    with contextlib.suppress(OSError):  # a supervisor may forbid it
        os.nice(int(sys.argv[2]))
    # There are no cycles to look for among rows, and to look for them takes a twentieth of the time.
    gc.set_threshold(_OBJECTS_PER_COLLECTION)
    lines = iter(sys.stdin)
    genesis = decode_genesis(bytes.fromhex(next(lines)))
    phases = {name: _ALL_PHASES[name] for name in sys.argv[3].split(",")}
    audit, steps = _begin(sys.argv[1], genesis, _CACHE_KIB * 4, phases, sys.argv[4] == _MAPPED)
    for line in lines:
        end = time.monotonic() + float(line)
        done = _advance(steps, lambda end=end: time.monotonic() >= end)  # type: ignore[misc]
        print(json.dumps(attrs.asdict(_portion(audit, done))), flush=True)


if __name__ == "__main__":
    main()
