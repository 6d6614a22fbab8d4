"""Many nodes as one: a session that goes on whichever of them answers, and believes none of them."""

from cloudnode.client.cloud.cloud import Cloud

__all__ = ["Cloud"]
