"""What one session has seen of the log, so that no later answer may be older, whichever node gives it. Pure.

The session's height is the newest that the caller was shown: by an answer, by its own write, by an item of a
subscription. Each later read asks for that height at least, and a node that is not there yet waits or is left for
another.
"""

from __future__ import annotations

from typing import Any

OF_THE_NODE = frozenset(
    {
        "getnodeinfo",
        "getpeerinfo",
        "getstuninfo",
        "gettime",
        "ping",
        "rpc.discover",
        "getgenesis",
        "compare",
        "getevidence",
        "submitevidence",
        "submit",
        "requestpunch",
        "checkreach",
    }
)
"""Methods that tell of the node that answers, of what never changes, or that write: no height makes them wrong."""


class Session:
    """Read your writes, and never go back.

    :ivar height: The newest height that the caller was shown.
    """

    def __init__(self, height: int = 0) -> None:
        """:param height: Of an earlier session that this one goes on with."""
        self.height = height

    def saw(self, height: int) -> None:
        """The caller is shown something that holds at a height."""
        self.height = max(self.height, height)

    def context(self, method: str, wanted: dict[str, Any] | None) -> dict[str, Any]:
        """The request's ``context``: what the caller wants of it, and the session's height unless the caller chose
        one.
        """
        context = dict(wanted or {})
        if method in OF_THE_NODE or "at" in context:
            return context
        least = max(self.height, context.get("min_height") or 0)
        if least:
            context["min_height"] = least
        return context


def goes_back(context: dict[str, Any], height: int) -> bool:
    """Whether an answer at a height is older than its request's ``context`` allows."""
    if "at" in context:
        return bool(height != context["at"])
    return height < int(context.get("min_height") or 0)
