"""UPnP's WANIPv6FirewallControl:1, by async-upnp-client, which reads descriptions and speaks SOAP.

The library is imported here and nowhere else, and this module only once a router has answered a search: it brings
aiohttp, whose import takes long. What asks by aiohttp is not used, for it takes answers of any length and wants an
event loop of asyncio; what is used waits for nothing but the requester that it is given.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.etree.ElementTree import Element, SubElement, tostring

from async_upnp_client.client import UpnpRequester, UpnpService
from async_upnp_client.client_factory import UpnpFactory
from async_upnp_client.const import NS, HttpRequest, HttpResponse
from async_upnp_client.exceptions import UpnpActionError
from defusedxml.ElementTree import fromstring
from twisted.internet.defer import CancelledError

from cloudnode.formats.stundata import Protocol
from cloudnode.reach.portmapping.packets import PROTOCOL_NUMBERS, PortMappingError
from cloudnode.reach.portmapping.routerhttp import RouterHttp, shortened
from cloudnode.reach.portmapping.searching import FIREWALL_CONTROL

ANYBODY, ANY_PORT = "", 0
"""Whom a pinhole lets in: the service's wildcards for the remote address and its port."""

SERVICE_LONGEST = 16_384
"""Characters of the service's description, which has some 5,000, and of an answer to an action."""


class FirewallControl:
    """The service of one router."""

    def __init__(self, service: UpnpService) -> None:
        self._service = service

    async def check(self) -> None:
        """See whether pinholes are of use.

        :raises PortMappingError: ``no_pinholes``, ``firewall_off``, ``refused``, ``malformed``, ``no_answer``.
        """
        status = await self._call("GetFirewallStatus")
        if status.get("FirewallEnabled") is False:
            raise PortMappingError("firewall_off", "the router says that its IPv6 firewall is off and all get in")
        if status.get("InboundPinholeAllowed") is False:
            raise PortMappingError("no_pinholes", "the router says that it opens its IPv6 firewall for nobody")

    async def add(self, client: str, protocol: Protocol, port: int, lifetime: int) -> int:
        """Let everybody in to a port, for so many seconds; one that is open already is for so long from now on.

        :returns: The pinhole's number. :raises PortMappingError: ``refused``, ``malformed``, ``no_answer``.
        """
        answer = await self._call(
            "AddPinhole", RemoteHost=ANYBODY, RemotePort=ANY_PORT, InternalClient=client, InternalPort=port,
            Protocol=PROTOCOL_NUMBERS[protocol], LeaseTime=lifetime,
        )  # fmt: skip
        number = answer.get("UniqueID")
        if type(number) is not int or not 0 <= number < 65_536:
            raise PortMappingError("malformed", "the router gave a pinhole no number")
        return number

    async def update(self, number: int, lifetime: int) -> None:
        """Keep a pinhole for so many seconds from now on; raises as :meth:`add` does."""
        await self._call("UpdatePinhole", UniqueID=number, NewLeaseTime=lifetime)

    async def delete(self, number: int) -> None:
        """Close a pinhole; raises as :meth:`add` does."""
        await self._call("DeletePinhole", UniqueID=number)

    async def _call(self, action: str, **arguments: object) -> Any:
        with _named_errors():
            return await self._service.async_call_action(action, **arguments)


async def find_firewall_control(http: RouterHttp, url: str) -> FirewallControl:
    """The service in a router's description, if it may be used.

    :raises PortMappingError: See :meth:`FirewallControl.check`.
    """
    factory = UpnpFactory(
        _Requester(http), non_strict=True, on_post_receive_device_spec=partial(_only_firewall_control, url),
        on_post_receive_service_spec=_not_too_long, on_post_call_action=lambda _, answer: _not_too_long(answer),
    )  # fmt: skip
    with _named_errors():
        device = await factory.async_create_device(url)
        service = device.find_service(FIREWALL_CONTROL)
    assert service is not None  # or the description would have been refused
    control = FirewallControl(service)
    await control.check()
    return control


class _Requester(UpnpRequester):
    """Asks for the library."""

    def __init__(self, http: RouterHttp) -> None:
        self._http = http

    async def async_http_request(self, http_request: HttpRequest) -> HttpResponse:
        status, body = await self._http.request(
            http_request.method, http_request.url, http_request.headers, http_request.body
        )
        return HttpResponse(status, {}, body)


def _only_firewall_control(url: str, answer: HttpResponse) -> HttpResponse:
    """Of a device's description that service alone, as if it were the device's own.

    The library asks for the description of each service, and one that is broken, as some routers' are, would fail them
    all.
    """
    if answer.status_code != 200:
        return answer
    services = fromstring((answer.body or "").strip(" \t\r\n\0")).iterfind(".//device:service", NS)
    service = next((each for each in services if each.findtext("device:serviceType", "", NS) == FIREWALL_CONTROL), None)
    if service is None:
        raise PortMappingError("no_pinholes", "the router's UPnP has no WANIPv6FirewallControl")
    _check_host(url, service)
    root = Element(f"{{{NS['device']}}}root")
    device = SubElement(root, f"{{{NS['device']}}}device")
    SubElement(device, f"{{{NS['device']}}}serviceList").append(service)
    return HttpResponse(answer.status_code, answer.headers, tostring(root, encoding="unicode"))


def _not_too_long(answer: HttpResponse) -> HttpResponse:
    """An answer of which the library is to make something, which takes a time that grows as its length squared."""
    if len(answer.body or "") > SERVICE_LONGEST:
        raise PortMappingError("malformed", "the router's UPnP answers at too great length")
    return HttpResponse(answer.status_code, answer.headers, (answer.body or "").strip(" \t\r\n\0"))


def _check_host(url: str, service: Element) -> None:
    """A router describes itself alone: whoever else is named is not to be asked."""
    for tag in ("SCPDURL", "controlURL", "eventSubURL"):
        named = urlsplit(urljoin(url, service.findtext(f"device:{tag}", "", NS)))
        if named.scheme != "http" or named.hostname != urlsplit(url).hostname:
            raise PortMappingError("malformed", f"the router's description names another host as {tag}")


@contextmanager
def _named_errors() -> Iterator[None]:
    """Whatever the library raises of what a router says."""
    try:
        yield
    except (PortMappingError, CancelledError):
        raise
    except UpnpActionError as error:
        said = f"UPnP error {error.error_code} {shortened(error.error_desc or '')}".strip()
        raise PortMappingError("refused", said) from None
    except Exception as error:
        said = shortened(f"{type(error).__name__}: {error}")
        raise PortMappingError("malformed", f"the router's UPnP can't be understood ({said})") from None
