"""Prints runs of the matrix as the table of docs/reach.md: ``python -m tests.natlab.table RUNS.json ...``.

Each file is what ``tests.natlab.matrix --json`` wrote; cells of the same pair, transports, delay and loss in later
files take the place of those in earlier ones. Each cell has how many of its runs succeeded, and of these the median and
the 95th percentile in milliseconds; packets are the median over all columns, and paths are counted over all columns.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.natlab.matrix import PAIRS

Runs = list[dict[str, Any]]
Columns = dict[tuple[float, float], Runs]
"""Runs by delay in milliseconds one way and loss in percent."""

_OVER = {"udp": "UDP", "tcp": "TCP", "udp+tcp+relay": "raced, relay"}


def read_runs(paths: Sequence[Path]) -> dict[tuple[str, str], Columns]:
    """The runs by pair and transports."""
    found: dict[tuple[str, str], Columns] = {}
    for path in paths:
        for cell in json.loads(path.read_text()):
            columns = found.setdefault((cell["pair"], cell["over"]), {})
            columns[cell["delay"], cell["loss"]] = cell["runs"]
    return found


def cell(runs: Runs) -> str:
    """How many succeeded, median and 95th percentile."""
    seconds = sorted(run["seconds"] for run in runs if run["path"] is not None)
    told = f"{len(seconds)}/{len(runs)}"
    if not seconds:
        return told
    late = seconds[min(len(seconds) - 1, int(0.95 * len(seconds)))]
    return f"{told}, {1000 * statistics.median(seconds):.0f}, {1000 * late:.0f}"


def path_words(run: dict[str, Any]) -> str:
    """A path in words; the strategy only where it is another one than to go there directly."""
    if run["transport"] == "relay" or run["path"] == "relay":
        return "relay"
    words = f"{run['transport'].upper()} {run['path']}"
    return words if run["strategy"] == "direct" else f"{words}, {run['strategy']}"


def table(found: dict[tuple[str, str], Columns]) -> list[str]:
    """The lines of the table."""
    kinds = sorted({column for columns in found.values() for column in columns}, key=lambda kind: (kind[1], kind[0]))
    heads = [f"{delay:g} ms" + (f", {loss:g} % lost" if loss else "") for delay, loss in kinds]
    lines = [f"| pair | over | {' | '.join(heads)} | packets | paths |", "|---" * (len(heads) + 4) + "|"]
    for pair in PAIRS:
        name = pair.name
        for over, words in _OVER.items():
            columns = found.get((pair.name, over))
            if columns is None:
                continue
            runs = [run for each in columns.values() for run in each]
            paths = Counter(path_words(run) for run in runs if run["path"] is not None).most_common()
            told = "; ".join(f"{path} {count}" for path, count in paths) or "none: a relay is left"
            cells = [cell(columns[kind]) if kind in columns else "" for kind in kinds]
            packets = statistics.median(run["packets"] for run in runs)
            lines.append(f"| {name} | {words} | {' | '.join(cells)} | {packets:.0f} | {told} |")
            name = ""
    return lines


def main() -> None:
    """The command."""
    if len(sys.argv) < 2 or any(argument.startswith("-") for argument in sys.argv[1:]):
        sys.exit((__doc__ or "").partition("\n")[0])
    print("\n".join(table(read_runs([Path(argument) for argument in sys.argv[1:]]))))


if __name__ == "__main__":
    main()
