"""How work is handed to a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred


class RunInThread(Protocol):
    """As :func:`twisted.internet.threads.deferToThread`; tests run the work at once."""

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """Call a function in a thread; the Deferred fires in the reactor's thread."""


async def settled(result: Deferred[Any]) -> None:
    """Wait until a Deferred has fired, whichever way; its result is left to those whom it is for."""
    done: Deferred[None] = Deferred()

    def pass_on(value: Any) -> Any:
        done.callback(None)
        return value

    result.addBoth(pass_on)
    await done
