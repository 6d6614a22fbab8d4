"""JSON-RPC 2.0 as a client speaks it: requests to bytes, bytes to answers and notifications."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from cloudnode.client.errors import AnswerMalformed, RemoteError

T = TypeVar("T")

_encode = msgspec.json.Encoder().encode


class Context(Struct, frozen=True, gc=False):
    """What an answer says of itself.

    :ivar network: The genesis hash, 64 hex digits. :ivar height: The height at which the answer holds.
    :ivar hash: That block's hash. :ivar time: Its time in ms since 1970.
    """

    network: str = ""
    height: int = 0
    hash: str = ""
    time: int = 0


class Answer(Struct, frozen=True, gc=False):
    """A call's result.

    :ivar raw: Its exact JSON text, equal byte for byte between nodes at one height.
    :ivar raw_context: The exact JSON text of what it says of itself, with proof and signature if they were asked for;
        empty if the node told nothing.
    """

    raw: Raw
    raw_context: Raw

    @property
    def context(self) -> Context | None:
        """What the answer says of itself, decoded anew each time.

        :raises AnswerMalformed: It is not of the documented form.
        """
        return _decode_told(self.raw_context, Context) if bytes(self.raw_context) else None

    @property
    def result(self) -> Any:
        """The result as a Python value, decoded anew each time.

        :raises AnswerMalformed: It is no JSON text, as can be seen only now.
        """
        return _decode_told(self.raw, Any)

    def decode(self, kind: type[T]) -> T:
        """The result as a msgspec type.

        :raises AnswerMalformed: It is not of that type.
        """
        told: T = _decode_told(self.raw, kind)
        return told


@cache
def make_decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """The decoder of a type, which is made once: that takes a hundred times as long as to use it."""
    return msgspec.json.Decoder(kind)


def _decode_told(raw: Raw, kind: Any) -> Any:
    try:
        return make_decoder(kind).decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AnswerMalformed(f"The node's answer is not of the documented form: {error}.") from None


class _Request(Struct, frozen=True, gc=False, omit_defaults=True):
    id: int
    method: str
    params: Any = None
    context: dict[str, Any] | None = None
    jsonrpc: str = msgspec.field(default="")


class ToldError(Struct, frozen=True):
    """An error as a node tells it."""

    code: int
    message: str = ""
    data: Any = None

    def remote_error(self, raw_context: bytes = b"") -> RemoteError:
        """What is raised for it.

        :param raw_context: What the answer says of itself.
        """
        data = self.data if isinstance(self.data, dict) else {}
        name = data.get("code")
        return RemoteError(self.code, name if isinstance(name, str) else "", self.message, data, raw_context)


class Incoming(Struct, frozen=True, gc=False):
    """An answer (``id`` set) or a notification (``method`` set)."""

    id: int | None = None
    result: Raw = Raw(b"null")
    error: ToldError | None = None
    context: Raw = Raw(b"")
    method: str = ""
    params: Raw = Raw(b"null")

    @property
    def remote_error(self) -> RemoteError | None:
        """The error that the node answered with, if it did."""
        return None if self.error is None else self.error.remote_error(bytes(self.context))


_decode = msgspec.json.Decoder(Incoming).decode
decode_context = msgspec.json.Decoder(Context).decode
"""From the ``context`` of an answer; raises ``msgspec.DecodeError``."""


def encode_request(request_id: int, method: str, params: Any, context: dict[str, Any] | None) -> bytes:
    """A request's bytes.

    :param params: A dict, list or Struct; None for none.
    """
    return _encode(_Request(request_id, method, params, context, "2.0"))


def decode_incoming(message: bytes) -> Incoming:
    """:raises AnswerMalformed: The bytes are not a JSON-RPC answer or notification."""
    try:
        return _decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise AnswerMalformed("The answer is not JSON-RPC: is it a cloudnode that listens there?") from None
