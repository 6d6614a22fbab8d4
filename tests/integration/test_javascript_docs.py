"""The examples in ``docs/javascript.md`` run as they stand there, with the bundle that nodes serve, against a node."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from tests.integration.conftest import ROOT, NodeProcess
from tests.integration.npm import MODULE, need_npm, run

BUNDLE = ROOT / "cloudnode/page/files/cloudnode.js"
PLACES = {"ws://127.0.0.1:38082": "ws_url", "http://127.0.0.1:38081": "http_url"}
WEBSOCKET = f"""
import WebSocket from {json.dumps(str(MODULE / "node_modules/ws/wrapper.mjs"))};
globalThis.WebSocket ??= WebSocket;
"""
"""What a Node.js before 22 has not, and browsers have."""

NETWORK = "64 hex digits, from somebody whom you trust"


def run_example(example: str, node: NodeProcess, directory: Path) -> str:
    """What an example prints."""
    for place, name in PLACES.items():
        example = example.replace(place, getattr(node, name))
    example = example.replace(NETWORK, node.call("getnodeinfo")["network"])
    shutil.copy(BUNDLE, directory)
    (directory / "example.mjs").write_text(example)
    (directory / "package.json").write_text('{"type": "module"}')
    (directory / "websocket.mjs").write_text(WEBSOCKET)
    return run("node", "--import", "./websocket.mjs", "example.mjs", directory=str(directory)).strip()


def test_examples(node: NodeProcess, tmp_path: Path) -> None:
    """The first writes a record and finds it proven; the other, without a session, finds the sums proven."""
    need_npm()
    text = (ROOT / "docs/javascript.md").read_text()
    session, alone = (part.partition("```")[0] for part in text.split("```js\n")[1:])
    assert run_example(session, node, tmp_path) == "Metropolis proof"
    assert run_example(alone, node, tmp_path).startswith("0 ratings: proof at height ")
