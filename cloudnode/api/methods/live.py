"""Methods that keep a caller up to date."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from cloudnode.api.calls import Call
from cloudnode.api.errors import ApiError
from cloudnode.api.subscriptions import Filter, Topic
from cloudnode.api.table import Method
from cloudnode.api.types import LogCursor
from cloudnode.ledger.reading import Cursor


class Subscribe(Struct, frozen=True, forbid_unknown_fields=True):
    """:ivar filter: What of it; all of it if left out."""

    topic: Annotated[Topic, Meta(description="What to be told of.")]
    filter: Filter = Filter()
    after: Annotated[
        LogCursor | None,
        Meta(description="Go on after this cursor, of whichever node; from now on where it is left out."),
    ] = None


class Subscribed(Struct, frozen=True):
    """A subscription, and the cursor after which its notifications begin.

    :ivar subscription: Its id, on this connection alone.
    """

    subscription: str
    cursor: Cursor


class Unsubscribe(Struct, frozen=True, forbid_unknown_fields=True):
    """:ivar subscription: Its id, as ``subscribe`` answered it."""

    subscription: Annotated[str, Meta(max_length=32)]


class Unsubscribed(Struct, frozen=True):
    """A subscription that was ended, and the cursor up to which everything was told.

    :ivar subscription: Its id.
    """

    subscription: str
    cursor: Cursor


def _subscribe(call: Call, params: Subscribe) -> Subscribed:
    subscriptions = call.scope.subscriptions
    if subscriptions is None:
        raise ApiError("transport_unsuited")
    after = None if params.after is None else params.after.cursor
    subscription = subscriptions.begin(params.topic, params.filter, after)
    return Subscribed(subscription.id, subscription.cursor)


def _unsubscribe(call: Call, params: Unsubscribe) -> Unsubscribed:
    subscriptions = call.scope.subscriptions
    if subscriptions is None:
        raise ApiError("transport_unsuited")
    return Unsubscribed(params.subscription, subscriptions.end(params.subscription))


METHODS: tuple[Method[Any], ...] = (
    Method(
        "subscribe",
        "live",
        "Be told of records, ratings, blocks or peers as they change, from any cursor on, without gap or repetition.",
        Subscribe,
        Subscribed,
        call=_subscribe,
        errors=("transport_unsuited", "too_many_subscriptions", "cursor_pruned", "parameters_conflict"),
    ),
    Method(
        "unsubscribe",
        "live",
        "End a subscription of this connection.",
        Unsubscribe,
        Unsubscribed,
        call=_unsubscribe,
        errors=("transport_unsuited", "subscription_unknown"),
    ),
)
