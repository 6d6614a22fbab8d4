"""Adds up what trial and pytest say at the end of their logs: ``python tests/count.py unit.log ...``.

It prints the names of the tests that failed, and in its last line counts all; the exit status is 1 if one failed or no
summary was found. Of tests that were tried again (``twice.py``) the second run counts, and the first is told.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from pathlib import Path

# trial: "PASSED (successes=12)" or "FAILED (failures=1, successes=11)";
# pytest: "==== 3 failed, 12 passed in 4.20s ====".
_TRIAL = re.compile(r"^(?:PASSED|FAILED) \((.*)\)$", re.MULTILINE)
_PYTEST = re.compile(r"^=+ (.*) in [\d.]+s.* =+$", re.MULTILINE)
_ESCAPES = re.compile(r"\x1b\[[\d;]*m")

# What trial ends a traceback with, and what pytest lists in the end.
_FAILED = re.compile(r"^(?:(tests\.[\w.]+\.[A-Z]\w*\.test_\w+)|(?:FAILED|ERROR) (tests/.*?)(?: - .*)?)$", re.MULTILINE)

_KINDS = {
    "successes": "passed",
    "passed": "passed",
    "failures": "failed",
    "failed": "failed",
    "errors": "failed",
    "error": "failed",
    "unexpectedSuccesses": "failed",
    "skips": "skipped",
    "skipped": "skipped",
    "deselected": "skipped",
    "expectedFailures": "passed",
    "xfailed": "passed",
}


# What ``twice.py`` says before its second run.
_AGAIN = re.compile(r"^Again, alone: .*$", re.MULTILINE)


def count(log: str) -> Counter[str] | None:
    """How many tests passed, failed and were skipped by the last summary in a log; None if there is none."""
    first, *again = _AGAIN.split(_ESCAPES.sub("", log))
    counts = _count(first)
    if counts is None or not again:
        return counts
    second = _count(again[-1])
    if second is None:
        return None
    counts["failed"] = 0  # all of them were tried again
    return counts + second


def _count(log: str) -> Counter[str] | None:
    summaries = _TRIAL.findall(log) or _PYTEST.findall(log)
    if not summaries:
        return None
    counts: Counter[str] = Counter()
    for part in summaries[-1].split(", "):
        name, _, number = part.partition("=")
        if not number:
            number, _, name = part.partition(" ")
        counts[_KINDS.get(name, "other")] += int(number) if number.isdigit() else 0
    return counts


def failed(log: str) -> tuple[list[str], list[str]]:
    """The names of the tests that failed by a log in the end, and of those that failed at the first try alone."""
    first, *again = _AGAIN.split(_ESCAPES.sub("", log))
    names, last = _failed(first), _failed(again[-1] if again else first)
    return last, [name for name in names if name not in last]


def _failed(log: str) -> list[str]:
    return list(dict.fromkeys(trial or pytest for trial, pytest in _FAILED.findall(log)))


def main() -> int:
    """Print one line for each log and one for all."""
    total: Counter[str] = Counter()
    complete = True
    for argument in sys.argv[1:]:
        log = Path(argument).read_text(errors="replace")
        lost, late = failed(log)
        for name in lost:
            print(f"failed: {name}")
        for name in late:
            print(f"failed, but passed when it was tried again alone: {name}")
        counts = count(log)
        if counts is None:
            print(f"{Path(argument).stem}: no summary, so the run did not come to its end")
            complete = False
            continue
        total += counts
    tests = total["passed"] + total["failed"] + total["skipped"]
    print(
        f"{tests} tests: {total['passed']} passed, {total['failed']} failed, {total['skipped']} skipped"
        + ("" if complete else ", and a run that broke off")
    )
    return 0 if complete and not total["failed"] else 1


if __name__ == "__main__":
    sys.exit(main())
