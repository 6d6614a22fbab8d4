"""Text on a terminal: widths, safety, tables, progress."""

from __future__ import annotations

import io

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.cli.progress import ProgressBar
from cloudnode.cli.tables import Column, format_pairs, format_table
from cloudnode.cli.terminal import Terminal
from cloudnode.cli.text import cut, pad, printable, width
from tests.unit.cli.fakes import Tty


class TextTests(SynchronousTestCase):
    """Single texts."""

    def test_width(self) -> None:
        """Wide characters take two columns, combining ones none."""
        self.assertEqual([width(text) for text in ("abc", "日本", "e\u0301", "é", "")], [3, 4, 1, 1, 0])

    def test_cut(self) -> None:
        """A text is cut to fit with an ellipsis, never through a wide character."""
        self.assertEqual(cut("abcdef", 4), "abc…")
        self.assertEqual(cut("日本語", 4), "日…")
        self.assertEqual(cut("日本語", 6), "日本語")
        self.assertEqual(cut("abc", 1), "…")
        self.assertEqual(cut("abc", 0), "")

    def test_pad(self) -> None:
        """Padding counts columns, not characters."""
        self.assertEqual(pad("日", 4), "日  ")
        self.assertEqual(pad("1", 3, right=True), "  1")

    def test_printable(self) -> None:
        """What could move the cursor or turn the text round becomes an escape."""
        self.assertEqual(printable("a\x1b[31m\n\x9b\u202e\u2028"), "a\\x1b[31m\\n\\x9b\\u202e\\u2028")
        self.assertEqual(printable("日本 é ★ 👩\u200d🚀"), "日本 é ★ 👩\u200d🚀")


class TableTests(SynchronousTestCase):
    """Tables."""

    def test_aligned(self) -> None:
        """Columns are aligned by width, numbers to the right; no line ends in spaces."""
        columns = (Column("NAME"), Column("N", right=True), Column("X"))
        self.assertEqual(
            format_table(columns, [("日本", "1", ""), ("a", "20", "x")], None),
            ["NAME   N  X", "日本   1", "a     20  x"],
        )

    def test_fits(self) -> None:
        """Columns that give way are cut, the widest first, until the table fits."""
        columns = (Column("A", gives_way=True), Column("B"), Column("C", gives_way=True))
        lines = format_table(columns, [("a" * 40, "b" * 10, "c" * 12)], 40)
        self.assertEqual(width(lines[1]), 40)
        self.assertTrue(lines[1].endswith("c" * 12))
        self.assertIn("…", lines[1])

    def test_too_narrow(self) -> None:
        """Where nothing is left to take, it stays wider than the terminal."""
        lines = format_table((Column("A", gives_way=True), Column("B")), [("a" * 40, "b" * 30)], 20)
        self.assertEqual(width(lines[1]), 8 + 2 + 30)

    def test_controls(self) -> None:
        """Cells can't break lines."""
        self.assertEqual(format_table((Column("A"),), [("x\ny",)], None), ["A", "x\\ny"])
        self.assertEqual(format_pairs([("a", "1"), ("long", "x\n")]), ["a     1", "long  x\\n"])


class TerminalTests(SynchronousTestCase):
    """Colours and streams."""

    def test_colours(self) -> None:
        """Colours are for terminals, unless NO_COLOR or a dumb terminal says otherwise."""
        for stream, environment, expected in (
            (Tty(), {}, "\x1b[31mx\x1b[0m"),
            (Tty(), {"NO_COLOR": "1"}, "x"),
            (Tty(), {"NO_COLOR": ""}, "\x1b[31mx\x1b[0m"),
            (Tty(), {"TERM": "dumb"}, "x"),
            (io.StringIO(), {}, "x"),
        ):
            self.assertEqual(Terminal(stream, io.StringIO(), environment).paint("x", "red"), expected)
        self.assertEqual(Terminal(Tty(), Tty(), {}, is_json=True).paint("x", "red"), "x")

    def test_width(self) -> None:
        """The width is that of the terminal; a file has none."""
        self.assertEqual(Terminal(Tty(), Tty(), {"COLUMNS": "33"}).columns, 33)
        self.assertIsNone(Terminal(io.StringIO(), Tty(), {"COLUMNS": "33"}).columns)

    def test_errors(self) -> None:
        """An error is one line, an object for programs."""
        err = io.StringIO()
        Terminal(io.StringIO(), err, {}).error("No.", "name", 3)
        Terminal(io.StringIO(), err, {}, is_json=True).error("No.", "name", 3)
        self.assertEqual(
            err.getvalue(), 'cloudnode: No.\n{"error":{"code":"name","message":"No.","status":3}}\n'
        )


class ProgressTests(SynchronousTestCase):
    """The bar."""

    def test_line(self) -> None:
        """It tells how far, how fast over the last seconds, and how long still."""
        clock = Clock()
        bar = ProgressBar(Tty(), "films", 10_000, clock.seconds, "op")
        for _ in range(10):
            clock.advance(1)
            bar.advance(200)
        self.assertEqual(
            bar.text(clock.seconds()), "films ████░░░░░░░░░░░░░░░░░░░░ 2,000/10,000  200 op/s  0:40 left"
        )

    def test_skipped(self) -> None:
        """What was there already does not count as speed."""
        clock = Clock()
        bar = ProgressBar(Tty(), "films", 10_000, clock.seconds, "op")
        bar.skip(9_000)
        clock.advance(1)
        bar.advance(100)
        self.assertIn("9,100/10,000  100 op/s  0:09 left", bar.text(clock.seconds()))

    def test_drawn(self) -> None:
        """It draws over its own line, seldom, and only on a terminal."""
        clock, stream, file = Clock(), Tty(), io.StringIO()
        for target in (stream, file):
            bar = ProgressBar(target, "audit", 100, clock.seconds)
            for _ in range(100):
                bar.advance()
            bar.finish()
        self.assertEqual(stream.getvalue().count("\r"), 2)
        self.assertTrue(stream.getvalue().endswith("█ 100%\n"))
        self.assertEqual(file.getvalue(), "")
