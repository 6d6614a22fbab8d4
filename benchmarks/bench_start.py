"""From the start of the process until data is served, on a million rows."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from statistics import median

from benchmarks.dataset import million_rows
from benchmarks.operations import make_key
from benchmarks.options import parse_options
from benchmarks.servers import Node, Server, workshop
from benchmarks.tables import Goal, print_table


def main() -> None:
    """Measure and print."""
    options = parse_options("Start of a node on a million rows, until it has answered a call", rounds=3)
    data = million_rows()
    record = {"account": make_key(7).public.hex(), "collection": "film", "key": "r7"}
    seconds: dict[str, list[float]] = {}
    with workshop() as shop:
        for _ in range(options.rounds):
            starts: dict[str, AbstractContextManager[Server]] = {
                "twisted.web": shop.baseline("web", "twisted.web", b"{}"),
                "cloudnode, new": shop.node(),
                "cloudnode, a million rows": shop.node(data),
            }
            for name, start in starts.items():
                began = time.perf_counter()
                with start as server:
                    if isinstance(server, Node):
                        if name.endswith("rows"):
                            server.call("getrecord", record)
                        else:
                            server.call("getnodeinfo", {})
                    seconds.setdefault(name, []).append(time.perf_counter() - began)
    base = seconds["twisted.web"]
    rows = [
        [name, median(each), min(each), median(one / of for one, of in zip(each, base, strict=True))]
        for name, each in seconds.items()
    ]
    million = median(seconds["cloudnode, a million rows"])
    print_table(
        ["server", "seconds", "fastest", "times the baseline"],
        rows,
        [Goal("start on a million rows", million, 2, " s", at_most=True)],
    )


if __name__ == "__main__":
    main()
