"""Faults that need no stream: refusals, pages, redirects, replays, silence, connections that break."""

from __future__ import annotations

from llmhub.simulators.clock import Clock
from llmhub.simulators.exchange import Exchange, Split
from llmhub.simulators.faults import HTML_PAGE
from llmhub.simulators.openrouter_faults import CloudFault, CloudFaultKind, refused

JSON = "application/json"


async def spoil(exchange: Exchange, fault: CloudFault, clock: Clock, *, speaks: bool) -> bool:
    """Do what a fault does before anything else; whether that was the whole answer.

    Args:
        speaks: Whether a chat follows, which spoils its own stream.

    Raises:
        CloudRefusal: the fault is one.
    """
    kind = fault.kind
    if kind is CloudFaultKind.PIECES:
        exchange.split = Split()
    elif kind is CloudFaultKind.SILENCE or (kind is CloudFaultKind.STALL and not speaks):
        await clock.sleep(fault.seconds)
    elif kind is CloudFaultKind.REFUSED:
        raise refused(fault.text or "server")
    elif kind is CloudFaultKind.HTML:
        await exchange.respond(fault.status or 200, (fault.text or HTML_PAGE).encode(), "text/html")
        return True
    elif kind is CloudFaultKind.RAW:
        await _replay(exchange, fault)
        return True
    elif kind is CloudFaultKind.REDIRECT:
        await exchange.respond(307, headers={"Location": fault.text or "http://127.0.0.1:9/"})
        return True
    elif kind is CloudFaultKind.REFUSE:
        exchange.cut()
    elif speaks:
        return False
    elif kind is CloudFaultKind.RESET:
        exchange.reset()
    elif kind is CloudFaultKind.MALFORMED:
        await exchange.respond(200, (fault.text or '{"data":[oops').encode(), JSON)
        return True
    elif kind in (CloudFaultKind.CUT, CloudFaultKind.CLOSE, CloudFaultKind.HALF_LINE):
        await exchange.respond_long(200, 1000, JSON)
        await exchange.write(b'{"data":[')
        exchange.cut()
    return False


async def _replay(exchange: Exchange, fault: CloudFault) -> None:
    status, headers = fault.status or 200, dict(fault.headers)
    if fault.content_type != "text/event-stream":
        await exchange.respond(status, fault.text.encode(), fault.content_type, headers=headers)
        return
    await exchange.start(status, fault.content_type, headers)
    for block in fault.text.split("\n\n"):
        if block:
            await exchange.send(f"{block}\n\n".encode())
    await exchange.end()
