"""What must never leave this machine does not, whoever asks for it."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import httpx
import pytest

from llmhub.core.cloud import SIMULATED_KEY
from llmhub.core.errors import ConfigError
from llmhub.net import Authority, BrokenError, GarbledError, OfflineError, Switch, UnreachableError, make_client
from llmhub.net.proxies import ProxyRules
from llmhub.net.transport import Transport, trust
from support.replay import Answer, replay

OK = {"GET /": Answer.of({"ok": True})}


class Reached(httpx.AsyncBaseTransport):
    """Stands in for the network: keeps what would have been sent."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return httpx.Response(200, stream=httpx.ByteStream(b""))


def reached(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> Reached:
    """Let every pool of `transport` be one that reaches nothing."""
    network = Reached()

    async def pool(proxy: str | None, *, tls: bool, local: bool) -> Reached:
        return network

    monkeypatch.setattr(transport, "_pool", pool)
    return network


# -- offline ------------------------------------------------------------------------------------


async def test_offline_refuses_every_host_but_loopback_before_it_connects(monkeypatch: pytest.MonkeyPatch) -> None:
    client = make_client(Switch(offline=True))
    network = reached(client.transport, monkeypatch)

    for url in ("https://openrouter.ai/api", "http://192.168.1.7:11434/", "http://[fe80::1]/", "http://llm.lan/"):
        with pytest.raises(OfflineError):
            await client.request("GET", url)

    assert network.requests == []


async def test_offline_still_reaches_loopback() -> None:
    client = make_client(Switch(offline=True))

    async with replay(OK) as server:
        reply = await client.request("GET", f"{server.url}/")

    assert reply.status == 200
    await client.aclose()


async def test_the_switch_counts_at_once_for_a_client_made_before(monkeypatch: pytest.MonkeyPatch) -> None:
    switch = Switch()
    client = make_client(switch)
    network = reached(client.transport, monkeypatch)
    await client.request("GET", "https://openrouter.ai/")

    switch.offline = True

    with pytest.raises(OfflineError) as refused:
        await client.request("GET", "https://openrouter.ai/")
    assert refused.value.host == "openrouter.ai"
    assert len(network.requests) == 1


async def test_offline_holds_for_a_library_that_was_lent_the_transport() -> None:
    client = make_client(Switch(offline=True))

    async with httpx.AsyncClient(transport=client.transport.borrowed(), trust_env=False) as library:
        with pytest.raises(OfflineError):
            await library.get("https://ollama.com/")


async def test_offline_refuses_the_second_half_of_a_redirect_away() -> None:
    client = make_client(Switch(offline=True))
    away = Answer(b"", 307, None, chunked=False, headers=(("Location", "https://elsewhere.example/"),))

    async with replay({"GET /": away}) as server:
        with pytest.raises(OfflineError):
            await client.request("GET", f"{server.url}/", follow_redirects=True)

    await client.aclose()


async def test_turning_the_switch_ends_a_stream_that_is_silent() -> None:
    switch = Switch()
    hangs = Answer(b"one\n", content_type="text/plain", end="hang")

    async with replay({"GET http://llm.example/": hangs}) as proxy:
        client = make_client(switch, proxy=proxy.url)

        async def read() -> None:
            async with client.stream("GET", "http://llm.example/") as streamed:
                async for _piece in streamed.chunks():
                    switch.offline = True

        with pytest.raises(OfflineError) as refused:
            await read()
        await asyncio.wait_for(proxy.left.wait(), 5)
        await client.aclose()

    assert refused.value.host == "llm.example"


async def test_turning_the_switch_ends_a_request_that_waits_for_its_answer() -> None:
    switch = Switch()

    async with replay({"GET http://llm.example/": Answer(b"", before_s=60)}) as proxy:
        client = make_client(switch, proxy=proxy.url)
        asking = asyncio.ensure_future(client.request("GET", "http://llm.example/"))
        await asyncio.wait_for(proxy.got.wait(), 5)
        switch.offline = True
        with pytest.raises(OfflineError):
            await asking
        await asyncio.wait_for(proxy.left.wait(), 5)
        await client.aclose()


async def test_turning_the_switch_closes_connections_that_wait_and_leaves_loopback_alone() -> None:
    switch = Switch()
    asks: list[str] = []

    async with replay(
        {"GET http://llm.example/": Answer.of({}), "GET /": Answer(b"x" * 9, between=(3, 0.2))}
    ) as server:
        client = make_client(switch, proxy=server.url)
        await client.request("GET", "http://llm.example/")
        async with client.stream("GET", f"{server.url}/") as streamed:
            async for piece in streamed.chunks():
                asks.append(piece.decode())
                switch.offline = True
        switch.offline = False
        again = await client.request("GET", "http://llm.example/")
        connections = server.connections
        await client.aclose()

    assert "".join(asks) == "x" * 9
    assert (again.status, connections) == (200, 3)


# -- proxies ------------------------------------------------------------------------------------


async def test_loopback_never_goes_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    client = make_client(proxy="http://127.0.0.1:9")

    async with replay(OK) as server:
        reply = await client.request("GET", f"{server.url}/")

    assert reply.body == b'{"ok": true}'
    await client.aclose()


async def test_everything_else_goes_through_the_proxy_that_was_named() -> None:
    async with replay({"GET http://llm.example/api/tags": Answer.of({"models": []})}) as proxy:
        client = make_client(proxy=proxy.url)

        reply = await client.request("GET", "http://llm.example/api/tags")

        assert reply.body == b'{"models": []}'
        await client.aclose()


def test_proxies_of_the_environment_with_their_exceptions() -> None:
    rules = ProxyRules.from_environment(
        {"http_proxy": "10.0.0.1:3128", "HTTPS_PROXY": "http://p:1", "NO_PROXY": "lan, .corp.example,10.0.0.0/8,h:8080"}
    )

    ways = {
        (scheme, host, port): rules.proxy_for(scheme, host, port)
        for scheme, host, port in [
            ("http", "a.example", None),
            ("https", "a.example", None),
            ("https", "box.lan", None),
            ("https", "corp.example", 443),
            ("https", "x.corp.example", None),
            ("https", "notcorp.example", None),
            ("http", "10.1.2.3", 80),
            ("http", "11.1.2.3", 80),
            ("https", "h", 8080),
            ("https", "h", 443),
        ]
    }

    assert ways == {
        ("http", "a.example", None): "http://10.0.0.1:3128",
        ("https", "a.example", None): "http://p:1",
        ("https", "box.lan", None): None,
        ("https", "corp.example", 443): None,
        ("https", "x.corp.example", None): None,
        ("https", "notcorp.example", None): "http://p:1",
        ("http", "10.1.2.3", 80): None,
        ("http", "11.1.2.3", 80): "http://10.0.0.1:3128",
        ("https", "h", 8080): None,
        ("https", "h", 443): "http://p:1",
    }


def test_a_star_means_no_proxy_at_all_and_all_proxy_serves_both() -> None:
    assert ProxyRules.from_environment({"ALL_PROXY": "http://p:1"}).proxy_for("http", "x", 1) == "http://p:1"
    assert ProxyRules.from_environment({"ALL_PROXY": "http://p:1", "no_proxy": "*"}).proxy_for("http", "x", 1) is None


def test_a_proxy_that_cannot_be_used_is_a_setting_to_correct() -> None:
    with pytest.raises(ConfigError, match="socks5"):
        make_client(proxy="socks5://127.0.0.1:1080")


# -- keys ---------------------------------------------------------------------------------------

OPENROUTER = Authority("https://openrouter.ai", lambda: "sk-secret")
OLLAMA_COM = Authority("https://ollama.com", lambda: "ollama-secret")


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://openrouter.ai/api/v1/models", "Bearer sk-secret"),
        ("https://openrouter.ai:443/api", "Bearer sk-secret"),
        ("https://ollama.com/api/chat", "Bearer ollama-secret"),
        ("http://openrouter.ai/api", None),
        ("http://ollama.com/api", None),
        ("https://openrouter.ai:8443/", None),
        ("https://openrouter.ai.evil.example/", None),
        ("https://evil.example/openrouter.ai", None),
        ("https://api.openrouter.ai/", None),
        ("http://127.0.0.1:11434/api/chat", None),
    ],
)
async def test_a_key_goes_to_its_own_origin_only(url: str, header: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    client = make_client(authorities=[OPENROUTER, OLLAMA_COM])
    network = reached(client.transport, monkeypatch)

    await client.request("GET", url)

    assert network.requests[0].headers.get("Authorization") == header


async def test_a_key_somebody_else_put_into_the_request_is_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    client = make_client(authorities=[OLLAMA_COM])
    network = reached(client.transport, monkeypatch)

    await client.request("GET", "http://192.168.1.7/", headers={"authorization": "Bearer leaked"})

    assert "authorization" not in network.requests[0].headers


async def test_a_key_is_asked_for_at_each_request(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = iter(["one", None, "two"])
    client = make_client(authorities=[Authority("https://openrouter.ai", lambda: next(keys))])
    network = reached(client.transport, monkeypatch)

    for _ in range(3):
        await client.request("GET", "https://openrouter.ai/")

    sent = [request.headers.get("Authorization") for request in network.requests]
    assert sent == ["Bearer one", None, "Bearer two"]


async def test_a_redirect_is_not_followed_with_a_key() -> None:
    away = Answer(b"", 302, None, chunked=False, headers=(("Location", "/elsewhere"),))

    async with replay({"GET /": away, "GET /elsewhere": Answer.of({})}) as server:
        client = make_client(authorities=[Authority(server.url, lambda: SIMULATED_KEY)])
        reply = await client.request("GET", f"{server.url}/", follow_redirects=True)
        await client.aclose()

    assert reply.status == 302
    assert [asked.path for asked in server.asked] == ["/"]
    assert server.asked[0].headers["authorization"] == f"Bearer {SIMULATED_KEY}"


@pytest.mark.parametrize("origin", ["http://openrouter.ai", "openrouter.ai", "https://", "https://a/b", "https://u@a"])
def test_a_key_cannot_be_given_to_an_origin_that_would_carry_it_in_the_clear(origin: str) -> None:
    with pytest.raises(ValueError, match="a key cannot go to"):
        Authority(origin, lambda: "x")


def test_a_key_is_not_in_what_an_authority_prints() -> None:
    assert "secret" not in repr(Authority("https://openrouter.ai", lambda: "sk-secret"))


# -- limits and failures ------------------------------------------------------------------------


async def test_nothing_listening_is_unreachable() -> None:
    async with replay({}) as server:
        url = server.url
    client = make_client()

    with pytest.raises(UnreachableError):
        await client.request("GET", f"{url}/")

    await client.aclose()


async def test_endless_headers_are_refused() -> None:
    client = make_client()
    many = b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(300)) + b"\r\n"

    async with replay({"GET /": Answer(raw=many)}) as server:
        with pytest.raises(GarbledError):
            await client.request("GET", f"{server.url}/")

    await client.aclose()


async def test_a_body_larger_than_allowed_is_refused() -> None:
    client = make_client()

    async with replay({"GET /": Answer(b"x" * 5000)}) as server:
        with pytest.raises(GarbledError, match="larger than 4,000 bytes"):
            await client.request("GET", f"{server.url}/", most=4000)

    await client.aclose()


async def test_what_is_not_http_is_garbled() -> None:
    client = make_client()

    async with replay({"GET /": Answer(raw=b"SSH-2.0-OpenSSH_9.6\r\n\r\n")}) as server:
        with pytest.raises(GarbledError):
            await client.request("GET", f"{server.url}/")

    await client.aclose()


async def test_a_connection_closed_without_a_word_is_broken() -> None:
    client = make_client()

    async with replay({"GET /": Answer(raw=b"")}) as server:
        with pytest.raises(BrokenError):
            await client.request("GET", f"{server.url}/")

    await client.aclose()


def test_a_file_of_authorities_that_is_none_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none.pem"

    with pytest.raises(UnreachableError, match=r"none\.pem"):
        trust(missing)


def test_tls_verifies_by_default() -> None:
    context = trust(None)

    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
