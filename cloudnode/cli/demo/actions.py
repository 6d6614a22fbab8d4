"""What can be done to the network: by a key, or by a script of timed actions."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Literal

import attrs

Verb = Literal["kill", "revive", "toggle", "stop", "continue", "pause", "write", "quit"]

_NODE_VERBS: tuple[Verb, ...] = ("kill", "revive", "stop", "continue")
_OTHER_VERBS: tuple[Verb, ...] = ("write", "quit")

CANCEL = (0x1B, 0x7F)


@attrs.frozen
class Action:
    """One thing to do.

    :ivar verb: ``toggle`` kills or revives, ``pause`` stops or continues; ``write`` begins or ends the load.
    :ivar node: Which node, from 1; 0 where it is none.
    """

    verb: Verb
    node: int = 0

    def __str__(self) -> str:
        return f"{self.verb} {self.node}" if self.node else self.verb


@attrs.frozen
class Timed:
    """An action, so many seconds after all nodes serve."""

    at: float
    action: Action


class Keys:
    """From bytes of a terminal to actions.

    :ivar asks: Whether the next digit names the node to stop or continue.
    """

    def __init__(self, nodes: int) -> None:
        self.asks = False
        self._nodes = nodes

    def read(self, typed: bytes) -> list[Action]:
        """What was asked for; keys without a meaning have none."""
        return [action for key in typed if (action := self._key(key)) is not None]

    def _key(self, key: int) -> Action | None:
        asked, self.asks = self.asks, False
        letter = chr(key).lower()
        if letter.isascii() and letter.isdecimal() and 1 <= int(letter) <= self._nodes:
            return Action("pause" if asked else "toggle", int(letter))
        if letter == "s":
            self.asks = not asked
            return None
        if letter == "w":
            return Action("write")
        if letter in ("q", "\x03", "\x04"):
            return Action("quit")
        return None


def parse_script(text: str) -> tuple[Timed, ...]:
    """Read ``SECONDS VERB [NODE], ...``; ``@FILE`` names a file with that, which may have lines for commas.

    :raises ArgumentTypeError: It can't be read.
    """
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise argparse.ArgumentTypeError(f"cannot read {text[1:]}: {error}") from None
    steps = [step.strip() for step in re.split(r"[,\n]", text)]
    timed = [_step(step) for step in steps if step]
    if not timed:
        raise argparse.ArgumentTypeError("the script is empty")
    return tuple(sorted(timed, key=lambda each: each.at))


def _step(step: str) -> Timed:
    words = step.split()
    advice = (
        f"{step!r} is not SECONDS and one of {', '.join(f'{verb} NODE' for verb in _NODE_VERBS)}, "
        f"{', '.join(_OTHER_VERBS)}"
    )
    if len(words) < 2 or re.fullmatch(r"\d{1,6}(\.\d{1,3})?", words[0], re.ASCII) is None:
        raise argparse.ArgumentTypeError(advice)
    at = float(words[0])
    for verb in _NODE_VERBS:
        if words[1] == verb and len(words) == 3 and re.fullmatch(r"[1-9]", words[2]):
            return Timed(at, Action(verb, int(words[2])))
    for verb in _OTHER_VERBS:
        if words[1] == verb and len(words) == 2:
            return Timed(at, Action(verb))
    raise argparse.ArgumentTypeError(advice)
