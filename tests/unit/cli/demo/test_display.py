"""The live screen, on a terminal that nobody looks at."""

from __future__ import annotations

import os
import termios
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.cli.demo.display import LiveDisplay
from cloudnode.cli.demo.screen import Screen
from cloudnode.cli.terminal import Terminal
from tests.unit.cli.demo.fakes import equal, view
from tests.unit.cli.fakes import Tty


class FakeReadReactor:
    """Remembers who reads."""

    def __init__(self) -> None:
        self.readers: list[Any] = []
        self.addReader = self.readers.append
        self.removeReader = self.readers.remove


class LiveDisplayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.master, self.slave = os.openpty()
        self.addCleanup(os.close, self.slave)
        self.before = termios.tcgetattr(self.slave)
        self.typed: list[bytes] = []
        self.reactor = FakeReadReactor()
        self.out = Tty()
        terminal = Terminal(self.out, Tty(), {"TERM": "xterm"})
        self.display = LiveDisplay(terminal, self.out, self.slave, self.reactor, self.typed.append)

    def test_keys(self) -> None:
        """Keys come at once, without Enter, and are not shown; Ctrl-C stays a signal."""
        self.addCleanup(os.close, self.master)
        (keyboard,) = self.reactor.readers
        self.assertEqual(keyboard.fileno(), self.slave)
        mode = termios.tcgetattr(self.slave)[3]
        self.assertFalse(mode & (termios.ECHO | termios.ICANON))
        self.assertTrue(mode & termios.ISIG)
        os.write(self.master, b"2s1")
        self.assertIsNone(keyboard.doRead())
        self.assertEqual(self.typed, [b"2s1"])

    def test_given_back(self) -> None:
        """At the end the terminal is as it was: its settings, its cursor, what stood on it."""
        self.addCleanup(os.close, self.master)
        self.display.show(Screen(equal(view(1), view(2)), 1.0, "there", "load: off"))
        self.assertIn("roots EQUAL", self.out.getvalue())
        self.display.close()
        self.assertEqual(termios.tcgetattr(self.slave), self.before)
        self.assertTrue(self.out.getvalue().endswith("\x1b[?25h\x1b[?1049l"))
        self.assertEqual(self.reactor.readers, [])

    def test_terminal_gone(self) -> None:
        """A terminal that goes away is an end, and giving it back does no harm."""
        os.close(self.master)
        self.assertIsInstance(self.reactor.readers[0].doRead(), EOFError)
        self.assertEqual(self.typed, [b"q"])
        self.display.close()
