"""Vectors of strict and of canonical JSON."""

from __future__ import annotations

import json
from typing import Any

from cloudnode.formats.canonical import canonical
from cloudnode.formats.strictjson import decode_strict
from tests.vectors.spelling import spelled

_GOOD = {
    "null": b"null",
    "white space of all four kinds": b" \t\r\n[ 1 , 2 ] \n",
    "largest integer": b"9007199254740991",
    "smallest integer": b"-9007199254740991",
    "zero": b"0",
    "empty key and empty containers": b'{"":[{},[]]}',
    "surrogate pair escaped": b'"\\ud83d\\ude00"',
    "the same character in UTF-8": '"\U0001f600"'.encode(),
    "backslash before u": b'"\\\\ud800"',
    "all short escapes": b'"\\"\\\\\\/\\b\\f\\n\\r\\t"',
    "NUL escaped": b'"\\u0000"',
    "DEL and C1 controls unescaped": '"\x7f\x85"'.encode(),
    "noncharacter": '"\uffff"'.encode(),
    "byte order mark within a string": '"\ufeff"'.encode(),
    "keys equal only after normalization": '{"\u00e9":1,"e\u0301":2}'.encode(),
    "the same key in two objects": b'[{"a":1},{"a":2}]',
    "32 arrays deep": b"[" * 32 + b"]" * 32,
    "32 deep, mixed": b'{"a":[' * 16 + b"]}" * 16,
    "many brackets, not deep": b"[" + b"[]," * 100 + b"[]]",
    "brackets in strings": b'["' + b"[{" * 40 + b'","\\"' + b"[" * 40 + b'"]',
    "proto as key": b'{"__proto__":1}',
}

_BAD = {
    "empty": (b"", "json_malformed"),
    "white space only": (b" ", "json_malformed"),
    "byte order mark": (b"\xef\xbb\xbf1", "json_malformed"),
    "UTF-16": ("1".encode("utf-16-be"), "json_malformed"),
    "invalid UTF-8": (b'"\xff"', "json_malformed"),
    "overlong UTF-8": (b'"\xc0\xaf"', "json_malformed"),
    "surrogate in UTF-8": (b'"\xed\xa0\x80"', "json_malformed"),
    "beyond Unicode": (b'"\xf4\x90\x80\x80"', "json_malformed"),
    "two values": (b"1 2", "json_malformed"),
    "trailing comma": (b"[1,]", "json_malformed"),
    "comment": (b"[1]//", "json_malformed"),
    "single quotes": (b"'a'", "json_malformed"),
    "unquoted key": (b"{a:1}", "json_malformed"),
    "unterminated string": (b'"a', "json_malformed"),
    "raw control character": (b'"\n"', "json_malformed"),
    "raw NUL": (b'"\x00"', "json_malformed"),
    "vertical tab as white space": (b"\x0b1", "json_malformed"),
    "no-break space as white space": (b"\xc2\xa01", "json_malformed"),
    "bad escape": (b'"\\x41"', "json_malformed"),
    "short unicode escape": (b'"\\u12"', "json_malformed"),
    "unicode escape with a sign": (b'"\\u+123"', "json_malformed"),
    "capital literal": (b"True", "json_malformed"),
    "NaN": (b"NaN", "json_malformed"),
    "Infinity": (b"-Infinity", "json_malformed"),
    "leading zero": (b"01", "json_malformed"),
    "plus sign": (b"+1", "json_malformed"),
    "hexadecimal": (b"0x1", "json_malformed"),
    "Arabic digits": ("\u0661".encode(), "json_malformed"),
    "fraction": (b"1.5", "json_number"),
    "whole number with fraction": (b"1.0", "json_number"),
    "exponent": (b"1e2", "json_number"),
    "huge exponent": (b"1e999999999", "json_number"),
    "negative zero": (b"[-0]", "json_number"),
    "above the largest integer": (b"9007199254740992", "json_number"),
    "below the smallest integer": (b"-9007199254740992", "json_number"),
    "long integer": (b"1" * 5000, "json_number"),
    "duplicate key": (b'{"a":1,"b":2,"a":1}', "json_duplicate_key"),
    "duplicate key, one escaped": (b'{"a":1,"\\u0061":1}', "json_duplicate_key"),
    "duplicate key deep inside": (b'[[{"x":{"":1,"":2}}]]', "json_duplicate_key"),
    "lone high surrogate": (b'"\\ud800"', "json_lone_surrogate"),
    "lone low surrogate": (b'"\\uDC00"', "json_lone_surrogate"),
    "surrogates in the wrong order": (b'"\\udc00\\ud800"', "json_lone_surrogate"),
    "lone surrogate in a key": (b'{"a":[{"\\ud83d":1}]}', "json_lone_surrogate"),
    "lone surrogate after an escaped backslash": (b'"\\\\\\ud83d"', "json_lone_surrogate"),
    "33 arrays deep": (b"[" * 33 + b"]" * 33, "json_too_deep"),
    "33 deep, mixed": (b'{"a":[' * 16 + b"{}" + b"]}" * 16, "json_too_deep"),
    "60000 arrays deep": (b"[" * 60000 + b"]" * 60000, "json_too_deep"),
    "60000 arrays opened": (b"[" * 60000, "json_too_deep"),
}

_CANONICAL = [
    ("white space and order", '{ "b" : 1, "a" : [ true , null ] }'),
    ("escapes are undone or rewritten", '"\\u0041\\/\\u000a\\u0001\\u001F\\u007f\\u00e9\\u2028"'),
    ("order by UTF-16 code units, not by code points", '{"\\uff5e":1,"\\ud83d\\ude00":2,"z":3,"":4}'),
    ("capitals before small letters", '{"b":1,"B":2,"_":3,"0":4,"10":5,"9":6}'),
    ("numbers", "[0,-1,9007199254740991,-9007199254740991]"),
    ("nested", '{"z":{"y":[{"x":{}}]},"a":[]}'),
    ("quotes and backslashes", '"\\"\\\\"'),
]


def strict_texts() -> dict[str, Any]:
    """Texts that are accepted, with their values, and texts that are refused, with the code."""
    return {
        "accepted": [{"name": name, "text": spelled(raw), "value": decode_strict(raw)} for name, raw in _GOOD.items()],
        "refused": [{"name": name, "text": spelled(raw), "code": code} for name, (raw, code) in _BAD.items()],
    }


def canonical_texts() -> dict[str, Any]:
    """Texts and the canonical text of the same value."""
    return {
        "texts": [
            {"name": name, "text": text, "canonical": canonical(json.loads(text)).decode()} for name, text in _CANONICAL
        ]
    }
