"""The blocks of code in the documents, each with what its mark says of it.

A block is marked by a comment right before it, which readers do not see::

    <!-- executed: KIND -->       by tests/integration/test_documents.py; KIND is one of KINDS
    <!-- executed: file PATH -->  it is that file, word for word, which a test of its own executes
    <!-- output -->               what the block before prints
    <!-- not executed: REASON -->
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import attrs

ROOT = Path(__file__).resolve().parents[1]

KINDS = frozenset({"shell", "console", "python", "javascript", "calls", "configuration"})
"""``shell``: by bash, in order, all of one document in one directory (``shell until Ctrl-C``: which comes once it has
said something). ``console``: the lines after ``$`` likewise, and they print the rest. ``python``, ``javascript``: a
program (``python twice``: then once more). ``calls``: ``->`` is sent to a node and ``<-`` comes back.
``configuration``: a node's.
"""


@attrs.frozen
class Block:
    """A block of code.

    :ivar document: Its path from the top of the checkout. :ivar line: Where it begins, from 1. :ivar language: As it
        says, or empty. :ivar mark: The text of the comment before it; None if there is none.
    """

    document: str
    line: int
    language: str
    text: str
    mark: str | None

    def __str__(self) -> str:
        return f"{self.document}:{self.line}"

    @property
    def kind(self) -> str | None:
        """How it is executed; None if it is not."""
        if self.mark is None or not self.mark.startswith("executed: "):
            return None
        return self.mark.removeprefix("executed: ").split(" ")[0]

    @property
    def words(self) -> list[str]:
        """What the mark says after the kind."""
        return [] if self.mark is None else self.mark.split(" ")[2:]


def documents() -> list[Path]:
    """All documents for people."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "tests").rglob("*.md"))]


def read_blocks(path: Path) -> Iterator[Block]:
    """The blocks of a document, in order."""
    name = str(path.relative_to(ROOT))
    mark: str | None = None
    opened: tuple[int, str, str | None] | None = None
    lines: list[str] = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if opened is not None:
            if line.startswith("```"):
                begun, language, before = opened
                yield Block(name, begun, language, "\n".join(lines) + "\n", before)
                opened, lines = None, []
            else:
                lines.append(line)
        elif line.startswith("```"):
            opened, mark = (number, line[3:].strip(), mark), None
        elif (comment := re.fullmatch(r"<!-- (.*) -->", line)) is not None:
            mark = comment[1]
        elif line.strip():
            mark = None


def all_blocks() -> list[Block]:
    """The blocks of all documents."""
    return [block for path in documents() for block in read_blocks(path)]
