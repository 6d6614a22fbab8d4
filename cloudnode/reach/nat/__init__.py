"""What kind of NAT or firewall a node is behind, found out together with its peers (RFC 4787, 5382, 5780).

``deciding``   what observations mean (pure)
``words``      what a kind means for an operator (pure)
``trying``     what a node does for a peer that wants to know: it sends, or connects, from a port of its own
``survey``     one round of questions and tries, from sockets made for it
``watching``   when a survey is due
"""
