"""``python -m tests.fuzz``: run fuzz targets, or replay one input."""

from __future__ import annotations

import argparse
import sys
import time
from hashlib import sha256
from pathlib import Path

from tests.fuzz.target import Broken, replay, run
from tests.fuzz.targets import TARGETS

_DIRECTORY = Path("build/fuzz")


def main(arguments: list[str]) -> int:
    """Run what is asked for; 1 if an invariant was broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Throw damaged bytes at every parser.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all of them by default; see --list")
    parser.add_argument("--seconds", type=float, default=2.0, help="for each target (default: %(default)s)")
    parser.add_argument("--runs", type=int, help="so many inputs for each target, however long it takes")
    parser.add_argument("--seed", type=int, help="repeats a run; a new one each time by default")
    parser.add_argument("--input", type=Path, help="replay this file against the one target named")
    parser.add_argument("--list", action="store_true", help="list the targets and what holds for them")
    given = parser.parse_args(arguments)
    if given.list:
        for target in TARGETS.values():
            print(f"{target.name:<14} {target.invariant}")
        return 0
    for name in given.targets:
        if name not in TARGETS:
            parser.error(f"no target {name!r}; there are {', '.join(TARGETS)}")
    if given.input is not None:
        if len(given.targets) != 1:
            parser.error("--input goes with one target")
        print(replay(TARGETS[given.targets[0]], given.input.read_bytes()))
        return 0
    seed = int(time.time()) if given.seed is None else given.seed
    print(f"seed {seed}")
    return max([_run(name, seed, given.seconds, given.runs) for name in given.targets or TARGETS])


def _run(name: str, seed: int, seconds: float, runs: int | None) -> int:
    try:
        report = run(TARGETS[name], seed, runs=runs, seconds=seconds if runs is None else None)
    except Broken as broken:
        _DIRECTORY.mkdir(parents=True, exist_ok=True)
        path = _DIRECTORY / f"{name}-{sha256(broken.data).hexdigest()[:16]}"
        path.write_bytes(broken.data)
        print(f"{name}: BROKEN: {TARGETS[name].invariant}\n{broken}\nwritten to {path}")
        return 1
    outcomes = ", ".join(f"{outcome} {count}" for outcome, count in report.outcomes.most_common(6))
    rate = report.runs / max(report.seconds, 1e-9)
    print(f"{name:<14} {report.runs:>8,} inputs {rate:>8,.0f}/s  {len(report.outcomes):>3} outcomes: {outcomes}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
