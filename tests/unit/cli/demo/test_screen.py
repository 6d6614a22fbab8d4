"""The picture of the network: what stands in it, and that it fits."""

from __future__ import annotations

import io
import json

import attrs
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.cli.demo.display import JsonDisplay, LineDisplay
from cloudnode.cli.demo.screen import Event, Screen, agreement_words, draw, summary
from cloudnode.cli.demo.watching import Agreement, Round
from cloudnode.cli.terminal import Terminal
from cloudnode.cli.text import width
from tests.unit.cli.demo.fakes import OTHER, ROOT, equal, view
from tests.unit.cli.fakes import Tty

ROUND = equal(
    view(1, role="validator"), view(2), view(3, "dead"), view(4, "failed", note="port 4 is taken"), view(5, height=1230)
)
SCREEN = Screen(ROUND, 75.0, "/tmp/demo", "load: off", events=tuple(Event(t, f"event {t:g}") for t in range(5)))


def plain(text: str, *styles: str) -> str:
    return text


def marked(text: str, *styles: str) -> str:
    return f"<{styles[0]}>{text}</>"


class DrawingTests(SynchronousTestCase):
    def test_all_columns(self) -> None:
        """A wide terminal shows everything that is known of a node."""
        lines = draw(SCREEN, 120, 40, plain)
        row = next(line for line in lines if line.lstrip().startswith("1 "))
        self.assertEqual(
            row.split(), ["1", "serving", "validator", "1,234", ROOT[:12], "20", "61", "2", "250", "4001"]
        )
        text = "\n".join(lines)
        self.assertIn("1:15", text)
        self.assertIn("/tmp/demo", text)
        self.assertIn("node 4: port 4 is taken", text)
        self.assertIn("roots EQUAL on 3 nodes at height 1,234", text)
        self.assertIn("load: off", text)
        self.assertNotIn("event 1", text)
        self.assertIn("4.0 s: event 4", text)
        self.assertIn("1-5 kill or revive", lines[-1])

    def test_fits(self) -> None:
        """No line is wider and the picture no higher than the terminal; node, state and verdict go last."""
        for columns in range(20, 130, 3):
            for rows in (10, 14, 24):
                lines = draw(SCREEN, columns, rows, plain)
                self.assertLessEqual(max(map(width, lines)), columns)
                self.assertLessEqual(len(lines), rows)
                text = "\n".join(lines)
                self.assertIn("serving", text)
                self.assertIn("roots EQUAL", text)
        narrow = "\n".join(draw(SCREEN, 40, 24, plain))
        self.assertNotIn("PID", narrow)
        self.assertIn("HEIGHT", narrow)

    def test_colours(self) -> None:
        """The verdict and the states are coloured, and say the same without colours."""
        lines = draw(SCREEN, 120, 40, marked)
        self.assertTrue(any(line.startswith("<green>roots EQUAL") for line in lines))
        self.assertIn("<red>dead</>", "\n".join(lines))
        self.assertIn("<green>serving</>", "\n".join(lines))

    def test_stop_question(self) -> None:
        """After ``s`` the last line asks which node."""
        self.assertIn("which node", draw(attrs.evolve(SCREEN, asks=True), 80, 24, plain)[-1])

    def test_safe(self) -> None:
        """What a node says can't move the cursor."""
        screen = attrs.evolve(SCREEN, round=Round((view(1, "failed", note="\x1b[2Jx"),), Agreement()))
        self.assertNotIn("\x1b", "\n".join(draw(screen, 80, 24, plain)))

    def test_agreement(self) -> None:
        """Equal, different, and nothing to compare are told apart; one node alone agrees with nobody."""
        words, style = agreement_words(Agreement(7, {ROOT: (1, 3), OTHER: (2,)}))
        self.assertEqual(words, f"roots DIFFER at height 7: {ROOT[:12]} on 1, 3; {OTHER[:12]} on 2")
        self.assertEqual(style, "red")
        self.assertEqual(agreement_words(Agreement(7, {ROOT: (1, 3)}))[1], "green")
        for none in (Agreement(), Agreement(7), Agreement(7, {ROOT: (1,)})):
            self.assertIsNone(none.is_equal)
            self.assertEqual(agreement_words(none)[1], "yellow")

    def test_summary(self) -> None:
        """One line has the range of heights and who does not serve."""
        self.assertEqual(
            summary(ROUND),
            "3 of 5 serving; height 1,230 to 1,234; 20 records, ratings sum 61; 250 operations/s; 3 dead; 4 failed",
        )


class PlainDisplayTests(SynchronousTestCase):
    def test_lines(self) -> None:
        """On a pipe: each event once, a line when a state changes, else every few seconds."""
        out = io.StringIO()
        display = LineDisplay(Terminal(out, io.StringIO(), {}))
        screen = Screen(equal(view(1), view(2)), 1.0, "", "", events=(Event(0.5, "began"),))
        for seconds in (1.0, 1.5, 2.0, 6.1):
            display.show(attrs.evolve(screen, seconds=seconds))
        killed = Round((view(1), view(2, "dead")), Agreement())
        display.show(Screen(killed, 6.6, "", "", events=(*screen.events, Event(6.5, "killed node 2"))))
        lines = out.getvalue().splitlines()
        self.assertEqual([line.split()[0] for line in lines], ["0.5", "1.0", "6.1", "6.5", "6.6"])
        self.assertIn("roots EQUAL", lines[1])
        self.assertIn("2 dead", lines[-1])
        self.assertNotIn("\x1b", out.getvalue())

    def test_json(self) -> None:
        """For programs: an object a round."""
        out = Tty()
        JsonDisplay(Terminal(out, io.StringIO(), {}, True)).show(SCREEN)
        told = json.loads(out.getvalue())
        self.assertEqual((told["equal"], told["common_height"], told["roots"]), (True, 1234, {ROOT: [1, 2, 5]}))
        self.assertEqual([node["state"] for node in told["nodes"]], ["serving", "serving", "dead", "failed", "serving"])
