"""Ports that the router forwards because it was asked to: PCP, NAT-PMP and UPnP-IGD.

``packets``  PCP's MAP and NAT-PMP's requests and responses (pure)
``leases``   what is asked for, what was granted, when it is renewed (pure)
``gateway``  which router that is
``pcp``      talks PCP or NAT-PMP with it
``upnp``     talks UPnP-IGD with it, by miniupnpc
``ways``     which of these there are
``keeping``  keeps the node's ports forwarded
"""
