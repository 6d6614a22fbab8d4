"""Where log events go: text for people or one JSON object a line for programs.

Both are observers of :mod:`twisted.logger`. They never raise: an event that can't be formatted is written as
what can be said of it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, TextIO

from twisted.logger import (
    FileLogObserver,
    FilteringLogObserver,
    ILogFilterPredicate,
    ILogObserver,
    LogEvent,
    LogLevel,
    LogLevelFilterPredicate,
    PredicateResult,
    formatEvent,
    formatTime,
)
from zope.interface import implementer

from cloudnode.service.config import LogFormat, LogLevelName

# Lines that repeat what the node says itself, such as "Starting factory <Site ...>" for every port.
# log_legacy is what comes by twisted.python.log, such as "(TCP Port 38081 Closed)".
_CHATTY_BELOW_WARN = ("twisted.", "log_legacy", "txaio", "autobahn", "klein")


def make_observer(file: TextIO, log_format: LogFormat, level: LogLevelName) -> ILogObserver:
    """An observer that writes events of ``level`` and above to ``file``, flushed after each."""
    formatter = format_json if log_format == "json" else format_text
    levels = LogLevelFilterPredicate(defaultLogLevel=LogLevel.levelWithName(level))
    predicates: list[ILogFilterPredicate] = [levels]
    if level != "debug":
        predicates.insert(0, _Quiet())
    return FilteringLogObserver(FileLogObserver(file, formatter), predicates)


def format_text(event: LogEvent) -> str | None:
    """``2026-11-23T10:11:12+0000 [cloudnode.api.http#info] message``, and a traceback below it if any."""
    text = _message(event)
    if not text:
        return None
    level = event.get("log_level", LogLevel.info).name
    time = formatTime(event.get("log_time"))
    return f"{time} [{_system(event)}#{level}] " + text.replace("\n", "\n\t") + "\n"


def format_json(event: LogEvent) -> str | None:
    """One object: ``time`` (RFC 3339, UTC), ``level``, ``system``, ``message``, the event's own fields."""
    text = _message(event, traceback=False)
    failure = event.get("log_failure")
    if not text and failure is None:
        return None
    when = datetime.fromtimestamp(event.get("log_time", 0.0), UTC)
    line: dict[str, Any] = {
        "time": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": event.get("log_level", LogLevel.info).name,
        "system": _system(event),
        "message": text,
    }
    if failure is not None:
        line["traceback"] = failure.getTraceback()
    for name, value in event.items():
        if not name.startswith("log_") and name not in line and name not in _LEGACY:
            line[name] = value
    return json.dumps(line, default=_plain, ensure_ascii=False) + "\n"


# What twisted.python.log adds to the events of its old interface.
_LEGACY = frozenset({"isError", "format", "failure", "why", "printed"})


def _message(event: LogEvent, *, traceback: bool = True) -> str:
    text = formatEvent(event)
    if traceback and "log_failure" in event:
        try:
            trace = event["log_failure"].getTraceback()
        except Exception:
            trace = "(no traceback)"
        text = f"{text}\n{trace}" if text else str(trace)
    return text.rstrip("\n")


def _system(event: LogEvent) -> str:
    return str(event.get("log_system") or event.get("log_namespace") or "-")


def _plain(value: Any) -> str:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    try:
        return str(value)
    except Exception:
        return f"<{type(value).__name__}>"


@implementer(ILogFilterPredicate)
class _Quiet:
    """Leaves out what libraries say at ``info`` about themselves."""

    def __call__(self, event: LogEvent) -> Any:
        level = event.get("log_level", LogLevel.info)
        namespace = event.get("log_namespace") or ""
        if level < LogLevel.warn and namespace.startswith(_CHATTY_BELOW_WARN):
            return PredicateResult.no
        return PredicateResult.maybe
