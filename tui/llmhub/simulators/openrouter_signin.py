"""Sign-in with PKCE: the page that a browser would open, and the exchange of its code for a key."""

from __future__ import annotations

import base64
import hashlib
from urllib.parse import urlencode, urlsplit

from llmhub.simulators.exchange import Exchange
from llmhub.simulators.openrouter_faults import plain, refused
from llmhub.simulators.openrouter_json import dumps

_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class SignIn:
    """Hands out codes at once, as if a person had agreed; each code opens the key one time."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._challenges: dict[str, str] = {}

    async def authorize(self, exchange: Exchange) -> None:
        """`/auth?callback_url=...&code_challenge=...`: sends the browser back with a code, or shows it."""
        challenge, callback = exchange.query.get("code_challenge"), exchange.query.get("callback_url")
        if not challenge:
            raise refused("parameters")
        code = f"auth_code_{len(self._challenges) + 1}"
        self._challenges[code] = challenge
        if callback is None:
            await exchange.respond(200, f"Your code: {code}\n".encode(), "text/plain")
            return
        # the simulator leads nobody away from this machine, and writes no header of somebody else's
        if urlsplit(callback).hostname not in _LOOPBACK or not callback.isprintable():
            raise refused("parameters")
        joint = "&" if urlsplit(callback).query else "?"
        await exchange.respond(302, headers={"Location": f"{callback}{joint}{urlencode({'code': code})}"})

    async def exchange(self, exchange: Exchange) -> None:
        """`POST /auth/keys`."""
        body = exchange.record.json
        if not isinstance(body, dict):
            raise refused("parameters")
        if body.get("code_challenge_method", "S256") != "S256":
            raise plain(400, "Invalid code_challenge_method")
        challenge = self._challenges.pop(str(body.get("code")), None)
        digest = hashlib.sha256(str(body.get("code_verifier")).encode("utf-8", "replace")).digest()
        if challenge is None or base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != challenge:
            raise plain(403, "Invalid code or code_verifier")
        reply = {"key": self._key, "user_id": "user_2yOPcMpKoQhcd4bVgSMlELRaIah"}
        await exchange.respond(200, dumps(reply).encode(), "application/json")
