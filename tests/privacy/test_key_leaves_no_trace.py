"""The key is in no byte that llmhub keeps and no byte that it writes, also when servers repeat it in their answers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from llmhub.simulators.openrouter import OpenRouterSimulator
from llmhub.simulators.openrouter_faults import CloudFault, CloudFaultKind
from llmhub.simulators.openrouter_script import OpenRouterScript
from support.sessions import Command, a_session, every_byte_below
from support.tls import corporate_proxy, private_ca, tls_front

KEY = "sk-or-v1-5f4dcc3b5aa765d61d8327deb882cf99"
MODEL = "openrouter:openai/gpt-4o"
ASK = ["ask", MODEL, "say hello", "--max-tokens", "40"]


def echo(status: int) -> CloudFault:
    """A refusal that repeats the key in its words, as some do."""
    told = {"error": {"code": status, "message": f"Invalid key {KEY}", "metadata": {"raw": f"Bearer {KEY}"}}}
    return CloudFault(CloudFaultKind.RAW, text=json.dumps(told), status=status, path="/api/v1/chat/completions")


def raw(text: str, status: int = 200, kind: str = "text/event-stream") -> CloudFault:
    return CloudFault(CloudFaultKind.RAW, text=text, status=status, content_type=kind, path="/api/v1/chat/completions")


CHUNK = json.dumps({"id": "gen-1", "model": "openai/gpt-4o", "choices": [{"delta": {"content": "Hel"}}]})
MID_STREAM = json.dumps(
    {"error": {"code": "server_error", "message": f"upstream refused {KEY}"}, "choices": [{"finish_reason": "error"}]}
)
FAULTS = (
    echo(401),
    echo(402),
    echo(403),
    echo(404),
    echo(429),
    raw(f"data: {CHUNK}\n\ndata: {MID_STREAM}\n\n"),
    raw(f"data: {CHUNK}\n\ndata: not json {KEY}\n\n"),
    raw(f"<html><title>{KEY}</title></html>", kind="text/html"),
    raw(f"not json {KEY}", status=400, kind="application/json"),
    CloudFault(CloudFaultKind.REDIRECT, path="/api/v1/chat/completions", text="http://127.0.0.1:9/elsewhere"),
    CloudFault(CloudFaultKind.RESET, path="/api/v1/chat/completions"),
)


@dataclass
class Provider:
    """A provider over TLS that knows the key, and how to reach it."""

    sim: OpenRouterSimulator
    environ: dict[str, str]


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[Provider]:
    ca = private_ca(tmp_path / "ca", "127.0.0.1")
    sim = OpenRouterSimulator(OpenRouterScript(key=KEY, crowd=3).at_once())
    async with sim, tls_front(sim.port, ca.server) as port:
        url = f"https://127.0.0.1:{port}/api/v1"
        yield Provider(sim, {"LLMHUB_OPENROUTER_URL": url, "LLMHUB_NET_CA_FILE": str(ca.ca_file)})


async def test_a_session_of_successes_and_failures_leaves_no_trace_of_the_key(
    provider: Provider, own_home: Path
) -> None:
    faulty: list[Command] = []
    for fault in FAULTS:
        # refusals that may be tried again are, so each comes twice
        provider.sim.fail_next(fault)
        faulty.append(ASK)
    good: list[Command] = [
        ASK,
        [*ASK, "--json"],
        ["models", "--cloud"],
        ["models", "--cloud", "--json", "--refresh"],
        ["keys", "show"],
        ["keys", "show", "--json"],
        {"arguments": ["keys", "set", "openrouter"], "stdin": KEY},
        ["keys", "set", "openrouter", KEY],
        ["keys", "delete", "openrouter"],
        ["doctor"],
        ["doctor", "--json"],
        ["cost"],
        ["cost", "--json", "--by", "model,place,day"],
        ["export", "turns"],
        ["export", "turns", "--format", "jsonl"],
    ]

    done = await a_session(own_home, [*faulty, [*ASK, "--json"], *good], provider.environ | {"OPENROUTER_API_KEY": KEY})

    kept = every_byte_below(own_home)
    failed = [one for one in done[: len(FAULTS)] if one["code"]]
    assert {f"Bearer {KEY}"} == provider.sim.credentials
    assert len(failed) >= len(FAULTS) - 1, done  # 429 and the like may be tried again and go well
    assert [one["arguments"] for one in done if KEY in one["out"] + one["err"]] == []
    assert [name for name, content in kept.items() if KEY.encode() in content] == []
    assert {Path(name).parts[0] for name in kept} >= {"cache", "data", "state"}
    assert done[len(FAULTS) + 1]["code"] == 0, done[len(FAULTS) + 1]
    assert any("127.0.0.1" in one["out"] + one["err"] for one in done)
    assert [one["touched"] for one in done if one["touched"]] == []


async def test_nor_does_a_part_of_it_that_would_do(provider: Provider, own_home: Path) -> None:
    provider.sim.fail_next(echo(401))

    done = await a_session(own_home, [ASK, ["doctor"]], provider.environ | {"OPENROUTER_API_KEY": KEY})

    half = KEY[-20:]
    assert done[0]["code"] == 1
    assert not any(half in one["out"] + one["err"] for one in done)
    assert not any(half.encode() in content for content in every_byte_below(own_home).values())


async def test_another_host_in_the_settings_gets_no_key_without_tls(provider: Provider, own_home: Path) -> None:
    environ = provider.environ | {"OPENROUTER_API_KEY": KEY, "LLMHUB_OPENROUTER_URL": provider.sim.url}

    await a_session(own_home, [ASK, ["doctor"]], environ)

    assert KEY not in "".join(provider.sim.credentials)
    assert provider.sim.mentions(KEY) == []


async def test_a_corporate_proxy_and_a_private_authority_from_the_settings_file_serve_the_cloud(
    own_home: Path, tmp_path: Path
) -> None:
    ca = private_ca(tmp_path / "ca", "openrouter.example")
    sim = OpenRouterSimulator(OpenRouterScript(key=KEY, crowd=3).at_once())
    async with (
        sim,
        tls_front(sim.port, ca.server) as port,
        corporate_proxy({"openrouter.example:443": port}) as proxy,
    ):
        (own_home / "config").mkdir(parents=True)
        (own_home / "config" / "config.toml").write_text(
            '[openrouter]\nurl = "https://openrouter.example/api/v1"\n'
            f'[net]\nproxy = "{proxy.url}"\nca_file = "{ca.ca_file.as_posix()}"\n'
        )

        done = await a_session(own_home, [[*ASK, "--json"], ["doctor"]], {"OPENROUTER_API_KEY": KEY})

    assert [one["code"] for one in done] == [0, 0, 0], done
    assert sim.credentials == {f"Bearer {KEY}"}
    assert {head.split(" HTTP")[0] for head in proxy.heads} == {"CONNECT openrouter.example:443"}
    assert KEY not in "".join(proxy.heads)
    assert [one["touched"] for one in done if one["touched"]] == []  # the proxy alone was asked, for the name as well
