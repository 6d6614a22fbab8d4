"""Writes what the JavaScript module has of the node's tables: the methods' types, and the errors of the formats.

``python -m cloudnode.api.javascript``, from the top of the source tree.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from cloudnode.formats.errors import CODES, RESULTS

DIRECTORY = Path("javascript")

Lines = Iterator[str]


def codes() -> Lines:
    """``src/formats/codes.js``: every named error with its sentence."""
    yield "/** The named errors of `cloudnode/formats/errors.py`, of which this is made: `make docs`. */"
    yield from ("", "/** Every code with its sentence. @type {ReadonlyMap<string, string>} */")
    yield "export const CODES = new Map(["
    yield from (f"  [{json.dumps(code.name)}, {json.dumps(code.sentence)}]," for code in CODES)
    yield from ("]);", "", "/**")
    yield " * What the executor makes of an operation: code and sentence; the place is the number."
    yield from (" *", " * @type {ReadonlyArray<readonly [string, string]>}", " */", "export const RESULTS = [")
    yield from (f"  [{json.dumps(result.code)}, {json.dumps(result.sentence)}]," for result in RESULTS)
    yield "];"


FILES: dict[str, Callable[[], Lines]] = {"src/formats/codes.js": codes}
"""What makes the lines of each file."""


def render(name: str) -> str:
    """A file's text."""
    return "\n".join(FILES[name]()) + "\n"


def main() -> None:
    """Write all files."""
    for name in FILES:
        (DIRECTORY / name).write_text(render(name))


if __name__ == "__main__":
    main()
