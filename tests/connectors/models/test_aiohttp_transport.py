"""aiohttp under httpx2's client: what a server does must end as it does with httpx2's own transport."""

import asyncio
import gc
import gzip
import ssl
import warnings

import httpx2
import pytest

from convexplain.connectors.models.aiohttp_transport import AiohttpTransport
from convexplain.connectors.models.openai_compatible import OpenAICompatible
from convexplain.errors import UnavailableError

from .raw_server import OK, RawServer

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1", "127.0.0.2"])]

TLS = httpx2.create_ssl_context()
TRANSPORTS = {"aiohttp": lambda: AiohttpTransport(TLS), "httpx2": lambda: httpx2.AsyncHTTPTransport(verify=TLS)}
ZIPPED = gzip.compress(b'{"a": 1}')


@pytest.fixture(params=TRANSPORTS)
def transport(request):
    return TRANSPORTS[request.param]()


def client(transport, read=10.0):
    return httpx2.AsyncClient(transport=transport, timeout=httpx2.Timeout(read, connect=10))


def head(*lines, status=b"200 OK", version=b"1.1"):
    return b"HTTP/" + version + b" " + b"\r\n".join([status, *lines]) + b"\r\n\r\n"


LENGTH = b"Content-Length: 2"


@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        (OK, 200, "hi"),
        (head(b"Content-Encoding: gzip", b"Content-Length: %d" % len(ZIPPED)) + ZIPPED, 200, '{"a": 1}'),
        (head(b"Transfer-Encoding: chunked") + b"1\r\nh\r\n1\r\ni\r\n0\r\n\r\n", 200, "hi"),
        (head(), 200, ""),  # without a length it ends with the connection
        (head(version=b"1.0") + b"hi", 200, "hi"),
        (head(status=b"204 No Content"), 204, ""),
        (head(b"Location: http://127.0.0.1:9/", b"Content-Length: 0", status=b"302 Found"), 302, ""),
        (head(status=b"100 Continue") + OK, 200, "hi"),
        (head(b"X: \xe9", LENGTH) + b"hi", 200, "hi"),
        (head(b"X: " + b"a" * 50_000, LENGTH) + b"hi", 200, "hi"),
        (head(*[b"X-%d: 1" % i for i in range(500)], LENGTH) + b"hi", 200, "hi"),
        (head(b"Content-Type: text/plain; charset=latin-1", LENGTH) + b"\xe9!", 200, "é!"),
        (head(b"Content-Length: 5000000") + b"a" * 5_000_000, 200, "a" * 5_000_000),
    ],
    ids=[
        "plain",
        "gzip",
        "chunked",
        "no body, to the end of the connection",
        "HTTP/1.0",
        "no content",
        "redirect, not followed",
        "early 100",
        "header of latin-1",
        "long header",
        "many headers",
        "text of latin-1",
        "5 MB",
    ],
)
def test_answers(transport, answer, status, text):
    async def go():
        async with RawServer(answer, end="closed") as server, client(transport) as http:
            response = await http.post(server.url, json={"q": "é"})
            assert (response.status_code, response.text) == (status, text)

    asyncio.run(go())


@pytest.mark.parametrize(
    ("answer", "end", "error", "words"),
    [
        (b"", "closed", httpx2.RemoteProtocolError, "without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "closed", httpx2.RemoteProtocolError, "without an answer"),
        (b"", "reset", httpx2.ReadError, "reset by peer"),
        (head(b"Content-Length: 20") + b"hi", "closed", httpx2.RemoteProtocolError, "ended within"),
        (head(b"Transfer-Encoding: chunked") + b"5\r\nhi", "closed", httpx2.RemoteProtocolError, "ended within"),
        (head(b"Transfer-Encoding: chunked") + b"zz\r\n", "", httpx2.RemoteProtocolError, "not valid HTTP"),
        (b"220 mail.example ESMTP\r\n\r\n", "", httpx2.RemoteProtocolError, "not valid HTTP"),
        (head(b"Foo Bar: 1", LENGTH) + b"hi", "", httpx2.RemoteProtocolError, "not valid HTTP"),
        (head(LENGTH, b"Content-Length: 3") + b"hi", "", httpx2.RemoteProtocolError, "not valid HTTP"),
        (head(b"X: " + b"a" * 300_000, LENGTH), "", httpx2.RemoteProtocolError, "not valid HTTP"),
        (head(b"Content-Encoding: gzip", LENGTH) + b"hi", "", httpx2.DecodingError, "decompressing"),
        (None, "", httpx2.ReadTimeout, "nothing in time"),
        (head(b"Content-Length: 20") + b"hi", "", httpx2.ReadTimeout, "nothing in time"),
    ],
    ids=[
        "nothing",
        "half a head",
        "reset",
        "half a body",
        "half a chunk",
        "no chunk",
        "another protocol",
        "header with a blank",
        "two lengths",
        "endless header",
        "no gzip",
        "silence",
        "silence in the body",
    ],
)
def test_errors_have_the_classes_of_httpx2(transport, answer, end, error, words):
    async def go():
        async with RawServer(answer, end=end) as server, client(transport, read=0.3) as http:
            with pytest.raises(error) as caught:
                await http.post(server.url, json={})
            assert type(caught.value) is error
            assert caught.value.request.url == server.url
            if isinstance(transport, AiohttpTransport):
                assert words in str(caught.value)

    asyncio.run(go())


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "https://127.0.0.1:9"])  # nobody listens there
def test_a_refused_connection_is_no_time_out(transport, url):
    async def go():
        async with client(transport) as http:
            with pytest.raises(httpx2.ConnectError):
                await http.get(url)

    asyncio.run(go())


def test_a_server_that_does_not_speak_tls_is_no_time_out_of_the_answer(transport):
    async def go():
        timeout = httpx2.Timeout(10, connect=0.3)
        async with RawServer(None) as server, httpx2.AsyncClient(transport=transport, timeout=timeout) as http:
            with pytest.raises(httpx2.ConnectTimeout):
                await http.get(server.url.replace("http:", "https:"))

    asyncio.run(go())


def test_both_send_the_same_request():
    async def sent(transport):
        async with RawServer() as server, client(transport) as http:
            await http.post(f"{server.url}/v1%2Fé?a=b%20c", json={"q": "é" * 1_000_000}, headers={"api-key": "k"})
            (request,) = server.requests
            return request.replace(server.url.encode(), b"").replace(server.url[7:].encode(), b"HOST")

    once, twice = (asyncio.run(sent(make())) for make in TRANSPORTS.values())
    assert once == twice
    assert once.startswith(b"POST /v1%2F%C3%A9?a=b%20c HTTP/1.1\r\n")


@pytest.mark.parametrize(("keepalive", "connections"), [(True, 1), (False, 3)])
def test_connections_are_kept_or_not(keepalive, connections):
    async def go():
        async with RawServer() as server, client(AiohttpTransport(TLS, keepalive=keepalive)) as http:
            for _ in range(3):
                assert (await http.get(server.url)).text == "hi"
            assert server.connections == connections

    asyncio.run(go())


def test_a_connection_that_the_server_has_closed_is_not_used_again(transport):
    async def go():
        async with RawServer(end="closed") as server, client(transport) as http:
            for _ in range(3):
                assert (await http.post(server.url, json={})).text == "hi"
                await server.closed.wait()
                await asyncio.sleep(0.01)
            assert server.connections == 3

    asyncio.run(go())


def test_a_cancelled_request_closes_its_connection(transport):
    async def go():
        async with RawServer(None) as server, client(transport) as http:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await http.post(server.url, json={})
            async with asyncio.timeout(5):
                await server.closed.wait()

    asyncio.run(go())


def test_an_event_loop_that_ends_first_leaves_nothing_in_the_log(caplog):
    async def go():
        async with RawServer() as server:
            transport = AiohttpTransport(TLS)
            await client(transport).get(server.url)
            return transport

    transport = asyncio.run(go())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # of its socket
        del transport
        gc.collect()
    assert caplog.text == ""


# ---------------------------------------------------------------------- the environment


def certificate(folder, name):
    """Write a certificate for the address 127.0.0.2 that is signed by itself, with its key, and return the file."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    names = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(names)
        .issuer_name(names)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.2"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    file = folder / f"{name}.pem"
    file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, none) + signed.public_bytes(pem))
    return file


MODELS = head(b"Content-Length: 24") + b'{"data": [{"id": "m!"}]}'


def reached(url):
    """Return the name of the model that the server lists."""

    async def go():
        model = OpenAICompatible(url)
        try:
            await model.prepare()
        finally:
            await model.aclose()
        return model.name.partition("model=")[2]

    return go()


@pytest.fixture
def no_environment(monkeypatch):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize(("trusted", "words"), [("ours", ""), ("other", "certificate verify failed")])
def test_the_certificates_of_the_environment_count(tmp_path, monkeypatch, no_environment, trusted, words):
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(certificate(tmp_path, "ours"))
    certificate(tmp_path, "other")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / f"{trusted}.pem"))

    async def go():
        async with RawServer(MODELS, host="127.0.0.2", tls=served) as server:
            return await reached(server.url)

    if not words:
        assert asyncio.run(go()) == "m!"
        return
    with pytest.raises(UnavailableError, match=words):
        asyncio.run(go())


@pytest.mark.parametrize("no_proxy", ["", "127.0.0.2"])
def test_a_proxy_of_the_environment_is_used_unless_it_is_not_for_that_host(monkeypatch, no_environment, no_proxy):
    async def go():
        async with RawServer(MODELS) as proxy, RawServer(MODELS, host="127.0.0.2") as server:
            monkeypatch.setenv("HTTP_PROXY", proxy.url)
            monkeypatch.setenv("NO_PROXY", no_proxy)
            assert await reached(server.url) == "m!"
            assert (len(proxy.requests), len(server.requests)) == ((0, 1) if no_proxy else (1, 0))
            if not no_proxy:
                assert proxy.requests[0].startswith(f"GET {server.url}/models HTTP/1.1".encode())

    asyncio.run(go())
