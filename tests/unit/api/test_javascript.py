"""What the JavaScript module has of the node's tables is what the tables have."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.api.javascript import DIRECTORY, FILES, render

ROOT = Path(__file__).parents[3]


class FreshnessTests(SynchronousTestCase):
    def test_files_are_fresh(self) -> None:
        """Each committed file is what the tables make."""
        for name in FILES:
            fresh = (ROOT / DIRECTORY / name).read_text() == render(name)
            self.assertTrue(fresh, f"{DIRECTORY / name} is old: run make docs")
