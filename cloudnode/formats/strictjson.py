"""JSON that every implementation reads alike: RFC 8259 with the loose ends tied.

Theory of operation. JSON parsers differ where RFC 8259 leaves room: which of two equal keys wins, what half of a
surrogate pair becomes, how far numbers are exact, how deep values may nest. All of that is refused here, each with
its own code, so that whatever passes means the same to any parser in any language:

- UTF-8 without a byte order mark, one value, nothing after it (``json_malformed``);
- at most :data:`DEPTH_MAX` arrays and objects inside one another, the outermost being the first (``json_too_deep``);
- no object has two members of the same name, compared after unescaping (``json_duplicate_key``);
- no string has an unpaired surrogate, which only an escape can write (``json_lone_surrogate``);
- numbers are integers within +-(2^53-1), without fraction, exponent or negative zero (``json_number``).

The codes are for people: a text with several faults is refused by one of them, and which one is not specified.

The standard library's parser does the work, in C, with hooks where it would be lax. What it can't do is done before
or after, and only where the text has a sign of it: brackets are counted first (so that a parser never recurses deep,
whatever it is given) and strings are walked only if the text has an escaped surrogate. All steps are linear in the
text's length.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

from cloudnode.formats.errors import LedgerError

DEPTH_MAX = 32
"""How many arrays and objects may be open at once."""

INTEGER_MAX = 2**53 - 1
"""The largest magnitude of a number: what a JavaScript number holds exactly."""

_DIGITS_MAX = 17  # the sign and 16 digits of 2^53-1; longer ones are refused unread

# The closing quote is optional, so that an unterminated string is consumed to the end at once: with it demanded, a
# text of many escaped quotes would be scanned from each of them anew.
_string = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_escaped_surrogate = re.compile(r"\\u[dD][89a-fA-F]")
_all_but_brackets = bytes(set(range(256)) - set(b"[]{}"))
_to_square = bytes.maketrans(b"{}", b"[]")


def decode_strict(raw: bytes) -> Any:
    """Decode a text under the rules above.

    :raises LedgerError: One of the ``json_`` codes.
    """
    if raw.count(b"[") + raw.count(b"{") > DEPTH_MAX:
        _check_depth(raw)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise LedgerError("json_malformed", f"The text is not UTF-8 at byte {error.start}.") from None
    try:
        value = _decode(text)
    except json.JSONDecodeError as error:
        where = f"{error.msg} at character {error.pos}"
        raise LedgerError("json_malformed", f"The text is not JSON (RFC 8259): {where}.") from None
    except RecursionError:  # only if the caller's own stack is nearly used up: the depth was checked
        raise LedgerError("json_too_deep") from None
    if _escaped_surrogate.search(text):
        _check_surrogates(value)
    return value


def check_strict(text: str | bytes) -> None:
    """Raise as :func:`decode_strict` does, for a text whose value is not wanted."""
    if isinstance(text, str):
        try:
            text = text.encode()
        except UnicodeEncodeError:
            raise LedgerError("json_malformed", "The text has a surrogate code point.") from None
    decode_strict(text)


def _check_depth(raw: bytes) -> None:
    """Refuse a text that nests too deep, without recursion and in some thirty linear passes.

    Only brackets outside strings are kept; each pass removes all innermost pairs and thereby one level. What is
    not well-formed may pass here, but never with more than twice the depth open at any place.
    """
    brackets = _string.sub(b"", raw).translate(_to_square, _all_but_brackets)
    for _ in range(DEPTH_MAX):
        shorter = brackets.replace(b"[]", b"")
        if len(shorter) == len(brackets):
            break
        brackets = shorter
    if b"[]" in brackets or brackets.count(b"[") > DEPTH_MAX:
        raise LedgerError("json_too_deep")


def _check_surrogates(value: Any) -> None:
    """Refuse an unpaired surrogate in any string or key of a decoded value."""
    for text in _strings(value):
        try:
            text.encode()
        except UnicodeEncodeError:
            raise LedgerError("json_lone_surrogate") from None


def _strings(value: Any) -> Iterator[str]:
    pending = [value]
    while pending:
        value = pending.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            pending.extend(value)
        elif isinstance(value, dict):
            pending.extend(value)
            pending.extend(value.values())


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise LedgerError("json_duplicate_key")
    return members


def _integer(digits: str) -> int:
    if len(digits) <= _DIGITS_MAX and digits != "-0":
        value = int(digits)
        if -INTEGER_MAX <= value <= INTEGER_MAX:
            return value
    raise LedgerError("json_number")


def _refuse_number(text: str) -> NoReturn:
    raise LedgerError("json_number")


def _refuse_constant(name: str) -> NoReturn:
    raise LedgerError("json_malformed", f"{name} is not JSON (RFC 8259).")


_decode = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_refuse_number, parse_constant=_refuse_constant
).decode
