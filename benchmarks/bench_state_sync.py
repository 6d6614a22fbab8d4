"""State sync between two nodes on loopback: rows a second, and the seconds until proven reads are served."""

from __future__ import annotations

import argparse
import time

from benchmarks.dataset import some_rows
from benchmarks.following import follow, prove, serve_copy
from benchmarks.operations import make_key
from benchmarks.options import machine
from benchmarks.servers import workshop
from benchmarks.tables import Goal, print_table

GOAL_ROWS = 30_000
GOAL_SECONDS = 60.0
SQLITE_ROWS = 55_000
"""The most rows a second that SQLite took in trials, with two more indexes, in batches, on such a machine."""
MILLION = 1_000_000


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
        began = fetching[0].seconds
        fetched = next(sample.seconds for sample in fetching if sample.sync["rows"] == total)
        rows = [
            ["rows fetched, checked and written", total, fetched - began, total / (fetched - began)],
            ["sums, words, indexes", total, samples[-1].seconds - fetched, total / (samples[-1].seconds - fetched)],
            ["both", total, samples[-1].seconds - began, total / (samples[-1].seconds - began)],
            ["start of the process to proven reads", total, seconds, total / seconds],
        ]
        rate = total / (samples[-1].seconds - began)
        # Start and the search for peers take as long for a million rows.
        before = seconds - (samples[-1].seconds - began)
        print_table(
            ["step", "rows", "seconds", "rows/s", "of SQLite's limit"],
            [[*row, row[3] / SQLITE_ROWS] for row in rows],
            [
                Goal("state sync", rate, GOAL_ROWS, " rows/s"),
                Goal("a million rows to proven reads, at this pace", before + MILLION / rate, GOAL_SECONDS, " s",
                     at_most=True),
            ],
        )  # fmt: skip


if __name__ == "__main__":
    main()
