"""The root service: a node's life as twistd sees it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import attrs
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall, deferLater
from twisted.logger import Logger

from cloudnode.service.shutdown import Shutdown, StartAbandoned, StartError
from cloudnode.service.supervisor import Supervisor

# By its own name: a class's logger would be called after what inherits from it.
_log = Logger(namespace="cloudnode.service")


@attrs.frozen
class Serving:
    """What a node that serves can say of itself.

    :ivar network: The network's id in hex. :ivar node: This node's public key in hex.
    :ivar height: The ledger's height. :ivar urls: Where it is reached from this machine.
    """

    network: str
    node: str
    height: int
    urls: Sequence[str]


class NodeService(Service):
    """Starts a node, says when it serves, and stops it in order.

    A failure to start that is known at once is raised by :meth:`startService`; a later one is told to
    ``failed``. In both cases what had started is stopped by then.
    """

    def __init__(
        self,
        start: Callable[[Shutdown], Awaitable[Serving]],
        *,
        failed: Callable[[StartError], None],
        supervisor: Supervisor,
        clock: IReactorTime,
    ) -> None:
        """
        :param start: Starts all parts of the node and adds what stops each to the shutdown it is given.
        :param failed: Told at most once.
        """
        self._start_node = start
        self._failed = failed
        self._supervisor = supervisor
        self._clock = clock
        self._shutdown = Shutdown(clock)
        self._starting: Deferred[StartError | None] | None = None
        self._watchdog: LoopingCall | None = None

    def startService(self) -> None:
        """Start the node.

        :raises StartError: It can't start, and that is known already.
        """
        super().startService()  # type: ignore[no-untyped-call]
        self._starting = Deferred.fromCoroutine(self._start())
        if isinstance(error := getattr(self._starting, "result", None), StartError):
            raise error
        self._starting.addCallback(self._tell_failure)

    def stopService(self) -> Deferred[None]:
        """Stop the node.

        :returns: Fires when everything is closed; never fails.
        """
        super().stopService()  # type: ignore[no-untyped-call]
        self._shutdown.request()
        self._supervisor.stopping()
        return Deferred.fromCoroutine(self._stop())

    async def _start(self) -> StartError | None:
        try:
            serving = await self._start_node(self._shutdown)
        except StartAbandoned:
            return None
        except StartError as error:
            _log.critical("{error}", error=error)
            await self._shutdown.run()
            return error
        except Exception as error:
            _log.failure("the node can't start")
            await self._shutdown.run()
            return StartError(f"the node can't start: {type(error).__name__}: {error}")
        # All ports may be open before the reactor has begun to run; a node serves only then.
        await deferLater(self._clock, 0)
        if not self._shutdown.requested:
            self._announce(serving)
        return None

    def _tell_failure(self, error: StartError | None) -> None:
        if error is not None:
            self._failed(error)

    async def _stop(self) -> None:
        began = self._clock.seconds()
        if self._starting is not None:
            starting, self._starting = self._starting, None
            await starting
        if self._watchdog is not None and self._watchdog.running:
            self._watchdog.stop()
        await self._shutdown.run()
        _log.info("stopped in {seconds:.2f} s", seconds=self._clock.seconds() - began)

    def _announce(self, serving: Serving) -> None:
        """Say in all ways that the node serves now."""
        _log.info(
            "node {node} of network {network} serves at height {height}",
            node=serving.node, network=serving.network, height=serving.height,
        )  # fmt: skip
        for url in serving.urls:
            _log.info("serving {url}", url=url)
        places = ", ".join(serving.urls) or "no port"
        self._supervisor.serving(f"Serving network {serving.network[:12]} at {places}")
        if self._supervisor.watchdog_seconds is not None:
            self._watchdog = LoopingCall(self._supervisor.alive)
            self._watchdog.clock = self._clock
            # Half of the time, as sd_watchdog_enabled(3) advises. Telling never raises: the loop never dies.
            self._watchdog.start(self._supervisor.watchdog_seconds / 2)
