"""The table of docs/reach.md, out of what the matrix wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.natlab.table import read_runs, table


def run(seconds: float | None, path: str = "observed", strategy: str = "direct", packets: int = 4) -> dict[str, Any]:
    """As the requester tells of one."""
    name = None if seconds is None else path
    return {"transport": "udp", "path": name, "strategy": strategy, "packets": packets, "seconds": seconds}


class TableTests(SynchronousTestCase):
    def write(self, *cells: tuple[str, str, float, float, list[dict[str, Any]]]) -> Path:
        names = ("pair", "over", "delay", "loss", "runs")
        path = Path(self.mktemp())
        path.write_text(json.dumps([dict(zip(names, each, strict=True)) for each in cells]))
        return path

    def test_cells(self) -> None:
        """Columns by loss and delay, pairs in the matrix's order, paths and packets over all columns."""
        first = self.write(
            ("port-restricted both", "udp", 30.0, 2.0, [run(0.4), run(None, packets=9)]),
            ("port-restricted both", "udp", 15.0, 0.0, [run(0.1), run(0.2, strategy="spread"), run(0.3)]),
            ("stranger to full cone", "udp", 15.0, 0.0, [run(0.05)]),
            ("symmetric both", "udp", 15.0, 0.0, [run(None)]),
            ("symmetric both", "udp+tcp+relay", 15.0, 0.0, [run(1.5, "relay", "relay")]),
        )
        self.assertEqual(table(read_runs([first])), [
            "| pair | over | 15 ms | 30 ms, 2 % lost | packets | paths |",
            "|---|---|---|---|---|---|",
            "| stranger to full cone | UDP | 1/1, 50, 50 |  | 4 | UDP observed 1 |",
            "| port-restricted both | UDP | 3/3, 200, 300 | 1/2, 400, 400 | 4 |"
            " UDP observed 3; UDP observed, spread 1 |",
            "| symmetric both | UDP | 0/1 |  | 4 | none: a relay is left |",
            "|  | raced, relay | 1/1, 1500, 1500 |  | 4 | relay 1 |",
        ])  # fmt: skip

    def test_later_files(self) -> None:
        """What was measured again takes the place of what was measured before."""
        first = self.write(("symmetric both", "udp+tcp+relay", 15.0, 0.0, [run(9.0, "relay", "relay")]))
        second = self.write(("symmetric both", "udp+tcp+relay", 15.0, 0.0, [run(1.0, "relay", "relay")] * 2))
        self.assertIn("| 2/2, 1000, 1000 |", table(read_runs([first, second]))[-1])
