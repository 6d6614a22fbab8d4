"""What a session's calls give."""

from __future__ import annotations

from cloudnode.client.cloud.checking import Checked
from cloudnode.client.errors import RemoteError
from cloudnode.client.messages import Answer


class CloudAnswer(Answer, frozen=True, gc=False, kw_only=True):
    """A result.

    :ivar checked: How far it was checked. :ivar url: Who answered. :ivar height: Where it holds; 0 for what holds at no
        height.
    """

    checked: Checked = "none"
    url: str = ""
    height: int = 0


class Denied(RemoteError):
    """It is proven that what was asked for does not exist.

    :ivar checked: As of an answer. :ivar height: Where that holds.
    """

    def __init__(self, error: RemoteError, checked: Checked, height: int) -> None:
        super().__init__(error.code, error.name, error.message, error.data, error.raw_context)
        self.checked = checked
        self.height = height
