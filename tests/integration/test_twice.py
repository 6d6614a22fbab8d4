"""What `make integration` does with tests that fail: the accident is told and passes, what is broken fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.conftest import ROOT

TESTS = """
from pathlib import Path

def test_sound(): pass

def test_accident():
    mark = Path("met")
    if not mark.exists():
        mark.touch()
        raise AssertionError("an accident")
"""

BROKEN = "def test_broken(): assert False\n"


@pytest.mark.parametrize(
    ("broken", "status", "told"),
    [
        (0, 0, [
            "failed, but passed when it was tried again alone: tests/test_it.py::test_accident",
            "2 tests: 2 passed, 0 failed, 0 skipped",
        ]),
        (1, 1, [
            "failed: tests/test_0.py::test_broken",
            "failed, but passed when it was tried again alone: tests/test_it.py::test_accident",
            "3 tests: 2 passed, 1 failed, 0 skipped",
        ]),
        (3, 1, [
            *(f"failed: tests/test_{number}.py::test_broken" for number in range(3)),
            "failed: tests/test_it.py::test_accident",
            "5 tests: 1 passed, 4 failed, 0 skipped",
        ]),
    ],
)  # fmt: skip
def test_tried_again(tmp_path: Path, broken: int, status: int, told: list[str]) -> None:
    """By the number of broken files beside one with an accident: failures in more than three are not tried again."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_it.py").write_text(TESTS)
    for number in range(broken):
        (tmp_path / "tests" / f"test_{number}.py").write_text(BROKEN)
    log = tmp_path / "integration.log"
    run = [sys.executable, str(ROOT / "tests" / "twice.py"), "--verbose", "-ra", "tests"]
    bare = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}  # they take longer than the tests
    with log.open("w") as file:
        ended = subprocess.run(run, cwd=tmp_path, env=bare, stdout=file, check=False)
    assert ended.returncode == status, log.read_text()
    count = [sys.executable, str(ROOT / "tests" / "count.py"), str(log)]
    counted = subprocess.run(count, capture_output=True, text=True, check=False)
    assert (counted.returncode, counted.stdout.splitlines()) == (status, told), log.read_text()
