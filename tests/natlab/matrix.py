"""The matrix of hole punching: real nodes and a real client process, pairs of NAT kinds, delays, loss.

``python -m tests.natlab.matrix`` prints for each pair of NATs, over UDP, over TCP and over both raced, how many runs
succeeded, the median and the 95th percentile of the time from the request to the first API answer, the packets that the
client sent to open the path, and which path it was. It ends with 1 if a cell is below what the pair can do (``PAIRS``).

A delay is one way between any two of the three hosts, half of it on the uplink of each; two of them are a round trip.
The median in round trips is told beside it, and ``SLOW`` where it is above a pair's ``round_trips``: that depends on
what else the machine does, so it is no failure.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import attrs
import pytest

from tests.integration.conftest import ROOT
from tests.natlab import natlab
from tests.natlab.nodes import LabNode

Build = Callable[[natlab.Lab], tuple[Any, Any]]
MAPPED_SECONDS = 90.0
START_TRIES = 3

LONG_DELAY = 100.0
"""Milliseconds one way from which on round trips are what takes the time ..."""

OWN_TRIPS = 0.4
"""... and this much of one is left to the three programs, the system and the laboratory."""

RUNS_OF_BENCH = 10
"""So many runs of a cell have the same nodes, whose budgets are made for one requester: the runs stand for many."""


@attrs.frozen
class Pair:
    """A requester and a target.

    :ivar build: Adds their hosts to a lab, requester first.
    :ivar udp: :ivar tcp: Which share of punches has to succeed; None where theory allows no direct path.
    :ivar seconds: How long one may take, for that share.
    :ivar is_open: Whether the target, at a public address, keeps no ports in any NAT.
    :ivar round_trips: How many the first answer may take (the median), where the programs' own time does not count.
    """

    name: str
    build: Build
    udp: float | None = 1.0
    tcp: float | None = 1.0
    seconds: float = 10.0
    round_trips: float | None = None
    is_open: bool = False


def _behind(requester: str | None, target: str | None, both: dict[str, Any] | None = None, **options: Any) -> Build:
    """A host behind a router of each kind, or on the Internet itself.

    :param both: Options of both routers. :param options: Of the one that is not port-restricted, or of the first.
    """

    def build(lab: natlab.Lab) -> tuple[Any, Any]:
        hosts = []
        for name, kind in (("requester", requester), ("target", target)):
            if kind is None:
                hosts.append(lab.public_host(name))
                continue
            chosen = dict(both or {})
            if options and kind != "port-restricted":
                chosen |= options
            hosts.append(lab.nat(f"{name}-nat", kind=kind, **chosen).host(name))
        return hosts[0], hosts[1]

    return build


def _both(kind: str, options: dict[str, Any] | None = None) -> Build:
    """Both behind routers of one kind with the same options."""
    return _behind(kind, kind, options)


def _same(hairpin: bool) -> Build:
    def build(lab: natlab.Lab) -> tuple[Any, Any]:
        router = lab.nat("home", kind="port-restricted", hairpin=hairpin)
        return router.host("requester"), router.host("target")

    return build


def _nested(lab: natlab.Lab) -> tuple[Any, Any]:
    provider = lab.nat("provider", kind="port-restricted")
    home = provider.nat("home", kind="port-restricted")
    return home.host("requester"), lab.nat("office", kind="port-restricted").host("target")


IN_ORDER = {"port_allocation": "sequential"}

PAIRS = (
    Pair("stranger to full cone", _behind(None, "full-cone")),
    Pair("full cone to port-restricted", _behind("full-cone", "port-restricted"), round_trips=4),
    Pair("restricted both", _behind("restricted-cone", "restricted-cone"), round_trips=4),
    Pair("port-restricted both", _both("port-restricted"), round_trips=4),
    Pair("port-restricted, ports kept", _both("port-restricted", {"port_preserving": True}), round_trips=4),
    Pair("port-restricted, resets", _both("port-restricted", {"unsolicited_tcp": "rst"}), seconds=2.0),
    Pair("port-restricted, poisoned", _both("port-restricted", {"poison_lifetime": 30}), seconds=2.0),
    Pair("sequential to port-restricted", _behind("symmetric", "port-restricted", **IN_ORDER), 0.95, None),
    Pair("port-restricted to sequential", _behind("port-restricted", "symmetric", **IN_ORDER), 0.95, None),
    Pair("random to port-restricted", _behind("symmetric", "port-restricted"), 0.98, None),
    Pair("port-restricted to random", _behind("port-restricted", "symmetric"), 0.98, None),
    Pair("symmetric both", _behind("symmetric", "symmetric"), None, None),
    Pair("public to port-restricted", _behind(None, "port-restricted"), round_trips=4),
    Pair("public to symmetric", _behind(None, "symmetric")),
    Pair("symmetric to public", _behind("symmetric", None), is_open=True),
    Pair("port-restricted to public", _behind("port-restricted", None), is_open=True),
    Pair("firewall to port-restricted", _behind("firewall", "port-restricted")),
    Pair("port-restricted to firewall", _behind("port-restricted", "firewall")),
    Pair("firewall both", _both("firewall")),
    Pair("same NAT, hairpin", _same(True)),
    Pair("same NAT, no hairpin", _same(False)),
    Pair("NAT behind NAT", _nested),
    Pair("UDP blocked", _both("port-restricted", {"block_udp": True}), None, 1.0),
)  # fmt: skip


@attrs.frozen
class Cell:
    """What the runs of one pair over one choice of transports came to.

    :ivar runs: What each printed. :ivar delay: Milliseconds one way.
    """

    pair: Pair
    transports: str
    runs: Sequence[dict[str, Any]]
    delay: float

    @property
    def seconds(self) -> list[float]:
        """Of those that succeeded."""
        return sorted(run["seconds"] for run in self.runs if run["path"] is not None)

    @property
    def wanted(self) -> float | None:
        """The share that has to succeed."""
        if "relay" in self.transports:
            return 1.0
        shares = {"udp": self.pair.udp, "tcp": self.pair.tcp}
        known = [share for name in self.transports.split("+") if (share := shares[name]) is not None]
        return max(known, default=None)

    @property
    def is_good(self) -> bool:
        """Whether it is as the pair can do."""
        wanted = self.wanted
        if wanted is None:
            return True
        in_time = sum(seconds <= self.pair.seconds for seconds in self.seconds)
        # Of n runs a share of 98 % allows one failure however few they are.
        return in_time >= len(self.runs) - (0 if wanted == 1.0 else max(1, round((1 - wanted) * len(self.runs))))

    @property
    def round_trips(self) -> float | None:
        """The median time to the first answer; None where nothing succeeded."""
        return statistics.median(self.seconds) / (2 * self.delay / 1000) if self.seconds and self.delay else None

    @property
    def is_slow(self) -> bool:
        """Whether it takes more round trips than it may. At short delays the programs' own time is most of it."""
        trips, wanted = self.round_trips, self.pair.round_trips
        return trips is not None and wanted is not None and self.delay >= LONG_DELAY and trips > wanted + OWN_TRIPS

    def row(self) -> str:
        """A line of the table."""
        seconds, count = self.seconds, len(self.runs)
        paths = Counter(f"{run['transport']} {run['path']} {run['strategy']}" for run in self.runs if run["path"])
        packets = statistics.median(run["packets"] for run in self.runs)
        numbers = ["-", "-", "-"]
        if seconds:
            rank = min(len(seconds) - 1, int(0.95 * len(seconds)))
            median, trips = statistics.median(seconds), self.round_trips
            numbers[0], numbers[2] = f"{1000 * median:.0f} ms", f"{1000 * seconds[rank]:.0f} ms"
            numbers[1] = "-" if trips is None else f"{trips:.1f}"
        wanted = "none" if self.wanted is None else f"{100 * self.wanted:.0f} %"
        best = "; ".join(f"{path} x{times}" for path, times in paths.most_common(2)) or "no direct path"
        mark = "  SLOW" * self.is_slow if self.is_good else "  BELOW"
        return (
            f"{self.pair.name:30} {self.transports:13} {len(seconds):3}/{count:<3} {wanted:>5} "
            f"{numbers[0]:>8} {numbers[1]:>5} {numbers[2]:>8} {packets:7.0f}  {best}{mark}"
        )


HEAD = f"{'pair':30} {'over':13} {'success':7} {'goal':>5} {'median':>8} {'trips':>5} {'p95':>8} {'packets':>7}  path"


class Bench:
    """A lab with a coordinator, and the two sides of a pair.

    :ivar coordinator: :ivar target: The nodes. :ivar node: The target's key, in hex.
    """

    def __init__(self, lab: natlab.Lab, home: Path, pair: Pair) -> None:
        self.coordinator = LabNode(lab.public_host("coordinator"), home / "coordinator", ["--stun", "3478"])
        host, target = pair.build(lab)
        self.target = LabNode(target, home / "target", ["--join", self.coordinator.ws_url])
        self._lab = lab
        self._is_open = pair.is_open
        self._both = (self.coordinator, self.target)
        self._errors = home / "requester.err"
        with self._errors.open("wb") as errors:
            # It loads the library while the nodes start.
            self._requester = host.popen(
                [sys.executable, "-m", "tests.natlab.requester", "--warm"],
                env={"PYTHONPATH": str(ROOT), "PATH": os.defpath, "HOME": "/nonexistent"},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True,
            )  # fmt: skip
        try:
            for node in self._both:
                node.start()
            self.node = str(self.target.call("getnodeinfo")["node"])
            self._wait()
        except BaseException:
            self.close()
            raise

    def _wait(self) -> None:
        """Until the coordinator knows the target's STUN data, with mappings if it has any."""
        deadline = time.monotonic() + MAPPED_SECONDS
        is_mapped = False
        while not is_mapped:
            if time.monotonic() > deadline:
                raise RuntimeError("the target told no mapping in time")
            time.sleep(0.05)
            told = self.coordinator.call("getstuninfo", {"node": self.node})["nodes"]
            own = self.target.call("getstuninfo")
            mappings = {each["transport"] for each in own["mappings"]}
            public = {each["transport"] for record in told for each in record["mappings"]}
            is_mapped = bool(told) and (self._is_open or (bool(mappings) and mappings <= public))

    def impair(self, delay: float, loss: float) -> None:
        """Delay and lose what is between the three hosts."""
        for node in (*self._lab.hosts.values(), *self._lab.nats.values()):
            if node.public_address == node.address:
                node.link.impair(delay_ms=delay / 2, loss_percent=loss / 2)

    def run(self, transports: str) -> dict[str, Any]:
        """One run of the client, in a process of its own."""
        arguments = [self.coordinator.ws_url, self.node, *transports.split("+")]
        self._requester.stdin.write(json.dumps(arguments) + "\n")
        self._requester.stdin.flush()
        told: list[Any] = []
        while not told or not isinstance(told[-1], int):
            line = self._requester.stdout.readline()
            told.append(json.loads(line) if line else 1)
        if len(told) == 1 or told[-1]:
            raise RuntimeError(f"the client failed ({told[-1]}): {self._errors.read_text()[-2000:]}")
        first: dict[str, Any] = told[0]
        return first

    def log(self) -> str:
        """What the nodes wrote."""
        return "".join(node.log for node in self._both)

    def close(self) -> None:
        """End the processes."""
        with self._requester:
            self._requester.terminate()
        for node in reversed(self._both):
            node.close()


@contextmanager
def open_bench(pair: Pair, delay: float = 0.0, loss: float = 0.0) -> Iterator[Bench]:
    """A bench that is closed at the end."""
    with natlab.Lab() as lab, tempfile.TemporaryDirectory() as home:
        bench = Bench(lab, Path(home), pair)
        try:
            if delay or loss:
                bench.impair(delay, loss)
            yield bench
        finally:
            bench.close()


@attrs.frozen
class Choice:
    """What is measured of each pair. :ivar delay: Milliseconds. :ivar loss: Percent."""

    transports: Sequence[str]
    runs: int
    delay: float
    loss: float


@contextmanager
def begin_bench(pair: Pair, choice: Choice) -> Iterator[Bench]:
    """A bench; on a machine that is so busy that its nodes take too long to start, another one.

    :raises RuntimeError: None of them started.
    """
    for tries_left in reversed(range(START_TRIES)):
        with ExitStack() as stack:
            try:
                bench = stack.enter_context(open_bench(pair, choice.delay, choice.loss))
            except (RuntimeError, pytest.fail.Exception) as error:
                if not tries_left:
                    raise RuntimeError(f"no bench came about: {error}") from error
                continue
            yield bench
            return


def measure(pair: Pair, choice: Choice) -> list[Cell]:
    """Run all cells of a pair, and print them; a pair that can't be run has one cell, which is bad."""
    cells: list[Cell] = []
    runs: dict[str, list[dict[str, Any]]] = {each: [] for each in choice.transports}
    try:
        for begun in range(0, choice.runs, RUNS_OF_BENCH):
            with begin_bench(pair, choice) as bench:
                for each in choice.transports:
                    runs[each] += [bench.run(each) for _ in range(min(RUNS_OF_BENCH, choice.runs - begun))]
                    if len(runs[each]) == choice.runs:
                        cells.append(Cell(pair, each, runs[each], choice.delay))
                        print(cells[-1].row(), flush=True)
    except (RuntimeError, natlab.LabError) as error:
        print(f"{pair.name:30} failed: {error}", flush=True)
        failed = {"path": None, "packets": 0, "error": str(error)}
        cells.append(Cell(pair, choice.transports[len(cells)], [failed], choice.delay))
    return cells


def read_delays(text: str) -> list[tuple[float, float]]:
    """Delays in milliseconds, each with its loss in percent.

    :raises ValueError: One is no number.
    """
    parts = [each.partition("/") for each in text.split(",")]
    return [(float(delay), float(loss or 0)) for delay, _, loss in parts]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="tests.natlab.matrix", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=10, help="of each cell (10)")
    parser.add_argument("--delays", default="15", type=read_delays, metavar="DELAY[/LOSS],...",
                        help="milliseconds one way, and percent of the packets that are lost between two hosts (15)")
    parser.add_argument("--over", default="udp,tcp,udp+tcp+relay", help="transports, raced where joined by + (all)")
    parser.add_argument("--pairs", default="", help="only those whose names contain one of these, with semicolons")
    parser.add_argument("--json", type=Path, help="write all runs there")
    parser.add_argument("--jobs", type=int, default=1, help="pairs at the same time: success alone then counts (1)")
    chosen = parser.parse_args(arguments)
    reason = natlab.unavailable_reason()
    if reason is not None:
        print(f"There is no laboratory on this machine: {reason}", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))  # so that labs are closed
    wanted = chosen.pairs.split(";")
    pairs = [pair for pair in PAIRS if any(part in pair.name for part in wanted)]
    cells: list[Cell] = []
    kept = []
    for delay, loss in chosen.delays:
        print(f"\n{delay:g} ms one way, {loss:g} % loss, {chosen.runs} runs a cell\n{HEAD}", flush=True)
        choice = Choice(chosen.over.split(","), chosen.runs, delay, loss)
        with ThreadPoolExecutor(chosen.jobs) as pool:
            # In this thread unless it has to be otherwise: labs of others don't hear of SIGTERM by themselves.
            run_all = map if chosen.jobs == 1 else pool.map
            for found in run_all(lambda pair, choice=choice: measure(pair, choice), pairs):
                cells += found
                kept += [{"pair": cell.pair.name, "over": cell.transports, "delay": delay, "loss": loss,
                          "runs": list(cell.runs)} for cell in found]  # fmt: skip
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(kept, indent=1))
    bad = sum(not cell.is_good for cell in cells)
    slow = sum(cell.is_slow for cell in cells)
    print(f"\n{len(cells)} cells, {bad} below their goal, {slow} slower than it")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
