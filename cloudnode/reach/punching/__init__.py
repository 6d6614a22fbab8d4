"""Hole punching: paths between two sides that are both behind NATs, through a node that both can reach.

Terms are those of RFC 4787, RFC 5128 and RFC 8445, techniques those of Ford, Srisuresh and Kegel, "Peer-to-Peer
Communication Across NATs" (2005). ``docs/reach.md`` tells the whole. This package knows nothing of links between nodes,
so that the client library has it as well. Pure parts, without sockets and clocks:

``values``       what the parts tell each other
``coordinator``  the node in the middle: who is told what, and when
``choosing``     which of the endpoints that it tells are tried
``allowance``    how much is sent there
``strategies``   what is tried first, and what after that failed
``probing``      which probe goes where and when (UDP)
``spreading``    many ports at once, against NATs that map by the remote endpoint (UDP)
``opening``      simultaneous open (TCP)
``tracing``      what became of each attempt

On sockets:

``port``         probes beside the QUIC and STUN of one UDP socket
``spraying``     ``spreading`` on sockets
``connecting``   TCP sockets that share a local port
``adopting``     connections that are there already
``calling``      seams: who calls on a path, and what a coordinator is to a requester
``udp``, ``tcp`` the requester's side of one attempt
``punching``     attempts one after the other, transports raced
``answering``    the target's side
"""
