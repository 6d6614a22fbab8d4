"""Keys and scripts."""

from __future__ import annotations

import argparse
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.cli.demo.actions import Action, Keys, Timed, parse_script


class KeyTests(SynchronousTestCase):
    def test_keys(self) -> None:
        """Digits kill or revive, ``s`` and a digit stop or continue, ``w`` and ``q`` in both cases."""
        keys = Keys(3)
        self.assertEqual(
            keys.read(b"2s3wW1Q"),
            [Action("toggle", 2), Action("pause", 3), Action("write"), Action("write"), Action("toggle", 1),
             Action("quit")],
        )  # fmt: skip

    def test_question(self) -> None:
        """``s`` asks until the next key, whatever it is, also in another read."""
        keys = Keys(3)
        self.assertEqual(keys.read(b"s"), [])
        self.assertTrue(keys.asks)
        self.assertEqual(keys.read(b"2"), [Action("pause", 2)])
        for other in (b"s", b"\x1b", b"9"):
            self.assertEqual(keys.read(b"s" + other), [])
            self.assertFalse(keys.asks)

    def test_meaningless(self) -> None:
        """Nodes that are not there, and anything else that can be typed, do nothing."""
        self.assertEqual(Keys(3).read(b"0459 xyz\x1b[A\xff\xc3\xa9\xb2\n"), [])


class ScriptTests(SynchronousTestCase):
    def test_script(self) -> None:
        """Steps are sorted by time; commas and lines part them."""
        self.assertEqual(
            parse_script("5 kill 2, 0.5 write,\n 9.25 quit"),
            (Timed(0.5, Action("write")), Timed(5.0, Action("kill", 2)), Timed(9.25, Action("quit"))),
        )

    def test_file(self) -> None:
        """A script may stand in a file."""
        path = Path(self.mktemp())
        path.write_text("1 revive 3\n2 stop 1\n3 continue 1\n")
        self.assertEqual([str(each.action) for each in parse_script(f"@{path}")], ["revive 3", "stop 1", "continue 1"])

    def test_refused(self) -> None:
        """What is no script is refused with what one looks like."""
        for text in ("", " , ", "kill 1", "1 kill", "1 kill x", "1 kill 10", "1 toggle 1", "-1 quit", "1 write 2",
                     "1e9 quit", "1 kill 1 2", "nan quit", "@/nowhere/at/all"):  # fmt: skip
            with self.assertRaises(argparse.ArgumentTypeError):
                parse_script(text)
