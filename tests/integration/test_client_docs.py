"""The examples in ``docs/client.md`` run as they stand there, against a real node."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.integration.conftest import ROOT, NodeProcess

SEED = "ws://127.0.0.1:38082"


def run(example: str, node: NodeProcess) -> list[str]:
    """What an example prints."""
    assert SEED in example
    command = [sys.executable, "-c", example.replace(SEED, node.ws_url)]
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath, "HOME": str(node.home)}
    done = subprocess.run(
        command, cwd=node.home, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_examples(node: NodeProcess) -> None:
    """The one prints the rating's cursor and the proven sum, the other finds the same; the third goes on later."""
    text = (ROOT / "docs" / "client.md").read_text()
    blocking, in_asyncio, going_on = (part.partition("```")[0] for part in text.split("```python\n")[1:])
    cursor, proven = run(blocking, node)
    assert int(cursor.partition(":")[0]) > 0
    assert proven == "5 proof"
    assert run(in_asyncio, node) == ["nobody rates", "5 proof"]
    for _ in range(2):
        assert run(going_on, node) == ["proof"]
