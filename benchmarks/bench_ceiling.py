"""What a network of nodes on this machine could reach at most, if nodes did nothing but what each of them must.

Every node of a network decodes, verifies, executes and commits every operation: there is no way around it for whoever
believes nobody. So as many processes as the network has nodes do just that, at the same time, with the operations that
``bench_network`` sends and in blocks as large as the goal makes them: no link, no vote, no client, no answer. What a
network reaches is less, and how much less is what the rest costs. Other work on the machine makes the rate smaller;
what could be done at most follows from the processor time, which it makes only a little greater.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import attrs
import msgspec

from benchmarks.alone import open_ledger
from benchmarks.bench_network import GOAL, NODES, Films
from benchmarks.floor import Floor, Signed
from benchmarks.operations import TIME
from benchmarks.options import parse_options
from benchmarks.processes import module
from benchmarks.servers import workshop
from benchmarks.tables import Goal, print_table
from cloudnode.formats.operation import Envelope, sign_operation

PACE_SECONDS = 1.0
"""A block a second is what ``bench_network`` and the trials with MovieLens have."""


@attrs.frozen
class Measured:
    """What so many processes took for so many operations each."""

    processes: int
    operations: int
    seconds: float
    floors: Sequence[Floor]

    @property
    def rate(self) -> float:
        """Operations a second that all of the processes had done."""
        return self.operations / self.seconds

    @property
    def bound(self) -> float:
        """Operations a second by processor time alone, as if nothing else ran on this machine."""
        processors = min(self.processes, os.cpu_count() or 1)
        return processors / self.processes / self.cost("decode", "verify", "write") * 1e6

    def cost(self, *steps: str) -> float:
        """Microseconds of processor time of one process for these steps of an operation."""
        total = sum(getattr(floor, step) for floor in self.floors for step in steps)
        return total / self.processes / self.operations * 1e6


def sign_all(path: Path, count: int) -> int:
    """Write the operations that ``bench_network`` sends into a file, and say how many there are."""
    store, genesis, key = open_ledger(path.with_suffix(".sqlite3"))
    store.close()
    films = Films(count)
    envelope = Envelope(genesis.network, key.public, TIME, 1, genesis.parameters.window)
    signed: Signed = []
    for make in (films.puts, films.rates):
        signed += [(body, sign_operation(author, body)) for author, body in make(envelope)]
    path.write_bytes(msgspec.msgpack.encode(signed))
    return len(signed)


def run(directory: Path, signed: Path, operations: int, processes: int, block: int) -> Measured:
    """Have processes do all of it at the same time.

    :raises RuntimeError: One of them failed.
    """
    children = [
        subprocess.Popen(
            module("floor", directory / f"{processes}-{number}.sqlite3", signed, block),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for number in range(processes)
    ]  # fmt: skip
    for child in children:
        assert child.stdout is not None
        child.stdout.readline()
    began = time.monotonic()
    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"\n")
        child.stdin.flush()
    floors = []
    for child in children:
        out, err = child.communicate()
        if child.returncode:
            raise RuntimeError(f"a process failed: {err.decode(errors='replace')[-2000:]}")
        floors.append(msgspec.json.decode(out, type=Floor))
    # The last one's time, not that of its end: what Python does then is no part of it.
    seconds = min(time.monotonic() - began, max(floor.seconds for floor in floors))
    return Measured(processes, operations, seconds, floors)


def main() -> None:
    """Measure and print."""
    description = (__doc__ or "").partition("\n")[0]
    options = parse_options(description, operations=20_000, nodes=NODES)
    block = round(GOAL * PACE_SECONDS)
    with workshop() as shop:
        signed = shop.path / "signed"
        operations = sign_all(signed, options.operations)
        found = [run(shop.path, signed, operations, processes, block) for processes in (1, options.nodes)]
    print(f"{operations:,} operations of the shape of MovieLens to each process, in blocks of {block:,}\n")
    print_table(
        [
            "processes", "decode us", "verify us", "execute and commit us", "all us", "operations/s", "at most",
            "of the goal",
        ],
        [
            [
                str(each.processes), each.cost("decode"), each.cost("verify"), each.cost("write"),
                each.cost("decode", "verify", "write"), each.rate, each.bound, each.bound / GOAL,
            ]
            for each in found
        ],
        [Goal(f"what {options.nodes} nodes can reach on this machine at most", found[-1].bound, GOAL, "/s")],
    )  # fmt: skip


if __name__ == "__main__":
    main()
