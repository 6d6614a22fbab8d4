"""STUN without sockets and clocks: Session Traversal Utilities for NAT (RFC 8489, parts of RFC 5780).

``message``      a message as a value, and as bytes
``attributes``   what attributes hold
``integrity``    MESSAGE-INTEGRITY, MESSAGE-INTEGRITY-SHA256, FINGERPRINT, and the keys for them
``framing``      messages in a TCP stream
``transaction``  the client's side: retransmissions, and which answer belongs to which question
``credentials``  who may be known by which key
``limiting``     how many answers an address gets
``answering``    the server's side: what is answered to which bytes
``errors``       every named error
"""
