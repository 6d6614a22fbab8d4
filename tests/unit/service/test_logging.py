"""What the log looks like."""

from __future__ import annotations

import json
from io import StringIO

from twisted.logger import ILogObserver, LogEvent, Logger, LogLevel, LogPublisher
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from cloudnode.service.logging import format_json, format_text, make_observer


def event(text: str = "{what} came", **fields: object) -> LogEvent:
    made: LogEvent = {
        "log_format": text,
        "log_time": 1_790_000_000.1234,
        "log_level": LogLevel.warn,
        "log_namespace": "cloudnode.api.session",
        "log_logger": Logger(),
        "log_source": object(),
    }
    return made | fields


class TextTests(SynchronousTestCase):
    def test_line(self) -> None:
        """A line has time, system and level before the message."""
        line = format_text(event(what="it"))
        assert line is not None
        self.assertRegex(line, r"^20\d\d-\d\d-\d\dT[0-9:]+[+-]\d{4} \[cloudnode\.api\.session#warn\] it came\n$")

    def test_several_lines(self) -> None:
        """The further lines of a message are indented, so that no message can pass for another one."""
        line = format_text(event("{what}", what="a\nb"))
        assert line is not None
        self.assertTrue(line.endswith("a\n\tb\n"))

    def test_traceback(self) -> None:
        """A failure shows its traceback below the message."""
        line = format_text(event(what="it", log_failure=Failure(ValueError("broken"))))
        assert line is not None
        self.assertIn("it came\n\t", line)
        self.assertIn("builtins.ValueError: broken\n", line)

    def test_nothing(self) -> None:
        """An event without a text makes no line."""
        self.assertIsNone(format_text({"log_format": None, "log_level": LogLevel.info}))

    def test_wrong_format(self) -> None:
        """An event that can't be formatted makes a line that says so."""
        line = format_text(event("{what.missing}", what="it"))
        assert line is not None
        self.assertIn("Unable to format event", line)


class JsonTests(SynchronousTestCase):
    def read(self, made: LogEvent) -> dict[str, object]:
        line = format_json(made)
        assert line is not None
        self.assertEqual(line.count("\n"), 1)
        read = json.loads(line)
        assert isinstance(read, dict)
        return read

    def test_members(self) -> None:
        """An object has time, level, system, message and the event's own fields, and nothing of the logger's."""
        self.assertEqual(
            self.read(event(what="it", peer="1.2.3.4", size=3)),
            {
                "time": "2026-09-21T14:13:20.123Z",
                "level": "warn",
                "system": "cloudnode.api.session",
                "message": "it came",
                "what": "it",
                "peer": "1.2.3.4",
                "size": 3,
            },
        )

    def test_values(self) -> None:
        """Bytes are hex, what JSON has not is text, and a field never hides the message."""

        class Nasty:
            def __str__(self) -> str:
                raise RuntimeError

        read = self.read(event("x", id=b"\1\xff", of=ValueError("v"), nasty=Nasty(), message="other"))
        self.assertEqual((read["id"], read["of"], read["nasty"], read["message"]), ("01ff", "v", "<Nasty>", "x"))

    def test_traceback(self) -> None:
        """A failure's traceback is a member of its own."""
        read = self.read(event(what="it", log_failure=Failure(ValueError("broken"))))
        self.assertEqual(read["message"], "it came")
        self.assertIn("builtins.ValueError: broken", str(read["traceback"]))


class ObserverTests(SynchronousTestCase):
    def logged(self, level: str, **more: str) -> list[str]:
        """What an observer of a level writes of one event of each level."""
        file = StringIO()
        observer = make_observer(file, "json", level)  # type: ignore[arg-type]
        verifyObject(ILogObserver, observer)
        for namespace in ("cloudnode.x", "twisted.web.server.Site"):
            log = Logger(namespace, observer=LogPublisher(observer))
            log.debug("d")
            log.info("i")
            log.warn("w")
            log.critical("c")
        return [f"{line['system'][:1]}{line['message']}" for line in map(json.loads, file.getvalue().splitlines())]

    def test_level(self) -> None:
        """Events below the level are left out; what libraries say of themselves begins with a warning."""
        self.assertEqual(self.logged("info"), ["ci", "cw", "cc", "tw", "tc"])
        self.assertEqual(self.logged("critical"), ["cc", "tc"])

    def test_debug(self) -> None:
        """The level debug leaves out nothing."""
        self.assertEqual(self.logged("debug"), ["cd", "ci", "cw", "cc", "td", "ti", "tw", "tc"])
