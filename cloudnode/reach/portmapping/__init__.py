"""Ports that the router forwards, or its IPv6 firewall opens, because it was asked to: PCP, NAT-PMP and UPnP-IGD.

``packets``         PCP's MAP and NAT-PMP's requests and responses (pure)
``ssdp``            the search for a device by UPnP (pure)
``leases``          what is asked for, what was granted, when it is renewed (pure)
``gateway``         which router that is
``exchange``        one datagram to it and the answer
``pcp``             talks PCP or NAT-PMP with it
``upnp``            talks UPnP-IGD with it over IPv4, by miniupnpc
``searching``       has it tell where it describes itself
``routerhttp``      asks it over HTTP, with bounds
``firewallcontrol`` talks UPnP's WANIPv6FirewallControl, by async-upnp-client (imported late)
``pinholes``        has its IPv6 firewall opened by that
``ways``            which of these there are
``keeping``         keeps the node's ports forwarded
"""
