"""Runs pytest, and once more, alone, the few tests that failed: ``python tests/twice.py -n 2 tests/integration``.

Integration tests are real processes, NATs and browsers beside other tests on a machine with other work, so that one of
hundreds meets a pause that nobody foresaw. What fails by such an accident passes with nothing beside it; what is broken
fails again. Failures in more than ``MOST`` files are no accident: they stand. (The tests of a file may share nodes, so
that one accident fails several.) What passed at the second try is told by
``count.py``, with the first failure in the log above, since it is a test (or a program) to look at all the same.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

MOST = 3
"""Files whose failures get another try."""

FAILED = 1
"""What pytest ends with when tests failed; anything else is not about tests."""

AGAIN = ("--verbose", "-p", "no:xdist")
"""Options of the second run, which has one process and nothing beside it."""

KEPT = Path(".pytest_cache/v/cache/lastfailed")
"""Where pytest keeps what failed."""


def main(arguments: list[str]) -> int:
    """Run the tests.

    :param arguments: Pytest's.
    :returns: The exit status of the run that decided.
    """
    pytest = [sys.executable, "-m", "pytest"]
    KEPT.unlink(missing_ok=True)  # of an earlier run
    status = subprocess.run([*pytest, *arguments], check=False).returncode
    if status != FAILED or not KEPT.exists():
        return status
    failed = sorted(json.loads(KEPT.read_text()))
    files = {each.partition("::")[0] for each in failed}
    if len(files) > MOST:
        print(f"Tests failed in {len(files)} files, too many for an accident: none is tried again.")
        return status
    print(f"Again, alone: {', '.join(failed)}", flush=True)
    return subprocess.run([*pytest, *AGAIN, *failed], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
