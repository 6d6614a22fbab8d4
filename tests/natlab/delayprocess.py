"""The process that holds the packets of a delayed link.

A program of its own, with the standard library alone, so that it starts fast:
for each TAP device, its arguments name the device and the socket that sends its
frames, both as file descriptors.
"""

from __future__ import annotations

import collections
import contextlib
import os
import select
import signal
import sys
import time

HELD_LIMIT = 64 << 20               # bytes that a link without netem can hold; more is lost
FRAME_SIZE = 1 << 17               # bytes; more than any frame has
BATCH = 64                         # frames to read at a time


def delay_frames(exits):
    """Hold frames, until it is killed or its lab's process ends.

    exits: for each TAP device, the socket that sends its frames, both as file
    descriptors.  Every line on standard input is a delay in seconds, and is
    acknowledged by a line.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(OSError):
        os.nice(-20)            # to be in time however busy the programs are
    for tap in exits:
        os.set_blocking(tap, False)
    buffer = bytearray(FRAME_SIZE)
    held = collections.deque()  # when to send, by which exit, the frame; never reordered
    held_size = 0
    delay = 0.0
    while True:
        timeout = max(0, held[0][0] - time.monotonic()) if held else None
        readable, _, _ = select.select([0, *exits], [], [], timeout)
        if 0 in readable:
            readable.remove(0)
            line = os.read(0, 100)
            if not line:
                return
            delay = float(line)
            os.write(1, b'\n')
        due = time.monotonic() + delay
        for tap in readable:
            with contextlib.suppress(BlockingIOError):
                for _ in range(BATCH):
                    size = os.readv(tap, [buffer])
                    if held_size + size <= HELD_LIMIT:
                        held.append((due, exits[tap], bytes(memoryview(buffer)[:size])))
                        held_size += size
        while held and held[0][0] <= time.monotonic():
            _, packet_socket, frame = held.popleft()
            held_size -= len(frame)
            with contextlib.suppress(OSError):      # such as a device that is down
                os.write(packet_socket, frame)


if __name__ == '__main__':
    # Duplicates have numbers that are small enough for select().
    descriptors = map(os.dup, map(int, sys.argv[1:]))
    delay_frames(dict(zip(descriptors, descriptors, strict=False)))
