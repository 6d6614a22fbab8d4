"""State sync between two nodes on loopback: rows a second, and the seconds until proven reads are served."""

from __future__ import annotations

import argparse
import time

from benchmarks.dataset import some_rows
from benchmarks.following import Sample, follow, prove, serve_copy
from benchmarks.operations import make_key
from benchmarks.options import machine
from benchmarks.servers import workshop
from benchmarks.tables import Goal, print_table

GOAL_ROWS = 30_000
GOAL_SECONDS = 60.0
SQLITE_ROWS = 55_000
"""The most rows a second that SQLite took in trials, with two more indexes, in batches, on such a machine."""
MILLION = 1_000_000


def _row(what: str, rows: int, first: Sample, last: Sample) -> list[object]:
    seconds = last.seconds - first.seconds
    rate = rows / seconds
    cpu = [(after - before) / rows * 1e6 for before, after in zip(first.cpu, last.cpu, strict=True)]
    return [what, rows, seconds, rate, rate / SQLITE_ROWS, *cpu]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="State sync over loopback: a node and one that follows it")
    parser.add_argument("rows", nargs="?", type=int, default=100_000, help="records and ratings in all (%(default)s)")
    options = parser.parse_args()
    print(f"{parser.description}\n{machine()}\n", flush=True)
    data = some_rows(options.rows)
    with workshop() as shop:
        source = serve_copy(shop, data)
        node, samples, seconds = follow(shop, source, "state", 600.0)
        while not prove(node, make_key(0).public.hex(), "film", "r0"):
            time.sleep(0.02)
        fetching = [sample for sample in samples if sample.sync["phase"] == "state" and sample.sync["total"]]
        total = max(sample.sync["total"] for sample in fetching)
        first, last = fetching[0], samples[-1]
        whole = next(sample for sample in fetching if sample.sync["rows"] == total)
        rate = total / (last.seconds - first.seconds)
        # Start and the search for peers take as long for a million rows.
        before = seconds - (last.seconds - first.seconds)
        print_table(
            ["step", "rows", "seconds", "rows/s", "of SQLite's limit", "CPU us a row", "CPU us a row, server"],
            [
                _row("rows fetched, checked and written", total, first, whole),
                _row("sums, words, indexes", total, whole, last),
                _row("both", total, first, last),
                ["start of the process to proven reads", total, seconds, total / seconds, None, None, None],
            ],
            [
                Goal("state sync", rate, GOAL_ROWS, " rows/s"),
                Goal("a million rows to proven reads, at this pace", before + MILLION / rate, GOAL_SECONDS, " s",
                     at_most=True),
            ],
        )  # fmt: skip


if __name__ == "__main__":
    main()
