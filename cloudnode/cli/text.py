"""Text for a terminal: how wide it is, what of it is safe to print, and how it is cut to fit.

Records hold whatever their authors wrote. Printed as it is, it could move the cursor or turn the direction of writing;
:func:`printable` shows such characters as escapes instead.
"""

from __future__ import annotations

import unicodedata

_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def printable(text: str) -> str:
    """The text with every character that would not print as itself replaced by its escape."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if _prints(char) else _escape(char) for char in text)


def _prints(char: str) -> bool:
    # A zero-width joiner holds emoji together; it moves nothing.
    return char == "\u200d" or unicodedata.category(char) not in _HIDDEN


def _escape(char: str) -> str:
    known = {"\n": "\\n", "\t": "\\t", "\r": "\\r"}.get(char)
    if known is not None:
        return known
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def width(text: str) -> int:
    """How many columns a text takes: East Asian wide characters two, combining ones none."""
    if text.isascii():
        return len(text)
    return sum(_char_width(char) for char in text)


def _char_width(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def cut(text: str, columns: int) -> str:
    """The text, or its beginning with an ellipsis, in at most so many columns."""
    if width(text) <= columns:
        return text
    taken = 0
    kept = []
    for char in text:
        taken += _char_width(char)
        if taken > columns - 1:
            break
        kept.append(char)
    return "".join(kept) + "…" if columns > 0 else ""


def pad(text: str, columns: int, right: bool = False) -> str:
    """The text with spaces up to a width, on its right side or (``right``) on its left."""
    space = " " * max(0, columns - width(text))
    return space + text if right else text + space
