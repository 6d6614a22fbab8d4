"""What one node really answers to a session, recorded below the session, which may make of it what it likes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from cloudnode.client.client import Client
from cloudnode.client.errors import RemoteError
from cloudnode.client.messages import Answer
from cloudnode.client.subscription import Notification

METHODS = frozenset({"getrecord", "getratings", "getaccount", "getdatahash", "getblock"})
"""Whose answers are told; besides, the items of subscriptions."""

Hear = Callable[[str, dict[str, Any], int, str | None, msgspec.Raw], object]
"""Takes the method (``subscription`` for items), its parameters, where it holds, an error's name, the result."""

_NOTHING = msgspec.Raw(b"null")


class _Context(msgspec.Struct):
    height: int = 0


class _Subscribers(dict[str, Callable[[Notification], object]]):
    """A client's subscribers, of whom each is told through the tap."""

    def __init__(self, hear: Hear, wanted: dict[str, dict[str, Any]]) -> None:
        super().__init__()
        self._hear = hear
        self._wanted = wanted

    def __setitem__(self, subscription: str, subscriber: Callable[[Notification], object]) -> None:
        def told(notification: Notification) -> object:
            if notification.items:
                items = msgspec.Raw(msgspec.json.encode(notification.items))
                self._hear("subscription", self._wanted[subscription], notification.cursor.height, None, items)
            return subscriber(notification)

        super().__setitem__(subscription, told)


def tap(client: Client, hear: Hear) -> Client:
    """Tell all that this client's node answers before anybody else is told."""
    call = client.call
    wanted: dict[str, dict[str, Any]] = {}
    client.subscribers = _Subscribers(hear, wanted)

    def tapped(
        method: str, params: Any = None, context: dict[str, Any] | None = None, *, timeout: float | None = None
    ) -> Deferred[Answer]:
        def answered(answer: Answer) -> Answer:
            if method == "subscribe":
                wanted[answer.result["subscription"]] = {"topic": params["topic"], "filter": params.get("filter", {})}
            elif method in METHODS:
                hear(method, params or {}, _height(bytes(answer.raw_context)), None, answer.raw)
            return answer

        def failed(failure: Failure) -> Failure:
            error = failure.value
            if method in METHODS and isinstance(error, RemoteError) and error.raw_context:
                hear(method, params or {}, _height(error.raw_context), error.name, _NOTHING)
            return failure

        return call(method, params, context, timeout=timeout).addCallbacks(answered, failed)

    client.call = tapped  # type: ignore[method-assign]
    return client


def _height(raw_context: bytes) -> int:
    return msgspec.json.decode(raw_context, type=_Context).height
