"""Deadlines for thousands of connections at the price of a few reactor calls.

Theory of operation. Time is cut into slots (:attr:`TimerWheel.slot_seconds`). A call is filed under the
first slot that begins at or after its time, so it comes at most one slot late and never early. Each slot in
use has one ``callLater`` of the reactor; filing and cancelling are set operations, whatever the number of
calls. A crowded slot is worked off in portions, with the reactor's other work between them.

The wheel also stands in for Autobahn's own batched timer, which rounds to whole seconds downwards (a
deadline of 5 s falls after 4 s at times), searches a list for each cancellation (quadratic when ten
thousand connections open in one second), and takes its clock from a module global.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

CALLS_A_PORTION = 500
"""How many calls of one slot are made before the reactor gets its turn."""


class WheelCall:
    """A call that waits in a :class:`TimerWheel`."""

    __slots__ = ("_slot", "arguments", "function")

    def __init__(self, slot: _Slot, function: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        self._slot = slot
        self.function = function
        self.arguments = arguments

    def cancel(self) -> None:
        """Do not call. Harmless when the call was made or cancelled before."""
        self._slot.remove(self)


class _Slot:
    """The calls of one stretch of time, and the reactor's call that works them off."""

    __slots__ = ("_wheel", "calls", "number", "timer")

    def __init__(self, wheel: TimerWheel, number: int) -> None:
        self._wheel = wheel
        self.number = number
        self.calls: set[WheelCall] = set()
        self.timer: IDelayedCall | None = None

    def remove(self, call: WheelCall) -> None:
        self.calls.discard(call)
        if not self.calls and self.timer is not None:
            self.timer.cancel()
            self.timer = None
            self._wheel.forget(self)

    def work_off(self) -> None:
        self.timer = None
        self._wheel.forget(self)  # what is filed meanwhile for this moment gets a slot of its own
        for _ in range(CALLS_A_PORTION):
            if not self.calls:
                return
            self._wheel.make(self.calls.pop())
        if self.calls:
            self.timer = self._wheel.clock.callLater(0, self.work_off)


class TimerWheel:
    """Calls functions later, cheaply and roughly.

    :ivar clock: What tells and keeps the time.
    :ivar slot_seconds: The length of a slot: how late a call may be.
    """

    _log = Logger()

    def __init__(self, clock: IReactorTime, slot_seconds: float = 0.25) -> None:
        self.clock = clock
        self.slot_seconds = slot_seconds
        self._slots: dict[int, _Slot] = {}

    def call_later(self, delay: float, function: Callable[..., object], *arguments: Any) -> WheelCall:
        """Call ``function(*arguments)`` after ``delay`` seconds, up to one slot later than that.

        An exception from it is logged and harms no other call.
        """
        now = self.clock.seconds()
        number = math.ceil((now + delay) / self.slot_seconds)
        slot = self._slots.get(number)
        if slot is None:
            slot = self._slots[number] = _Slot(self, number)
            slot.timer = self.clock.callLater(max(0.0, number * self.slot_seconds - now), slot.work_off)
        call = WheelCall(slot, function, arguments)
        slot.calls.add(call)
        return call

    def forget(self, slot: _Slot) -> None:
        """File no more calls in a slot (called by the slot)."""
        if self._slots.get(slot.number) is slot:
            del self._slots[slot.number]

    def make(self, call: WheelCall) -> None:
        """Make a call whose time has come (called by its slot)."""
        try:
            call.function(*call.arguments)
        except Exception:
            self._log.failure("A timed call failed: {call}", call=call.function)
