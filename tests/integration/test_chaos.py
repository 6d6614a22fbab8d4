"""A short run of ``tests/chaos``: real nodes and clients, with nodes that are killed, stopped and cut off."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.integration.conftest import ROOT
from tests.natlab import natlab

SEED = 12


def test_short_run(lab: natlab.Lab, tmp_path: Path) -> None:
    """All databases are the same row for row and hold what was sent, and nothing that was answered final is missing."""
    report = tmp_path / "report"
    command = [sys.executable, "-m", "tests.chaos", "--nodes", "6", "--validators", "4", "--clients", "10"]
    # So few on their way that the clients are not done before the faults are.
    command += ["--window", "8", "--operations", "4000", "--seconds", "20", "--seed", str(SEED)]
    command += ["--keep", str(tmp_path / "run")]
    done = subprocess.run(
        [*command, "--report", str(report)], cwd=ROOT, env=dict(os.environ) | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    told = report.read_text()
    for words in ("is killed", "is stopped", "is connected again", "PASSED"):
        assert words in told, told
    assert "6 databases are the same in" in told
    assert "all 4,000 operations answered final are in every log" in told
