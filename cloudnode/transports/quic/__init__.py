"""QUIC on one UDP socket: WebSocket over HTTP/3, WebTransport, and room for STUN beside them.

Theory of operation, from the wire up. Each part knows only the ones above it in this list:

``demultiplexer``  tells STUN from QUIC by the first bytes of a datagram (RFC 7983, RFC 9443)
``windows``        aioquic's connection with receive windows that slide with what was delivered
``link``           one connection: its events, deadlines, keep-alives; and the application on it
``endpoint``       all links of one socket, without I/O: routing by connection id, Retry, limits
``sending``        many datagrams a system call, where the kernel can
``listener``       the Twisted shell: a socket, a clock, one timer a link
``http3``          aioquic's HTTP/3 with bounds on what a peer can make it keep
``stream``         one stream as an ``ITransport`` with back-pressure both ways
``upgrade``        HTTP/1.1 upgrades as Autobahn speaks them, to and from extended CONNECT (RFC 9220)
``webtransport``   WebTransport sessions, whose streams carry length-prefixed messages
``server``         the application that answers; ``request`` the one that asks, once
``client``         the API's client on it; ``peers`` links between nodes
"""

from __future__ import annotations
