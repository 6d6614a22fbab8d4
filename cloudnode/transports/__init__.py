"""Carriers of API messages: WebSocket over TCP, WebSocket and WebTransport over QUIC, sniffed ports."""
