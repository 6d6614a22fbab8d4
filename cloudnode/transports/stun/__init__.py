"""STUN's sockets: the server's ports, and questions from sockets that serve other things too.

``socket``      STUN on a UDP socket: answers, and asks
``stream``      STUN over TCP: the server's connections
``polling``     reading many TCP connections that bring little, with little work for each
``asking``      a question over TCP, from a local port that others have as well
``batching``    the server's UDP port, which takes and sends many datagrams with one system call
``alternate``   the four sockets of a server with two addresses (RFC 5780)
``serving``     what a node puts together of these
"""
