"""What the faces for programs without Twisted's reactor have in common: what a session knows, without waiting.

The session lives in the reactor's thread; what is read here are copies, which any thread may make.
"""

from __future__ import annotations

from cloudnode.client.cloud.accusing import Accusation
from cloudnode.client.cloud.cloud import Cloud
from cloudnode.client.cloud.directory import Place


class Face:
    """A session seen from another thread.

    :ivar cloud: The session itself, for the reactor's thread.
    """

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud

    @property
    def network(self) -> str:
        """As :attr:`Cloud.network`."""
        return self.cloud.network

    @property
    def height(self) -> int:
        """As :attr:`Cloud.height`."""
        return self.cloud.height

    @property
    def places(self) -> list[Place]:
        """As :attr:`Cloud.places`."""
        return self.cloud.places

    def save(self) -> bytes:
        """As :meth:`Cloud.save`."""
        return self.cloud.save()

    @property
    def routes(self) -> dict[str, str]:
        """As :attr:`Cloud.routes`."""
        return self.cloud.routes

    @property
    def accusations(self) -> list[Accusation]:
        """As :attr:`Cloud.accusations`."""
        return self.cloud.accusations
