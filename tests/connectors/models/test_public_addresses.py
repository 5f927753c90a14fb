"""Addresses that a connection of the dashboard may reach: every spelling of the own network is refused."""

import asyncio
import socket
from dataclasses import replace

import httpx2
import pytest

from convexplain.connectors.models import public_addresses
from convexplain.connectors.models.connection_registry import (
    Connection,
    ConnectionRegistry,
    read_registry,
    write_registry,
)
from convexplain.connectors.models.connections import add_connection, open_connection
from convexplain.connectors.models.credentials import API_KEY, PASSWORD
from convexplain.connectors.models.public_addresses import PublicTransport, is_public
from convexplain.errors import UnavailableError, UsageError
from convexplain.models.chat import Message, Request

from ...stub_server import StubServer, completion

REQUEST = Request((Message("user", "Is the sky blue?"),))
URL = "https://llm.example/v1?model=m"
KEY = "sekret-key"
PUBLIC = "93.184.216.34"
REFUSED = "has no public address"


@pytest.mark.parametrize(
    ("kind", "addresses", "public"),
    [
        ("public", "8.8.8.8 93.184.216.34 1.1.1.1", True),
        ("public IPv6", "2606:4700::1111 2a00:1450::8a", True),
        ("public, mapped and behind NAT64", "::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1", True),
        ("loopback", "127.0.0.1 127.255.255.254 ::1", False),
        ("unspecified", "0.0.0.0 0.1.2.3 ::", False),
        ("private", "10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 fc00::1 fd00::8 fd00:ec2::254", False),
        ("link-local", "169.254.0.1 169.254.169.254 169.254.170.2 fe80::1 fe80::1%eth0", False),
        ("shared by carriers", "100.64.0.1 100.100.100.200", False),
        ("multicast", "224.0.0.1 239.1.2.3 ff02::1 ff0e::1", False),
        ("reserved", "240.0.0.1 255.255.255.255 fec0::1 4000::1 100::1", False),
        ("documentation and benchmarks", "192.0.2.1 198.18.0.1 203.0.113.5 2001:db8::1", False),
        ("metadata of platforms", "192.0.0.192 168.63.129.16", False),
        ("IPv4 in IPv6", "::ffff:127.0.0.1 ::ffff:a9fe:a9fe ::127.0.0.1 64:ff9b::7f00:1 2002:7f00:1::1", False),
        ("tunnels", "2001:0:7f00:1:: 64:ff9b:1::1", False),
        ("no address", "localhost 127.1 0x7f000001 2130706433 8.8.8 llm.example", False),
    ],
)
def test_addresses_by_their_kind(kind, addresses, public):
    assert {address: is_public(address) for address in addresses.split()} == dict.fromkeys(addresses.split(), public)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.0x0.0x0.0x1", "0177.0.0.1", "017700000001", "0",
        "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[fd00::8]",
        "[fe80::1]", "169.254.169.254", "2852039166", "0xa9fea9fe", "10.1.2.3", "192.168.0.1", "172.16.0.1",
        "100.64.0.1", "224.0.0.1", "255.255.255.255", "localhost", "localhost.", "LOCALHOST", "１２７.０.０.１",
    ],
)  # fmt: skip
@pytest.mark.enable_socket  # nothing is sent: the system reads the spellings, and looks no name up but `localhost`
def test_every_spelling_of_the_own_network_is_refused_when_it_is_added(host):
    for scheme in ("http", "https"):
        with pytest.raises((UnavailableError, UsageError), match=rf"{REFUSED}|is not valid"):
            add_connection("team", f"{scheme}://{host}:9/v1?model=m", key=KEY, public_only=True)
    assert read_registry().connections == {}


def names(monkeypatch, *answers):
    """A look-up that gives these answers one after the other, the last one for ever; the hosts that are looked up."""
    asked, left = [], list(answers)

    def look_up(host, port, **_):
        asked.append((host, port))
        answer = left.pop(0) if len(left) > 1 else left[0]
        if not answer:
            raise socket.gaierror("no such name")
        family = {True: socket.AF_INET6, False: socket.AF_INET}
        return [(family[":" in address], socket.SOCK_STREAM, 6, "", (address, port)) for address in answer.split()]

    monkeypatch.setattr(public_addresses.socket, "getaddrinfo", look_up)
    return asked


@pytest.mark.parametrize(
    "answer",
    ["127.0.0.1", "10.0.0.1", "::1", "169.254.169.254", f"{PUBLIC} 127.0.0.1", f"{PUBLIC} fd00::8", ""],
)
def test_a_name_in_the_own_network_is_refused_as_one_that_does_not_exist(monkeypatch, answer):
    names(monkeypatch, answer)
    with pytest.raises(UnavailableError) as refused:
        add_connection("team", URL, key=KEY, public_only=True)
    assert str(refused.value) == (
        "llm.example has no public address; a connection that was added in the dashboard reaches public addresses "
        "only. The operator adds a server of the own network by `convexplain connections add`"
    )
    assert read_registry().connections == {}


@pytest.mark.parametrize(
    ("url", "arguments", "message"),
    [
        ("http://llm.example/v1?model=m", {"key": KEY}, "unencrypted; valid is https://HOST/v1"),
        (URL, {"variable": "TEAM_KEY"}, "key_env does not go with public_only"),
        ("https://ann@llm.example/v1", {}, "its password has to be given"),
        (f"{URL}&key=CONVEXPLAIN_API_KEY", {}, "key= does not stand in a connection's URL"),
    ],
)
def test_what_else_is_refused(monkeypatch, url, arguments, message):
    names(monkeypatch, PUBLIC)
    with pytest.raises(UsageError, match=message):
        add_connection("team", url, **arguments, public_only=True)
    assert read_registry().connections == {}


class Network:
    """A network below the check: what is sent to which address."""

    def __init__(self, down=(), answer=None):
        self.sent, self.down, self.answer = [], down, answer

    @property
    def transport(self):
        return httpx2.MockTransport(self.handle)

    def handle(self, request):
        self.sent.append((request.url.host, request.headers["host"], request.extensions.get("sni_hostname")))
        self.key = request.headers.get("authorization")
        if request.url.host in self.down:
            raise httpx2.ConnectError("refused", request=request)
        if self.answer is not None:
            return self.answer
        return httpx2.Response(200, json={"data": [{"id": "m"}]} if request.method == "GET" else completion(0.9))


def asked(network, target="team"):
    """The outcome of a question to a connection."""
    model = open_connection(target, network.transport)

    async def go():
        await model.prepare()
        return (await model.chat([REQUEST]))[0]

    try:
        return asyncio.run(go())
    except UnavailableError as error:
        return error


def test_the_address_that_was_checked_is_the_one_that_is_reached(monkeypatch):
    looked_up = names(monkeypatch, PUBLIC)
    add_connection("team", "https://llm.example:8443/v1?model=m", key=KEY, public_only=True)
    network = Network()
    assert asked(network).text
    # Each request is one look-up, and goes to that address; host and certificate stay those of the name.
    assert looked_up == [("llm.example", 8443)] * 3
    assert network.sent == [(PUBLIC, "llm.example:8443", "llm.example")] * 2
    assert network.key == f"Bearer {KEY}"


@pytest.mark.parametrize("later", ["127.0.0.1", "::1", "169.254.169.254", f"127.0.0.1 {PUBLIC}"])
@pytest.mark.parametrize("after", [1, 2])
def test_a_name_that_points_elsewhere_later_reaches_nothing(monkeypatch, later, after):
    names(monkeypatch, *[PUBLIC] * after, later)
    add_connection("team", URL, key=KEY, public_only=True)
    network = Network()
    assert REFUSED in str(asked(network))
    assert {address for address, *_ in network.sent} <= {PUBLIC}
    assert len(network.sent) == after - 1


@pytest.mark.parametrize(
    ("down", "reached", "answers"),
    [
        ((), [PUBLIC], True),
        ((PUBLIC,), [PUBLIC, "8.8.8.8"], True),
        ((PUBLIC, "8.8.8.8"), [PUBLIC, "8.8.8.8"], False),
    ],
)
def test_a_host_with_several_addresses_is_tried_at_each(monkeypatch, down, reached, answers):
    names(monkeypatch, f"{PUBLIC} 8.8.8.8")
    add_connection("team", URL, key=KEY, public_only=True)
    network = Network(down)
    assert (not isinstance(asked(network), UnavailableError)) is answers
    assert [address for address, *_ in network.sent][: len(reached)] == reached


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(monkeypatch, status):
    names(monkeypatch, PUBLIC)
    add_connection("team", URL, key=KEY, public_only=True)
    network = Network(answer=httpx2.Response(status, headers={"location": "http://169.254.169.254/latest/meta-data"}))
    assert f"HTTP {status}" in str(asked(network))
    assert [address for address, *_ in network.sent] == [PUBLIC]


@pytest.mark.parametrize("url", ["openai:gpt-5", URL, "https://llm.example/v1"])
def test_nothing_of_the_environment_is_sent(monkeypatch, url):
    for variable in (API_KEY, PASSWORD, "OPENAI_API_KEY"):
        monkeypatch.setenv(variable, "operators")
    names(monkeypatch, PUBLIC)
    add_connection("team", url, public_only=True)
    network = Network()
    asked(network)
    assert network.sent
    assert network.key is None


@pytest.mark.enable_socket
@pytest.mark.parametrize(("variable", "address"), [("OPENAI_BASE_URL", "http://127.0.0.1:9/v1"), ("OLLAMA_HOST", "")])
def test_a_providers_address_in_the_own_network_is_refused(monkeypatch, variable, address):
    monkeypatch.setenv(variable, address)
    provider = variable.partition("_")[0].lower()
    with pytest.raises(UnavailableError, match=REFUSED):
        add_connection("team", f"{provider}:m", key=KEY, public_only=True)


@pytest.mark.loopback
@pytest.mark.enable_socket
@pytest.mark.parametrize("proxy", [False, True])
@pytest.mark.parametrize("public_only", [True, False])
def test_no_packet_reaches_a_server_of_this_machine(monkeypatch, public_only, proxy):
    """On real sockets, by its address and by a proxy: the operator's connection is served, the other one is not."""
    server = StubServer()
    try:
        url, proxied = server.url, "http://llm.example/v1"
        if proxy:
            monkeypatch.setenv("HTTP_PROXY", url.partition("/v1")[0])
            names(monkeypatch, "127.0.0.1")
        origin = url.partition("/v1")[0]
        entry = Connection("team", proxied, "http://llm.example") if proxy else Connection("team", url, origin)
        write_registry(ConnectionRegistry({"team": replace(entry, public_only=public_only)}))
        model = open_connection("team")

        async def go():
            try:
                await model.prepare()
            finally:
                await model.aclose()

        if public_only:
            with pytest.raises(UnavailableError, match=REFUSED):
                asyncio.run(go())
        else:
            asyncio.run(go())
        assert (server.keys == []) is public_only
    finally:
        server.close()


def test_closing_it_closes_the_network():
    closed = []

    class Closing(httpx2.AsyncBaseTransport):
        async def handle_async_request(self, request):
            raise AssertionError

        async def aclose(self):
            closed.append(True)

    asyncio.run(PublicTransport(Closing()).aclose())
    assert closed == [True]
