"""STUN's sockets: the server's ports, and questions from sockets that serve other things too.

``socket``      STUN on a UDP socket: answers, and asks
``stream``      STUN over TCP: the server's connections
``asking``      a question over TCP, from a local port that others have as well
"""
