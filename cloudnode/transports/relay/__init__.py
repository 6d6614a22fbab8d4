"""Byte streams through a third node: both ends hold a channel with the relay, which passes on binary messages.

``stream``    a channel as a Twisted transport, on which TLS and then anything is spoken
``endpoint``  where to connect through a relay
"""
