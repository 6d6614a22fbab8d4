"""JSON-RPC 2.0 messages: from bytes to requests, from answers to bytes.

Theory of operation. A message is decoded once, into a :class:`Request` whose parameters stay raw until the method's
own decoder takes them. msgspec refuses wrong types and unknown members on the way, but lets the last of two members of
one name win. Two equal names can't hide from counting: an object has one colon for each member, so a message with just
as many colons as distinct members that were found has no name twice. Colons after ``\\"`` are in a text (as those of
a signed operation are) and not counted: no name that is known ends with a backslash. Any other message (a text in it
has another colon, say) is read a second time by the standard library's parser, which shows all pairs.

A request without ``jsonrpc`` (or with ``1.0``) speaks Pocketnet's dialect: it is always answered, by ``result``,
``error`` and ``id``.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from cloudnode.api.errors import ApiError
from cloudnode.api.types import Height

ID_LENGTH = 128
ID_MAX = 2**53 - 1

_CAREFUL_COMMAS = 10_000

RequestId = Annotated[int, Meta(ge=-ID_MAX, le=ID_MAX)] | Annotated[str, Meta(max_length=ID_LENGTH)] | None


class RequestContext(Struct, frozen=True, forbid_unknown_fields=True):
    """What the caller asks about the answer's height and truth.

    :ivar min_height: Answer at this height or above, waiting for it. :ivar at: Answer at exactly this height.
    :ivar proof: Prove the answer. :ivar sign: Sign the answer.
    """

    min_height: Height | None = None
    at: Height | None = None
    proof: bool = False
    sign: bool = False


class Request(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """One request as it came."""

    method: str
    jsonrpc: Literal["2.0", "1.0"] | UnsetType = UNSET
    params: Raw | UnsetType = UNSET
    id: RequestId | UnsetType = UNSET
    context: RequestContext | UnsetType | None = UNSET


decode_request = msgspec.json.Decoder(Request).decode
_decode_items = msgspec.json.Decoder(list[Raw]).decode
_encode = msgspec.json.Encoder().encode


class _Duplicate(Exception):
    pass


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _Duplicate
    return members


# Numbers are of no interest and might be huge; the first parser has judged them.
_careful = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=str, parse_float=str, parse_constant=str)


def check_duplicates(message: bytes, request: Request, params: int) -> None:
    """Refuse a message in which an object names a member twice.

    :param params: How many parameters were surely found, by name; there may be more.
    :raises ApiError: ``json_duplicate_key``.
    """
    found = 1 + params
    found += request.jsonrpc is not UNSET
    found += request.params is not UNSET
    found += request.id is not UNSET
    if message.count(b":") - message.count(b'\\":') == found and request.context is UNSET:
        return
    try:
        _careful.decode(message.decode())
    except _Duplicate:
        raise ApiError("json_duplicate_key") from None
    except RecursionError:
        raise ApiError("json_too_deep") from None
    except ValueError as error:  # the two parsers differ
        raise _malformed(error) from None


def is_batch(message: bytes) -> bool:
    """Whether a message is an array."""
    return message.lstrip(b" \t\r\n")[:1] == b"["


def split_batch(message: bytes, longest: int) -> list[bytes]:
    """The requests of a batch, each as its bytes.

    :raises ApiError: ``json_malformed``, ``json_too_deep``, ``batch_empty`` or ``batch_too_long``.
    """
    # Each item costs some 60 bytes: do not make half a million of them in order to count them.
    if message.count(b",") > _CAREFUL_COMMAS and _has_more_items(message, longest):
        raise ApiError("batch_too_long", longest=longest)
    try:
        items = _decode_items(message)
    except Exception as error:
        raise _malformed(error) from None
    if not items:
        raise ApiError("batch_empty")
    if len(items) > longest:
        raise ApiError("batch_too_long", longest=longest)
    return [bytes(item) for item in items]


def _has_more_items(message: bytes, longest: int) -> bool:
    """Whether an array begins with more than so many values; False if that can't be told."""
    try:
        text = message.decode()
        at = text.index("[") + 1
        for _ in range(longest + 1):
            _, at = _careful.raw_decode(text, _skip_space(text, at))
            at = _skip_space(text, at)
            if text[at] != ",":
                return False
            at += 1
    except (ValueError, IndexError, RecursionError, _Duplicate):
        return False
    return True


def _skip_space(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at


def _malformed(error: Exception) -> ApiError:
    if isinstance(error, RecursionError):
        return ApiError("json_too_deep")
    return ApiError("json_malformed", f"The message is not JSON in UTF-8 (RFC 8259): {_short(error)}.")


def explain_request(message: bytes, error: Exception) -> tuple[ApiError, RequestId, bool]:
    """Say what is wrong with bytes that :data:`decode_request` refused, as far as they can be understood.

    :returns: The error, the request's id (None if it has no valid one) and whether to answer in the dialect.
    """
    if not isinstance(error, msgspec.ValidationError):
        return _malformed(error), None, False
    explained = ApiError("request_invalid", f"The message is not a JSON-RPC request: {_short(error)}.")
    try:
        members = msgspec.json.decode(message)
    except msgspec.ValidationError:  # a number of thousands of digits
        return explained, None, False
    except Exception as cause:
        return _malformed(cause), None, False
    if not isinstance(members, dict):
        return explained, None, False
    try:
        request_id: RequestId = msgspec.convert(members.get("id"), RequestId)
    except msgspec.ValidationError:
        request_id = None
    return explained, request_id, "jsonrpc" not in members and "method" in members


def explain_params(error: Exception, method: str) -> ApiError:
    """Say what is wrong with parameters that a method's decoder refused."""
    if isinstance(error, RecursionError):
        return ApiError("json_too_deep")
    if not isinstance(error, msgspec.ValidationError):
        return _malformed(error)
    text = _short(error)
    if "unknown field" in text or ("at most length" in text and text.startswith("Expected `array`")):
        name = "member_unknown"
    elif "missing required field" in text or ("at least length" in text and text.startswith("Expected `array`")):
        name = "member_missing"
    else:
        name = "member_type"
    return ApiError(name, f"Parameters of {method}: {text}.")


def _short(error: Exception) -> str:
    text = str(error).rstrip(".")
    return text if len(text) <= 300 else text[:300] + "..."


def encode_id(request_id: RequestId | UnsetType) -> bytes:
    """An id as it goes back."""
    if type(request_id) is int:
        return b"%d" % request_id
    if request_id is None or request_id is UNSET:
        return b"null"
    return _encode(request_id)


def encode_error(error: ApiError) -> bytes:
    """The ``error`` member."""
    return _encode({"code": error.number, "message": error.message, "data": {"code": error.name, **error.data}})


def encode_answer(request_id: bytes, dialect: bool, member: bytes, value: bytes, context: bytes | None) -> bytes:
    """A whole answer.

    :param request_id: As :func:`encode_id` gave it. :param member: ``result`` or ``error``, and ``value`` its JSON.
    :param context: The ``context`` object without its closing brace, or None to leave it out.
    """
    if dialect:
        if member == b"result":
            parts = (b'{"result":', value, b',"error":null,"id":', request_id)
        else:
            parts = (b'{"result":null,"error":', value, b',"id":', request_id)
    else:
        parts = (b'{"jsonrpc":"2.0","id":', request_id, b',"%s":' % member, value)
    if context is None:
        return b"".join((*parts, b"}"))
    return b"".join((*parts, b',"context":', context, b"}}"))


def encode_notification(params: bytes) -> bytes:
    """A message to a subscriber."""
    return b'{"jsonrpc":"2.0","method":"subscription","params":' + params + b"}"
