"""The floor: the same request with nothing but httpx and json, in a process of its own.

`python -m benchmarks.reader URL MODEL` prints one line of JSON. What it takes to start and to import is not counted.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import httpx


async def read(url: str, model: str) -> dict[str, float]:
    """Stream one reply: processor seconds, tokens, characters, and when the last token was read."""
    order = {
        "model": model,
        "messages": [{"role": "user", "content": "go"}],
        "stream": True,
        "options": {"num_ctx": 8192, "num_predict": 4096},
        "truncate": False,
        "shift": False,
    }
    tokens = characters = last_ns = 0
    async with httpx.AsyncClient(base_url=url, timeout=None, trust_env=False) as client:
        await client.get("/api/version")
        before = time.process_time()
        async with client.stream("POST", "/api/chat", json=order) as answer:
            answer.raise_for_status()
            rest = b""
            async for data in answer.aiter_bytes():
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    message = json.loads(line)
                    if not message["done"]:
                        tokens += 1
                        characters += len(message["message"]["content"])
                        last_ns = time.monotonic_ns()
        cpu_s = time.process_time() - before
    return {"cpu_s": cpu_s, "tokens": tokens, "characters": characters, "last_ns": last_ns}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(read(sys.argv[1], sys.argv[2]))))
