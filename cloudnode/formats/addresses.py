"""How records and accounts are named.

A record's address is ``account/collection/key``: 64 lower-case hex digits, a collection of ``[a-z0-9._-]{1,64}``, and
a key of 1 to 256 bytes of UTF-8. A key may have any character but ``/`` and the control characters, which are those of
Unicode's general category Cc: U+0000 to U+001F and U+007F to U+009F (a set that Unicode promises never to change). A
key is compared by its bytes and never normalized, folded or trimmed.
"""

from __future__ import annotations

import re
from hashlib import sha256

from cloudnode.formats.errors import LedgerError

KEY_BYTES_MAX = 256
ADDRESS_BYTES_MAX = 64 + 1 + 64 + 1 + KEY_BYTES_MAX

_is_plain_address = re.compile(r"[0-9a-f]{64}/[a-z0-9._-]{1,64}/[ -.0-~]{1,256}").fullmatch
"""Most addresses: those whose key is ASCII."""

_is_collection = re.compile(r"[a-z0-9._-]{1,64}").fullmatch
_has_forbidden = re.compile(r"[/\x00-\x1f\x7f-\x9f]").search


def decode_account(text: str) -> bytes:
    """The 32 bytes of an account, node, validator, network or id written as 64 lower-case hex digits.

    :raises LedgerError: ``account_invalid``.
    """
    try:
        account = bytes.fromhex(text)
    except ValueError:
        raise LedgerError("account_invalid") from None
    # bytes.fromhex also takes capitals and white space; what it gives back in text does not.
    if len(account) != 32 or account.hex() != text:
        raise LedgerError("account_invalid")
    return account


def check_collection(collection: str) -> None:
    """:raises LedgerError: ``collection_invalid``."""
    if _is_collection(collection) is None:
        raise LedgerError("collection_invalid")


def check_key(key: str) -> None:
    """:raises LedgerError: ``key_invalid``."""
    try:
        size = len(key.encode())
    except UnicodeEncodeError:
        size = 0
    if not 1 <= size <= KEY_BYTES_MAX or _has_forbidden(key) is not None:
        raise LedgerError("key_invalid")


def parse_address(text: str) -> tuple[bytes, str, str]:
    """Take an address apart into account (32 bytes), collection and key.

    :raises LedgerError: ``record_invalid`` if there are not three parts; else the code of the part that is wrong.
    """
    parts = text.split("/")
    if len(parts) != 3:
        raise LedgerError("record_invalid")
    account, collection, key = parts
    check_collection(collection)
    check_key(key)
    return decode_account(account), collection, key


def check_address(text: str, code: str = "record_invalid") -> None:
    """Check an address, with one code for whatever is wrong with it.

    :param code: ``record_invalid`` or ``ref_invalid``.
    :raises LedgerError: With that code.
    """
    if _is_plain_address(text):
        return
    try:
        parse_address(text)
    except LedgerError as error:
        raise LedgerError(code, f"Not a record's address account/collection/key: {error.message}") from None


def format_address(account: bytes, collection: str, key: str) -> str:
    """The address of a record; the parts are taken to be valid."""
    return f"{account.hex()}/{collection}/{key}"


def record_hash(address: str) -> bytes:
    """SHA-256 of the address in UTF-8: the record's key in the trie."""
    return sha256(address.encode()).digest()


def account_hash(account: bytes) -> bytes:
    """SHA-256 of the account's 32 bytes: the account's key in the trie."""
    return sha256(account).digest()
