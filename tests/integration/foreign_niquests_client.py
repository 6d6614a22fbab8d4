"""An independent client: niquests, whose HTTP/3 is qh3's, with HTTP/1 and HTTP/2 disabled.

Usage: foreign_niquests_client.py PORT plain|websocket

Makes a plain GET, or opens ``wss+rfc8441://`` (extended CONNECT; needs wsproto) and has messages echoed, and
prints what it saw.
"""

from __future__ import annotations

import json
import sys
import time

import niquests


def get_plain(session: niquests.Session, port: int) -> dict[str, object]:
    """A GET."""
    response = session.get(f"https://127.0.0.1:{port}/", verify=False)
    return {"status": response.status_code, "version": response.http_version, "text": response.text}


def use_websocket(session: niquests.Session, port: int) -> dict[str, object]:
    """A WebSocket."""
    begin = time.perf_counter()
    response = session.get(f"wss+rfc8441://127.0.0.1:{port}/", verify=False)
    handshake_ms = (time.perf_counter() - begin) * 1000
    extension = response.extension
    assert extension is not None, response.status_code
    echoes = []
    for text in ("hello", "å" * 5000, "x" * 100_000):
        extension.send_payload(text)
        echoes.append(extension.next_payload() == text)
    extension.close()
    return {"version": response.http_version, "handshake_ms": handshake_ms, "echoes": echoes}


def main(port: int, what: str) -> dict[str, object]:
    """Do it."""
    with niquests.Session(disable_http1=True, disable_http2=True) as session:
        session.quic_cache_layer.add_domain("127.0.0.1", port)
        return (get_plain if what == "plain" else use_websocket)(session, port)


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), sys.argv[2])))
