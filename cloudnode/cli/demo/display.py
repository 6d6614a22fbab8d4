"""Where the picture goes: a live screen in a terminal, lines for a pipe, JSON for programs."""

from __future__ import annotations

import contextlib
import os
import shutil
import termios
import tty
from collections.abc import Callable
from typing import IO, Any, Protocol

import attrs

from cloudnode.cli.demo.screen import Screen, agreement_words, draw, summary
from cloudnode.cli.terminal import Terminal

_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
_KEYS_READ = 64


class Display(Protocol):
    """Shows the network."""

    def show(self, screen: Screen) -> None:
        """Show how it is now."""

    def close(self) -> None:
        """Leave the terminal as it was."""


class LiveDisplay:
    """The whole terminal, drawn again each time; keys are read as they are typed."""

    def __init__(
        self, terminal: Terminal, out: IO[str], keyboard: int, reactor: Any, typed: Callable[[bytes], object]
    ) -> None:
        """
        :param out: The terminal. :param keyboard: Its descriptor for reading.
        :param typed: Is called with what is typed.
        :raises termios.error: The keyboard is no terminal.
        """
        self._terminal = terminal
        self._out = out
        self._reactor = reactor
        self._keyboard = _Keyboard(keyboard, typed)
        reactor.addReader(self._keyboard)
        out.write(_ENTER)
        out.flush()

    def show(self, screen: Screen) -> None:
        """Draw over what is there: nothing flickers."""
        size = shutil.get_terminal_size((80, 24))
        lines = draw(screen, size.columns, size.lines, self._terminal.paint)
        self._out.write(_HOME + "\n".join(line + _CLEAR_LINE for line in lines) + _CLEAR_BELOW)
        self._out.flush()

    def close(self) -> None:
        """Give the terminal back."""
        self._reactor.removeReader(self._keyboard)
        self._keyboard.restore()
        self._out.write(_LEAVE)
        self._out.flush()


class _Keyboard:
    """Hands over what is typed at once and without showing it. Ctrl-C still interrupts; Ctrl-Z does nothing."""

    def __init__(self, descriptor: int, typed: Callable[[bytes], object]) -> None:
        self._descriptor = descriptor
        self._typed = typed
        self._before = termios.tcgetattr(descriptor)
        tty.setcbreak(descriptor)
        mode = termios.tcgetattr(descriptor)
        mode[6][termios.VSUSP] = b"\0"
        termios.tcsetattr(descriptor, termios.TCSANOW, mode)

    def restore(self) -> None:
        with contextlib.suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(self._descriptor, termios.TCSADRAIN, self._before)

    # As IReadDescriptor says

    def fileno(self) -> int:
        return self._descriptor

    def doRead(self) -> Exception | None:
        try:
            typed = os.read(self._descriptor, _KEYS_READ)
        except OSError:
            typed = b""
        self._typed(typed or b"q")  # a terminal that is gone is an end, too
        return None if typed else EOFError()

    def connectionLost(self, reason: Any) -> None:
        """Nothing more is typed."""

    def logPrefix(self) -> str:
        return "keyboard"


LINE_SECONDS = 5.0


class LineDisplay:
    """A line when something happens or changes, and every few seconds."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._told = 0
        self._last: tuple[object, ...] = ()
        self._next = float("-inf")

    def show(self, screen: Screen) -> None:
        """Write what is new."""
        for event in screen.events[self._told :]:
            self._terminal.line(_at(event.seconds) + event.text)
        self._told = len(screen.events)
        state = (*(view.state for view in screen.round.nodes), screen.round.agreement.is_equal)
        if state != self._last or screen.seconds >= self._next:
            self._last, self._next = state, screen.seconds + LINE_SECONDS
            words, style = agreement_words(screen.round.agreement)
            self._terminal.line(f"{_at(screen.seconds)}{summary(screen.round)}; {self._terminal.paint(words, style)}")
        self._terminal.flush()

    def close(self) -> None:
        """Nothing to do."""


def _at(seconds: float) -> str:
    return f"{max(0.0, seconds):7.1f} s  "


class JsonDisplay:
    """An object a round."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def show(self, screen: Screen) -> None:
        """Write the round."""
        agreement = screen.round.agreement
        self._terminal.json(
            {
                "seconds": round(screen.seconds, 1),
                "nodes": [attrs.asdict(view) for view in screen.round.nodes],
                "common_height": agreement.height,
                "roots": {root: list(numbers) for root, numbers in agreement.roots.items()},
                "equal": agreement.is_equal,
                "load": screen.load,
                "events": [{"seconds": round(event.seconds, 1), "text": event.text} for event in screen.events],
            }
        )
        self._terminal.flush()

    def close(self) -> None:
        """Nothing to do."""
