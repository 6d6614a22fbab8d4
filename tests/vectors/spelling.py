"""How the vector files write bytes that are meant to be text, and how to read them back.

A *spelling* is the text itself; or ``{"hex": ...}`` where the bytes are not UTF-8; or, where they are long and
monotonous, ``{"parts": [[text, times], ...]}``, which are to be repeated and joined.
"""

from __future__ import annotations

import re
from typing import Any

_LONG = 2048
_run = re.compile(r"(.)\1{63,}", re.DOTALL)

Spelling = str | dict[str, Any]


def spelled(raw: bytes) -> Spelling:
    """The spelling of some bytes."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return {"hex": raw.hex()}
    if len(text) < _LONG:
        return text
    parts: list[list[Any]] = []
    at = 0
    for run in _run.finditer(text):
        parts += [[text[at : run.start()], 1], [run[1], len(run[0])]]
        at = run.end()
    parts.append([text[at:], 1])
    return {"parts": [part for part in parts if part[0]]}


def unspelled(spelling: Spelling) -> bytes:
    """The bytes of a spelling."""
    if isinstance(spelling, str):
        return spelling.encode()
    if "hex" in spelling:
        return bytes.fromhex(spelling["hex"])
    return "".join(text * times for text, times in spelling["parts"]).encode()
