"""Write the vector files: ``python -m tests.vectors.generate`` from the top of the source tree.

The same files come out each time; a test compares them with what is committed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.vectors import (
    make_blocks,
    make_epochs,
    make_evidence,
    make_genesis,
    make_json,
    make_operations,
    make_proofs,
    make_signatures,
    make_stundata,
    make_tries,
)

DIRECTORY = Path(__file__).parent

FILES: dict[str, Callable[[], dict[str, Any]]] = {
    "answers.json": make_blocks.answers,
    "blocks.json": make_blocks.blocks,
    "canonical.json": make_json.canonical_texts,
    "epochs.json": make_epochs.epochs,
    "evidence.json": make_evidence.evidence,
    "genesis.json": make_genesis.geneses,
    "json.json": make_json.strict_texts,
    "nodes.json": make_tries.nodes,
    "operations.json": make_operations.operations,
    "proofs.json": make_proofs.proofs,
    "receipts.json": make_blocks.receipts,
    "rows.json": make_tries.rows,
    "signatures.json": make_signatures.signatures,
    "stundata.json": make_stundata.stun_data,
    "tries.json": make_tries.tries,
}
"""What makes each file's value."""


def render(name: str) -> bytes:
    """A file's exact bytes: JSON in ASCII, indented, with a newline at the end."""
    return json.dumps(FILES[name](), indent=1).encode("ascii") + b"\n"


def main() -> None:
    """Write all files beside this script."""
    for name in FILES:
        (DIRECTORY / name).write_bytes(render(name))


if __name__ == "__main__":
    main()
