"""A short run of ``tests/checker``: sessions with real nodes that are killed, lag and lie, judged by the log."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.integration.conftest import ROOT
from tests.natlab import natlab

SEED = 1964
"""In the first 20 s one validator is cut off from the others, another is killed, a node behind a NAT is killed, and so
is the liar, who first tells false sums of ratings, and in its second life signs false state roots.
"""


def test_short_run(lab: natlab.Lab, tmp_path: Path) -> None:
    """Nothing is lost, doubled or backward, no wrong answer is accepted, and the liar is named."""
    report = tmp_path / "report"
    command = [sys.executable, "-m", "tests.checker", "--events", "5000", "--seconds", "20", "--clients", "24"]
    command += ["--rate", "20", "--seed", str(SEED), "--limit", "240", "--lies", "stars,root"]
    command += ["--keep", str(tmp_path / "run"), "--report", str(report)]
    done = subprocess.run(
        command, cwd=ROOT, env=dict(os.environ) | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = report.read_text()
    for words in ("is cut off", "is killed", "serves again", "sessions lied to that named the liar", "PASSED"):
        assert words in told, told
    # A root that it signs can be shown to anybody.
    assert "namings with evidence" in told, told
    assert "7 databases are the same in" in told
