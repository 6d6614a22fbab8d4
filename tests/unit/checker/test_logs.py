"""What is found in the logs of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.checker.run import judge_logs

FAILED = "[cloudnode.api#critical] A method failed\nTraceback (most recent call last):\n  KeyError\n"
CALM = "[cloudnode.service#info] serving http://192.0.2.1:38081\n"


def logged(*logs: str) -> Sequence[Any]:
    """Nodes, as far as they are looked at."""
    return [SimpleNamespace(log=log, log_path=f"node-{number}/node.log") for number, log in enumerate(logs, 1)]


class LogsTests(SynchronousTestCase):
    def test_honest(self) -> None:
        """A traceback of any honest node fails the run, and is found in that node's log."""
        nodes = logged(CALM, FAILED, CALM)
        [finding] = judge_logs(nodes, nodes[2])
        self.assertFalse(finding.is_good)
        self.assertIn("node-2/node.log", str(finding))

    def test_liar(self) -> None:
        """The liar's is told and does not: its own lies may have made it fail."""
        nodes = logged(CALM, CALM, FAILED)
        [finding] = judge_logs(nodes, nodes[2])
        self.assertTrue(finding.is_good)
        self.assertIn("node-3/node.log", str(finding))

    def test_none(self) -> None:
        """Nothing is found in logs without one."""
        nodes = logged(CALM, CALM)
        self.assertEqual(judge_logs(nodes, nodes[1]), [])
