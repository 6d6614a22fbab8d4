"""Replay between two nodes on loopback: operations a second, signatures and state roots checked."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.alone import Steps, run_steps
from benchmarks.bench_ledger import make_puts, make_rates
from benchmarks.following import follow, serve_copy
from benchmarks.operations import Validator
from benchmarks.options import machine
from benchmarks.servers import workshop
from benchmarks.tables import Goal, print_table
from cloudnode.formats.genesis import Parameters
from cloudnode.node.datadir import Datadir
from cloudnode.store.sqlite import SqliteStore

GOAL = 5_000


def build(path: Path, count: int, block: int) -> Steps:
    """A data directory with so many signed operations, puts and ratings, in blocks of ``block``.

    :return: What it took to make it in this one thread: what nobody who replays can do without, and nothing else.
    """
    datadir = Datadir.open(path)
    store = SqliteStore.open(str(datadir.database), datadir.genesis)
    validator = Validator(store, datadir.genesis, datadir.validator_key)
    puts = count // 4
    signed = make_puts(datadir.genesis, puts) + make_rates(datadir.genesis, count - puts, puts)
    steps = run_steps(validator, datadir.genesis, signed, block)
    validator.write([])
    store.close()
    datadir.close()
    return steps


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Replay over loopback: a node and one that follows it")
    parser.add_argument("operations", nargs="?", type=int, default=20_000, help="how many (%(default)s)")
    parser.add_argument("--block", type=int, default=500, help="operations in a block (%(default)s)")
    options = parser.parse_args()
    if options.operations // options.block > Parameters().window:
        parser.error(f"operations are valid for {Parameters().window} blocks: take larger ones, or fewer operations")
    print(f"{parser.description}\n{machine()}\n", flush=True)
    with workshop() as shop:
        alone = build(shop.path / "built", options.operations, options.block)
        source = serve_copy(shop, shop.path / "built")
        _, samples, seconds = follow(shop, source, "replay", 600.0)
        moving = [sample for sample in samples if sample.sync["height"]]
        # What was written before it was seen to move is not counted.
        written = options.operations - moving[0].sync["height"] * options.block
        rate = written / (moving[-1].seconds - moving[0].seconds)
        cpu = [(end - begin) / written * 1e6 for begin, end in zip(moving[0].cpu, moving[-1].cpu, strict=True)]
        bare = alone.decode + alone.verify + alone.write
        print(f"A signature was verified in {alone.verify / alone.count * 1e6:.0f} us.\n")
        print_table(
            ["step", "operations", "seconds", "operations/s", "ratio", "CPU us each", "CPU us each, server"],
            [
                ["replay", written, moving[-1].seconds - moving[0].seconds, rate, rate / alone.rate, *cpu],
                ["from the start of the process", options.operations, seconds, options.operations / seconds,
                 options.operations / seconds / alone.rate, None, None],
                ["read, verified, executed and committed in one thread, no link", alone.count, bare, alone.rate, 1.0,
                 bare / alone.count * 1e6, None],
            ],
            [Goal("replay", rate, GOAL, " operations/s")],
        )  # fmt: skip


if __name__ == "__main__":
    main()
