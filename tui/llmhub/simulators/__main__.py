"""Simulated servers as a process of their own, for benchmarks and for a look by hand.

`python -m llmhub.simulators --ollama --port 0 --rate 1000 --tokens 5000` prints one line of JSON with its address and
serves until it is told to stop. The model `firehose` then says 5,000 tokens at 1,000 a second, `firehose:50x400` 400
tokens at 50 a second; `GET /_sim/last` tells when the last token was handed to the kernel. `--openrouter` serves a
provider the same way, alone or beside it; its model is `sim/firehose`, its address and dummy key are in the same line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

from llmhub.simulators.ollama import OllamaSimulator
from llmhub.simulators.openrouter import OpenRouterSimulator
from llmhub.simulators.openrouter_script import FIREHOSE, OpenRouterScript
from llmhub.simulators.registry import Registry, RegistrySimulator
from llmhub.simulators.script import OllamaScript


def arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m llmhub.simulators", description="Simulated servers on loopback.")
    parser.add_argument("--ollama", action="store_true", help="serve an Ollama (the default when nothing is named)")
    parser.add_argument("--openrouter", action="store_true", help="serve an OpenRouter")
    parser.add_argument("--registry", action="store_true", help="serve a registry as well")
    parser.add_argument("--port", type=int, default=0, help="the daemon's port; 0 takes a free one")
    parser.add_argument("--openrouter-port", type=int, default=0, help="the provider's port; 0 takes a free one")
    parser.add_argument("--rate", type=float, default=1000.0, help="tokens a second of the model firehose")
    parser.add_argument("--tokens", type=int, default=5000, help="how many tokens firehose says")
    parser.add_argument("--version-string", default="0.32.15", help="the version the daemon says it has")
    parser.add_argument("--speed", type=float, default=None, help="tokens a second of all other models")
    parser.add_argument("--load", type=float, default=None, help="seconds a load takes")
    parser.add_argument("--first-token", type=float, default=None, help="seconds before the provider's first token")
    return parser.parse_args(argv)


async def serve(options: argparse.Namespace) -> None:
    """Serve until SIGINT or SIGTERM."""
    registry = Registry()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    if sys.platform != "win32":
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
    said: dict[str, object] = {"pid": os.getpid()}
    async with AsyncExitStack() as servers:
        if options.registry:
            server = RegistrySimulator(registry)
            await server.start()
            servers.push_async_callback(server.stop)
            said["registry_url"] = server.url
        if options.ollama or not options.openrouter:
            sim = OllamaSimulator(_ollama(options), registry=registry, port=options.port)
            await servers.enter_async_context(sim)
            said |= {"url": sim.url, "port": sim.port, "model": "firehose:latest"}
        if options.openrouter:
            script = _openrouter(options)
            cloud = OpenRouterSimulator(script, port=options.openrouter_port)
            await servers.enter_async_context(cloud)
            said |= {"openrouter_url": cloud.url, "openrouter_port": cloud.port}
            said |= {"openrouter_model": FIREHOSE, "openrouter_key": script.key}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()
        await stop.wait()


def _ollama(options: argparse.Namespace) -> OllamaScript:
    return OllamaScript(
        version=options.version_string,
        has_firehose=True,
        firehose_rate_per_s=options.rate,
        firehose_tokens=options.tokens,
        tokens_per_s=options.speed,
        load_s=options.load,
    )


def _openrouter(options: argparse.Namespace) -> OpenRouterScript:
    return OpenRouterScript(
        has_firehose=True,
        firehose_rate_per_s=options.rate,
        firehose_tokens=options.tokens,
        tokens_per_s=options.speed,
        first_token_s=options.first_token,
    )


if __name__ == "__main__":
    asyncio.run(serve(arguments()))
