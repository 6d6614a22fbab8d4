"""The example in ``docs/client.md`` runs as it stands there, against a real node."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.integration.conftest import ROOT, NodeProcess


def test_example(node: NodeProcess) -> None:
    """It prints the rating's cursor and the proven sum."""
    text = (ROOT / "docs" / "client.md").read_text()
    [example] = [part.partition("```")[0] for part in text.split("```python\n")[1:]]
    assert "ws://127.0.0.1:38082" in example
    command = [sys.executable, "-c", example.replace("ws://127.0.0.1:38082", node.ws_url)]
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath, "HOME": str(node.home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    cursor, proven = done.stdout.splitlines()
    assert int(cursor.partition(":")[0]) > 0
    assert proven == "5 proof"
