"""Which words of a record can be searched for."""

from __future__ import annotations

import json
import re
from unicodedata import normalize

_WORD = re.compile(r"[^\W_]+")


def record_text(data: bytes) -> str:
    """All strings and numbers in a record's data, but not the names of its members, one a line."""
    if not data:
        return ""
    found: list[str] = []
    todo = [json.loads(data)]
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            todo.extend(value.values())
        elif isinstance(value, list):
            todo.extend(value)
        elif isinstance(value, str):
            found.append(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            found.append(str(value))
    return normalize("NFC", "\n".join(reversed(found)))


def match_expression(text: str) -> str | None:
    """An FTS5 expression for all the words of ``text``, the last one as a prefix; None if it has no word."""
    words = _WORD.findall(normalize("NFC", text))
    if not words:
        return None
    return " AND ".join(f'"{word}"' for word in words) + " *"
