"""What twistd's plugin and ``node.tac`` call: :class:`Options` and :func:`makeService`.

Importing this module installs no reactor. What a process needs around the service is here too: where the log
goes, what signals do, and an exit status that tells a supervisor when the node could not start.
"""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import time
from types import FrameType, TracebackType
from typing import Any, TextIO

from twisted.application.service import Service
from twisted.internet.error import ReactorNotRunning
from twisted.logger import ILogObserver, Logger
from twisted.python.components import Componentized
from twisted.python.logfile import LogFile

from cloudnode.service.logging import make_observer
from cloudnode.service.options import Options
from cloudnode.service.root import NodeService
from cloudnode.service.shutdown import StartError
from cloudnode.service.supervisor import Supervisor

__all__ = ["Options", "makeService"]

_log = Logger(namespace="cloudnode.service")

_COLLECTED_AFTER = (50_000, 10, 10)
"""Allocations between two searches for cyclic garbage, and how many of those to one among what is older.

Some thousands of calls that wait for a block are tens of thousands of objects that live. At Python's own threshold of
700 the collector looks through them again and again, for half of the processor time that a write takes.
"""


def makeService(options: Options) -> Service:
    """The node that the options ask for, as twistd starts and stops it."""
    # Before the many imports, which would set the collector off as well.
    gc.set_threshold(*_COLLECTED_AFTER)
    # Both install a reactor: Klein does when it is imported.
    from twisted.internet import reactor

    from cloudnode.service.compose import start_node

    use_monotonic_clock(reactor)
    config = options.config
    service = _DaemonService(
        lambda shutdown: start_node(config, reactor, shutdown),
        failed=lambda error: _exit_after_failure(reactor, error),
        supervisor=Supervisor(os.environ, os.getpid()),
        clock=reactor,
    )
    file = _log_file(getattr(options, "parent", None))
    if file is not None:
        service.observer = make_observer(file, config.log_format, config.log_level)
    # Everything that a node writes is for its own user alone.
    os.umask(0o077)
    _stop_on_signals(reactor)
    sys.excepthook = _say_start_error
    # What lives as long as the process need not be looked through for garbage.
    reactor.callWhenRunning(gc.freeze)
    return service


def use_monotonic_clock(reactor: Any) -> None:
    """Let no jump of the machine's clock fire, or stop, what waits: Twisted's reactor goes by the time of day.

    To be called before anything waits; a node that needs the time of day asks for it by itself.
    """
    reactor.seconds = time.monotonic


class _DaemonService(NodeService):
    """Brings its log along to the application that twistd makes, which is asked for one before it starts."""

    observer: ILogObserver | None = None

    def setServiceParent(self, parent: Any) -> None:
        if self.observer is not None and isinstance(parent, Componentized):
            parent.setComponent(ILogObserver, self.observer)
        super().setServiceParent(parent)  # type: ignore[no-untyped-call]


def _log_file(twistd: Any) -> TextIO | None:
    """Where twistd's own options want the log, or None where it is not for us to say (syslog).

    :param twistd: twistd's options; None under ``node.tac``, which is meant for the foreground.
    """
    if twistd is None:
        return sys.stdout
    if twistd.get("syslog"):
        return None
    name, foreground = twistd.get("logfile"), twistd.get("nodaemon") or twistd.get("debug")
    if name == "-" or (foreground and not name):
        return sys.stdout
    file: TextIO = LogFile.fromFullPath(name or "twistd.log")
    return file


def _stop_on_signals(reactor: Any) -> None:
    """End with status 0 when asked to stop; asked twice, end at once.

    The reactor's own handlers stop in order as well, but have twistd die of the signal afterwards, which
    looks like a crash to whoever asked. What is final is on disk at any moment: the second way loses nothing.
    """
    asked: list[int] = []

    def stop(number: int, frame: FrameType | None) -> None:
        if asked:
            os._exit(128 + number)
        asked.append(number)
        reactor.callFromThread(_stop, reactor, signal.Signals(number).name)

    def install() -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, stop)

    install()
    # The reactor puts its own in their place when it begins to run.
    reactor.callWhenRunning(install)


def _stop(reactor: Any, why: str) -> None:
    _log.info("stopping on {why}", why=why)
    try:
        reactor.stop()
    except ReactorNotRunning:
        # It stops already, after a failed start.
        return


def _exit_after_failure(reactor: Any, error: StartError) -> None:
    """Stop the process in order, with status 1: twistd itself has no way to tell one once the reactor ran."""

    def exit() -> None:
        _say(error)
        sys.__stdout__.flush() if sys.__stdout__ is not None else None
        os._exit(1)

    atexit.register(exit)
    _stop(reactor, "a failed start")


def _say_start_error(kind: type[BaseException], value: BaseException, trace: TracebackType | None) -> None:
    """Tell a failed start in one line; a traceback is for what a programmer has to mend."""
    if isinstance(value, StartError):
        _say(value)
    else:
        sys.__excepthook__(kind, value, trace)


def _say(error: StartError) -> None:
    if sys.__stderr__ is not None:
        print(f"cloudnode: {error}", file=sys.__stderr__, flush=True)
