"""The key over TLS: to its own host, through a corporate proxy, past no redirect; private authorities when named."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmhub.net import Authority, Client, UnreachableError, make_client
from support.replay import Answer, replay
from support.tls import corporate_proxy, private_ca

KEY = "sk-or-v1-0123456789abcdef"
HOST = "openrouter.example"
OK = {"GET /api/v1/key": Answer.of({"ok": True})}


async def test_a_private_authority_is_trusted_when_it_is_named_and_the_key_goes_over_tls(tmp_path: Path) -> None:
    ca = private_ca(tmp_path, "127.0.0.1")

    async with replay(OK, tls=ca.server) as server:
        client = make_client(ca_file=ca.ca_file, authorities=[Authority(server.url, lambda: KEY)])
        reply = await client.request("GET", f"{server.url}/api/v1/key")
        await client.aclose()

    assert reply.status == 200
    assert [asked.headers.get("authorization") for asked in server.asked] == [f"Bearer {KEY}"]


async def test_an_authority_that_nobody_named_is_not_trusted_and_the_key_stays_here(tmp_path: Path) -> None:
    ca = private_ca(tmp_path, "127.0.0.1")

    async with replay(OK, tls=ca.server) as server:
        client = make_client(authorities=[Authority(server.url, lambda: KEY)])
        with pytest.raises(UnreachableError) as refused:
            await client.request("GET", f"{server.url}/api/v1/key")
        await client.aclose()

    assert server.asked == []
    assert "certificate" in str(refused.value).lower()


async def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    ca = private_ca(tmp_path, "another.example")

    async with replay(OK, tls=ca.server) as server:
        client = make_client(ca_file=ca.ca_file, authorities=[Authority(server.url, lambda: KEY)])
        with pytest.raises(UnreachableError):
            await client.request("GET", f"{server.url}/api/v1/key")
        await client.aclose()

    assert server.asked == []


@pytest.mark.parametrize("way", ["environment", "settings"])
async def test_a_corporate_proxy_tunnels_and_never_sees_the_key(tmp_path: Path, way: str) -> None:
    ca = private_ca(tmp_path, HOST)

    async with replay(OK, tls=ca.server) as server, corporate_proxy({f"{HOST}:443": server.port}) as proxy:
        authorities = [Authority(f"https://{HOST}", lambda: KEY)]
        client: Client
        if way == "environment":
            client = make_client(environ={"HTTPS_PROXY": proxy.url}, ca_file=ca.ca_file, authorities=authorities)
        else:
            client = make_client(proxy=proxy.url, ca_file=ca.ca_file, authorities=authorities)
        reply = await client.request("GET", f"https://{HOST}/api/v1/key")
        await client.aclose()

    assert reply.status == 200
    assert [asked.headers.get("authorization") for asked in server.asked] == [f"Bearer {KEY}"]
    assert [head.split(" HTTP")[0] for head in proxy.heads] == [f"CONNECT {HOST}:443"]
    assert KEY not in "".join(proxy.heads)


async def test_loopback_over_tls_ignores_the_proxy(tmp_path: Path) -> None:
    ca = private_ca(tmp_path, "127.0.0.1")

    async with replay(OK, tls=ca.server) as server, corporate_proxy({}) as proxy:
        client = make_client(environ={"HTTPS_PROXY": proxy.url, "ALL_PROXY": proxy.url}, ca_file=ca.ca_file)
        reply = await client.request("GET", f"{server.url}/api/v1/key")
        await client.aclose()

    assert (reply.status, proxy.heads) == (200, [])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_from_the_keys_host_is_not_followed(tmp_path: Path, status: int) -> None:
    ca = private_ca(tmp_path, "127.0.0.1")

    async with replay(OK, tls=ca.server) as other:
        away = Answer(b"", status, None, chunked=False, headers=(("Location", f"{other.url}/api/v1/key"),))
        async with replay({"GET /api/v1/key": away}, tls=ca.server) as own:
            client = make_client(ca_file=ca.ca_file, authorities=[Authority(own.url, lambda: KEY)])
            reply = await client.request("GET", f"{own.url}/api/v1/key", follow_redirects=True)
            await client.aclose()

    assert reply.status == status
    assert other.asked == []


async def test_another_host_gets_no_key_even_from_the_same_client(tmp_path: Path) -> None:
    ca = private_ca(tmp_path, "127.0.0.1")

    async with replay(OK, tls=ca.server) as own, replay(OK, tls=ca.server) as other:
        client = make_client(ca_file=ca.ca_file, authorities=[Authority(own.url, lambda: KEY)])
        await client.request("GET", f"{other.url}/api/v1/key")
        await client.request("GET", f"{other.url}/api/v1/key", headers={"Authorization": f"Bearer {KEY}"})
        await client.aclose()

    assert [asked.headers.get("authorization") for asked in other.asked] == [None, None]
