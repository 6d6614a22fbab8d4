"""Relays: the last resort between two that can't reach each other, through a node that both reach.

``limits``     what a relay gives to whom
``splicing``   two channels, each of which is handed what comes from the other
``relay``      the node in the middle
``accepting``  the node that is reached
``extension``  both as the links between nodes see them
"""
