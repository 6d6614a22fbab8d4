"""How work is handed to a thread."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred


class RunInThread(Protocol):
    """As :func:`twisted.internet.threads.deferToThread`; tests run the work at once."""

    def __call__(self, function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
        """Call a function in a thread; the Deferred fires in the reactor's thread."""
