"""What commands leave for later ones."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.cli.seen import HEIGHT_MAX, SeenHeights, state_directory

NETWORK = "ab" * 32


class SeenTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = Path(self.mktemp()).absolute()
        self.environment = {"XDG_STATE_HOME": str(self.home)}
        self.file = self.home / "cloudnode" / "heights" / NETWORK

    def test_newest(self) -> None:
        """The newest height counts, for each network by itself; the files are the user's alone."""
        self.assertEqual(SeenHeights(self.environment).find(NETWORK), 0)
        for height in (5, 1000, 7):
            SeenHeights(self.environment).note(NETWORK, height)
        self.assertEqual(SeenHeights(self.environment).find(NETWORK), 1000)
        self.assertEqual(SeenHeights(self.environment).find("cd" * 32), 0)
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        self.assertEqual(self.file.parent.stat().st_mode & 0o777, 0o700)

    def test_damaged(self) -> None:
        """What is no height counts as none, and is replaced."""
        seen = SeenHeights(self.environment)
        for content in (b"", b"5", b"nonsense-nonsense", b"\xff" * 16, b"-000000000000005"):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_bytes(content)
            self.assertEqual(seen.find(NETWORK), 0)
            seen.note(NETWORK, 12)
            self.assertEqual(seen.find(NETWORK), 12)

    def test_bounds(self) -> None:
        """Heights that can't be are not kept."""
        seen = SeenHeights(self.environment)
        for height in (0, -1, HEIGHT_MAX + 1):
            seen.note(NETWORK, height)
        self.assertEqual(seen.find(NETWORK), 0)
        seen.note(NETWORK, HEIGHT_MAX)
        self.assertEqual(seen.find(NETWORK), HEIGHT_MAX)

    def test_nowhere(self) -> None:
        """Without a home, or in one that can't be written, nothing is remembered and nothing fails."""
        self.assertIsNone(state_directory({}))
        self.home.write_text("a file in its place")
        for environment in ({}, self.environment):
            seen = SeenHeights(environment)
            seen.note(NETWORK, 5)
            self.assertEqual(seen.find(NETWORK), 0)
