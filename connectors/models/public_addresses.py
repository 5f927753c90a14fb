"""Public addresses: what a connection that was added in a browser may reach, looked up anew for each request."""

import asyncio
import ipaddress
import socket

import httpx2

from convexplain.errors import UnavailableError

_PLATFORM = tuple(map(ipaddress.IPv4Network, ("192.0.0.0/24", "168.63.129.16/32")))  # metadata of Oracle's and Azure's
_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that is assigned to the public Internet
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Return whether an IP address is a host's on the public Internet.

    Private, loopback, link-local, multicast and reserved ranges are not, nor is the metadata of cloud platforms. An
    IPv4 address within an IPv6 one (`::ffff:127.0.0.1`) is judged as itself. What is no IP address is not public.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if parsed in _NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if inner is None:
            return parsed in _UNICAST and parsed.is_global
        parsed = inner
    return parsed.is_global and not parsed.is_multicast and not any(parsed in network for network in _PLATFORM)


def public_addresses(host: str, port: int) -> list[str]:
    """Return the IP addresses of a host, in the order in which they should be tried.

    Args:
        host: a name, or an address in any spelling that the system understands (`127.1`, `0x7f000001`).
        port: the port, for the look-up.

    Raises:
        UnavailableError: it has none, or one of them is not public. The message does not say which: it would tell what
            names the inner network has.
    """
    try:
        records = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        records = []
    addresses = list(dict.fromkeys(str(record[4][0]) for record in records))
    if not addresses or not all(map(is_public, addresses)):
        raise UnavailableError(
            f"{host[:100]} has no public address; a connection that was added in the dashboard reaches public "
            "addresses only. The operator adds a server of the own network by `convexplain connections add`"
        )
    return addresses


class PublicTransport(httpx2.AsyncBaseTransport):
    """Network of a client that reaches public addresses only.

    The address that is connected to is the one that was checked: a name that points elsewhere a moment later (DNS
    rebinding) changes nothing. TLS still checks the certificate of the name.

    Args:
        network: sends the requests.
    """

    def __init__(self, network: httpx2.AsyncBaseTransport) -> None:
        self._network = network

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request to the first address that takes a connection.

        Raises:
            UnavailableError: the host has an address that is not public; nothing was sent.
        """
        host = request.url.raw_host.decode("ascii")
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        addresses = await asyncio.to_thread(public_addresses, host, port)
        request.extensions = {**request.extensions, "sni_hostname": host}
        for address in addresses[:-1]:
            try:
                return await self._send(request, address)
            except (httpx2.ConnectError, httpx2.ConnectTimeout):
                continue
        return await self._send(request, addresses[-1])

    async def aclose(self) -> None:
        """Close the network."""
        await self._network.aclose()

    async def _send(self, request: httpx2.Request, address: str) -> httpx2.Response:
        request.url = request.url.copy_with(host=address)
        return await self._network.handle_async_request(request)
