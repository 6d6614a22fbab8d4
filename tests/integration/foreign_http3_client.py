"""An independent client: HTTP/3 of aioquic or of qh3 on asyncio, extended CONNECT and WebSocket frames by hand.

Usage: foreign_http3_client.py aioquic|qh3 PORT COUNT [rebind] [key]

Asks for a WebSocket, has COUNT messages echoed, closes it, and prints what it saw as JSON. With ``rebind`` it
moves to another local port every 50 messages, as a client behind a NAT that forgets does; with ``key`` it sends
a ``sec-websocket-key``, which RFC 9220 has no use for.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import sys
import time
from importlib import import_module
from typing import Any

LIBRARY = sys.argv[1]
connect = import_module(f"{LIBRARY}.asyncio.client").connect
QuicConnectionProtocol: Any = import_module(f"{LIBRARY}.asyncio.protocol").QuicConnectionProtocol
H3Connection = import_module(f"{LIBRARY}.h3.connection").H3Connection
QuicConfiguration = import_module(f"{LIBRARY}.quic.configuration").QuicConfiguration
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455, section 1.3


def mask_frame(opcode: int, payload: bytes) -> bytes:
    """A client's frame (RFC 6455, section 5.2), short or with a 16-bit length."""
    mask = os.urandom(4)
    length = len(payload)
    head = bytes([0x80 | opcode, 0x80 | (length if length < 126 else 126)])
    if length >= 126:
        head += length.to_bytes(2, "big")
    return head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


class Client(QuicConnectionProtocol):  # type: ignore[misc]
    """One connection with one WebSocket."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.h3 = H3Connection(self._quic)
        self.answer: asyncio.Future[dict[bytes, bytes]] = asyncio.get_running_loop().create_future()
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.frames: asyncio.Queue[tuple[int, bytes]] = asyncio.Queue()
        self.body = b""

    def quic_event_received(self, event: Any) -> None:
        """Take what came."""
        for received in self.h3.handle_event(event):
            if type(received).__name__ == "HeadersReceived":
                self.answer.set_result(dict(received.headers))
            if type(received).__name__ == "DataReceived":
                self.body += received.data
                self.take_frames()
            if getattr(received, "stream_ended", False) and not self.ended.done():
                self.ended.set_result(None)

    def take_frames(self) -> None:
        """Cut the server's frames, which are not masked."""
        while len(self.body) >= 2:
            length, start = self.body[1], 2
            if length == 126:
                length, start = int.from_bytes(self.body[2:4], "big"), 4
            if len(self.body) < start + length:
                return
            self.frames.put_nowait((self.body[0] & 0x0F, self.body[start : start + length]))
            self.body = self.body[start + length :]


async def rebind(client: Client) -> None:
    """Go on from another local port."""
    loop = asyncio.get_running_loop()
    old = client._transport
    transport, _ = await loop.create_datagram_endpoint(lambda: client, local_addr=("::", 0))
    assert client._transport is transport and old is not None
    old.close()


async def main(port: int, count: int, moves: bool, sends_key: bool) -> dict[str, Any]:
    """Do it."""
    configuration = QuicConfiguration(is_client=True, alpn_protocols=["h3"], verify_mode=ssl.CERT_NONE)
    begin = time.perf_counter()
    async with connect("localhost", port, configuration=configuration, create_protocol=Client) as client:
        assert isinstance(client, Client)
        stream = client._quic.get_next_available_stream_id()
        client.h3.send_headers(
            stream,
            [
                (b":method", b"CONNECT"),
                (b":scheme", b"https"),
                (b":authority", f"localhost:{port}".encode()),
                (b":path", b"/ws"),
                (b":protocol", b"websocket"),
                (b"sec-websocket-version", b"13"),
                (b"origin", b"https://elsewhere.example"),
                *([(b"sec-websocket-key", KEY)] if sends_key else []),
            ],
        )
        client.transmit()
        answer = await asyncio.wait_for(client.answer, 30)
        handshake_ms = (time.perf_counter() - begin) * 1000
        echoes = 0
        for number in range(count):
            if moves and number % 50 == 49:
                await rebind(client)
            text = f"message {number} ".encode() + b"." * (number % 300)
            client.h3.send_data(stream, mask_frame(1, text), False)
            client.transmit()
            opcode, payload = await asyncio.wait_for(client.frames.get(), 30)
            echoes += opcode == 1 and payload == text
        client.h3.send_data(stream, mask_frame(8, (1000).to_bytes(2, "big") + b"enough"), False)
        client.transmit()
        opcode, payload = await asyncio.wait_for(client.frames.get(), 30)
        await asyncio.wait_for(client.ended, 30)
        return {
            "status": answer[b":status"].decode(),
            "accept": answer.get(b"sec-websocket-accept", b"").decode(),
            "handshake_ms": handshake_ms,
            "echoes": echoes,
            "close_code": int.from_bytes(payload[:2], "big") if opcode == 8 else None,
        }


if __name__ == "__main__":
    options = sys.argv[4:]
    print(json.dumps(asyncio.run(main(int(sys.argv[2]), int(sys.argv[3]), "rebind" in options, "key" in options))))
