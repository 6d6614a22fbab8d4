"""Canonical JSON: one text for each value, as RFC 8785 has it for the values that occur here.

Null, booleans, integers within +-(2^53-1), strings of whole characters, arrays, and objects whose members stand in the
order of their names' UTF-16 code units (JavaScript's own order of strings). No white space. In strings, ``"`` and
``\\`` are escaped by a backslash, U+0008, U+0009, U+000A, U+000C and U+000D as ``\\b \\t \\n \\f \\r``, the other
characters below U+0020 as ``\\u00xx`` with lower-case digits, and nothing else is escaped. The text is UTF-8.
"""

from __future__ import annotations

from collections.abc import Callable
from json.encoder import encode_basestring
from typing import Any

from cloudnode.formats.errors import LocalError
from cloudnode.formats.strictjson import INTEGER_MAX


def canonical(value: Any) -> bytes:
    """The canonical text of a value made of None, bool, int, str, list or tuple, and dict.

    :raises LocalError: Another type, a number out of range or a lone surrogate is in it, or it is nested too deep.
    """
    parts: list[str] = []
    try:
        _write(value, parts.append)
        return "".join(parts).encode()
    except UnicodeEncodeError:
        raise LocalError("a string has a lone surrogate") from None
    except RecursionError:
        raise LocalError("the value is nested too deep") from None


def _write(value: Any, add: Callable[[str], None]) -> None:
    if isinstance(value, str):
        add(encode_basestring(value))
    elif value is None or isinstance(value, bool):
        add({None: "null", True: "true", False: "false"}[value])
    elif isinstance(value, int):
        if abs(value) > INTEGER_MAX:
            raise LocalError("a number is out of +-(2^53-1)")
        add(str(value))
    elif isinstance(value, (list, tuple)):
        _write_all("[", [(None, item) for item in value], "]", add)
    elif isinstance(value, dict) and all(isinstance(name, str) for name in value):
        _write_all("{", [(name, value[name]) for name in sorted(value, key=_code_units)], "}", add)
    else:
        raise LocalError(f"{type(value).__name__} has no canonical JSON")


def _write_all(start: str, items: list[tuple[str | None, Any]], end: str, add: Callable[[str], None]) -> None:
    add(start)
    for number, (name, value) in enumerate(items):
        if number:
            add(",")
        if name is not None:
            add(encode_basestring(name) + ":")
        _write(value, add)
    add(end)


def _code_units(name: str) -> bytes:
    return name.encode("utf-16-be")
