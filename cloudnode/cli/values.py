"""From the words of a command line to values."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterable, Mapping
from typing import IO, Any

import msgspec

from cloudnode.cli.exits import CommandError
from cloudnode.formats.addresses import decode_account
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import VALIDATORS_MAX, Admission

DATA_BYTES_MAX = 16 * 1024 * 1024
"""Files larger than any message are not read to their end."""


def cursor(text: str) -> dict[str, int]:
    """An argument ``HEIGHT:INDEX``; ``0:0`` is before everything."""
    match = re.fullmatch(r"(\d{1,13}):(\d{1,7})", text, re.ASCII)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a cursor HEIGHT:INDEX, such as 120:3")
    return {"height": int(match[1]), "index": int(match[2])}


def page_cursor(text: str) -> list[int]:
    """An argument as ``list`` prints it for the next page: two or three numbers with commas."""
    if re.fullmatch(r"\d{1,13}(,\d{1,13}){1,2}", text, re.ASCII) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a page's cursor, such as 120,3")
    return [int(number) for number in text.split(",")]


def stars(text: str) -> int:
    """An argument from 1 to 5."""
    if text not in ("1", "2", "3", "4", "5"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 5")
    return int(text)


def count(text: str) -> int:
    """An argument from 1 up."""
    if not text.isascii() or not text.isdecimal() or len(text) > 12 or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)


def demo_nodes(text: str) -> int:
    """An argument from 1 to 9, as many as there are keys of one digit."""
    if text not in tuple("123456789"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 to 9")
    return int(text)


def validator_count(text: str) -> int:
    """An argument from 1 to 1000."""
    if count(text) > VALIDATORS_MAX:
        raise argparse.ArgumentTypeError(f"{text!r} is more than {VALIDATORS_MAX}")
    return int(text)


def account(text: str) -> bytes:
    """An argument of 64 hex digits, a public key."""
    try:
        return decode_account(text)
    except LedgerError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a key: 64 digits 0-9a-f") from None


def admission(text: str) -> Admission:
    """An argument ``open``, ``work:BITS`` or ``invited:ACCOUNT,...``."""
    policy, _, rest = text.partition(":")
    if text == "open":
        return Admission()
    if policy == "work" and rest.isascii() and rest.isdecimal() and 1 <= int(rest[:4]) <= 64:
        return Admission("work", bits=int(rest))
    if policy == "invited" and rest:
        return Admission("invited", accounts=tuple(account(each) for each in rest.split(",")))
    raise argparse.ArgumentTypeError(f"{text!r} is none of open, work:BITS (1 to 64), invited:ACCOUNT[,ACCOUNT...]")


def seconds(text: str) -> float:
    """An argument of seconds above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds")
    return value


def public_key(text: str) -> bytes:
    """An argument of 64 hex digits: a validator's key, as its node shows it."""
    if re.fullmatch(r"[0-9a-f]{64}", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a key of 64 lower-case hex digits")
    return bytes.fromhex(text)


def sha256_hash(text: str) -> bytes:
    """An argument of 64 hex digits, with or without colons as other tools print them."""
    digits = text.replace(":", "").lower()
    if re.fullmatch(r"[0-9a-f]{64}", digits) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a SHA-256 hash of 64 hex digits")
    return bytes.fromhex(digits)


def read_content(argument: str, stdin: IO[str] | None = None) -> bytes:
    """What ``DATA``, ``@file`` or ``-`` means.

    :raises CommandError: The file can't be read.
    """
    if argument == "-":
        stream: Any = sys.stdin if stdin is None else stdin
        content = getattr(stream, "buffer", stream).read(DATA_BYTES_MAX)
        return content if isinstance(content, bytes) else content.encode()
    if argument.startswith("@"):
        try:
            with open(argument[1:], "rb") as file:
                return file.read(DATA_BYTES_MAX)
        except OSError as error:
            raise CommandError(f"Cannot read {argument[1:]}: {error.strerror}.") from None
    return argument.encode("utf-8", "surrogateescape")


def json_data(content: bytes) -> bytes:
    """A record's data: JSON as it is, without the white space around it.

    :raises CommandError: It is not JSON.
    """
    text = content.strip(b" \t\r\n")
    try:
        msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CommandError(
            f"DATA is not JSON ({str(error).rstrip('.')}): a text needs quotes, as in '\"hello\"'."
        ) from None
    return text


def call_params(words: list[str], fields: Mapping[str, Any] | None, stdin: IO[str] | None = None) -> Any:
    """Parameters of a call: one JSON object or array (or ``@file``, ``-``), or ``name=value`` words.

    :param fields: The types of the method's parameters, if the method is known: a value is a text exactly where the
        method wants one, so that ``key=1`` is the key "1". Else a value is JSON if it can be read as such.
    :raises CommandError: They are neither.
    """
    if not words:
        return None
    if len(words) == 1 and (words[0] == "-" or words[0][:1] in ("{", "[", "@")):
        try:
            params = msgspec.json.decode(read_content(words[0], stdin))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CommandError(f"The parameters are not JSON: {error}.") from None
        if not isinstance(params, dict | list):
            raise CommandError("The parameters are not a JSON object or array.")
        return params
    return dict(_named(words, fields))


def _named(words: Iterable[str], fields: Mapping[str, Any] | None) -> Iterable[tuple[str, Any]]:
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise CommandError(f"{word!r} is not a parameter: write name=value, or all as one JSON object.")
        yield name, _value(text, None if fields is None else fields.get(name))


def _value(text: str, kind: Any) -> Any:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        return text
    if kind is not None:
        try:
            msgspec.convert(value, kind)
        except msgspec.ValidationError:
            return text
    return value
