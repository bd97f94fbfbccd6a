"""Whatever goes wrong at OpenRouter is told in three parts, says what to do, and never shows the key."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from llmhub.backends.openrouter import OpenRouter
from llmhub.backends.openrouter_sayings import Saying
from llmhub.core.chat import ChatRequest
from llmhub.core.cloud import SIMULATED_KEY
from llmhub.core.errors import BackendError, ConfigError, FailureKind
from llmhub.net import Authority, Switch, make_client
from support.openrouter_replay import CHAT, HELLO, USAGE, KeptList, chat, chunk, listen, provider, sse
from support.replay import Answer, Route, contract_errors, replay
from support.tls import private_ca

ERRORS = "openrouter-errors.json"
SECRET = "sk-or-v1-0123456789abcdef0123456789abcdef"

REFUSALS = {
    "bad parameters": (
        FailureKind.REFUSED,
        "OpenRouter refused: Invalid request parameters",
        "change the request and try again",
    ),
    "context too long (typed)": (
        FailureKind.OVERFLOW,
        "The prompt is longer than the context",
        "leave out older turns, or take a model with a larger context",
    ),
    "unknown model (availability form, no code field)": (
        FailureKind.NOT_FOUND,
        "OpenRouter knows no such model, or nobody serves it",
        "choose another one: llmhub models",
    ),
    "no or bad key": (
        FailureKind.KEY,
        "OpenRouter does not take the key",
        "set another one: llmhub keys set openrouter",
    ),
    "no credit, or negative balance even for a free model": (
        FailureKind.CREDIT,
        "There is no credit left, or the key has reached its limit",
        "add credit at openrouter.ai/credits, raise the key's limit, or take a local model",
    ),
    "ordinary key on /credits or /activity": (
        FailureKind.REFUSED,
        "Only a management key may see this",
        "look at openrouter.ai/activity instead",
    ),
    "moderation": (
        FailureKind.MODERATED,
        'OpenAI\'s moderation refused the prompt (violence) at "first fifty characters ... last fifty characters"',
        "put it in other words, or take another model",
    ),
    "guardrail": (
        FailureKind.MODERATED,
        "A guardrail of the account blocked the request: Request blocked: prompt injection patterns detected",
        "change the prompt, or the guardrail at openrouter.ai/settings",
    ),
    "unknown generation or path": (
        FailureKind.NOT_FOUND,
        "OpenRouter knows no such model, or nobody serves it",
        "choose another one: llmhub models",
    ),
    "privacy settings left no endpoint": (
        FailureKind.REFUSED,
        "No endpoint is left by the filter data_policy:zdr; llmhub asks for providers that keep no prompts",
        "take another model, or allow such providers at openrouter.ai/settings/privacy",
    ),
    "free variant ended": (
        FailureKind.NOT_FOUND,
        "The free variant of this model has ended",
        "take meta-llama/llama-3.2-3b-instruct",
    ),
    "max_price or another constraint left no endpoint": (
        FailureKind.REFUSED,
        "No endpoint is left by the filter max_price",
        "take another model, or raise the highest price",
    ),
    "timeout": (FailureKind.BUSY, "OpenRouter had no answer in time", "ask again, or take another model"),
    "body too large": (
        FailureKind.REFUSED,
        "The request is too large for OpenRouter",
        "leave out images or older turns",
    ),
    "semantically wrong": (
        FailureKind.REFUSED,
        "OpenRouter refused: Invalid argument",
        "change the request and try again",
    ),
    "platform limit (free models 20 per minute)": (
        FailureKind.RATE,
        "OpenRouter's limit of 20 requests is reached",
        "wait 19 seconds and ask again",
    ),
    "provider limit": (
        FailureKind.RATE,
        "The provider takes no more requests at present",
        "wait a moment and ask again, or take another model",
    ),
    "all providers at capacity": (
        FailureKind.RATE,
        "All providers of this model are at their capacity",
        "wait 40 seconds and ask again, or take anthropic/claude-haiku-4.5",
    ),
    "masked internal error": (
        FailureKind.BUSY,
        "Something failed inside OpenRouter",
        "ask again in a moment",
    ),
    "provider failed before the first token": (
        FailureKind.BUSY,
        "The provider failed or is overloaded: Provider returned error",
        "wait a moment and ask again, or take another model",
    ),
    "no provider fits now": (
        FailureKind.BUSY,
        "The provider failed or is overloaded: Service temporarily unavailable",
        "wait 10 seconds and ask again, or take another model",
    ),
    "edge timeout": (FailureKind.BUSY, "OpenRouter had no answer in time", "ask again, or take another model"),
    "provider overloaded": (
        FailureKind.BUSY,
        "The provider failed or is overloaded: Provider returned error",
        "wait a moment and ask again, or take another model",
    ),
}
TRIED_AGAIN = {"timeout", "masked internal error", "edge timeout"}


def test_every_refusal_of_the_table_has_its_row() -> None:
    assert REFUSALS.keys() == contract_errors(ERRORS).keys()


@pytest.mark.parametrize("when", REFUSALS)
@pytest.mark.parametrize("pieces", [None, 5])
async def test_every_refusal_has_its_kind_and_says_what_to_do(when: str, pieces: int | None) -> None:
    answer = contract_errors(ERRORS)[when]
    if pieces is not None:
        answer = answer.but(pieces=pieces, chunked=True)
    heard = await chat(answer)

    kind, happened, remedy = REFUSALS[when]
    failed = heard.failed
    assert (failed.kind, failed.happened, failed.remedy) == (kind, happened, remedy)
    assert failed.subject.startswith("openai/gpt-4o")
    assert failed.status == answer.status
    assert heard.events == []
    assert len(heard.requests) == (2 if when in TRIED_AGAIN else 1)


async def test_free_models_stop_at_a_negative_balance() -> None:
    answer = contract_errors(ERRORS)["no credit, or negative balance even for a free model"]

    heard = await chat(answer, ChatRequest("meta-llama/llama-3.2-3b-instruct:free", ()))

    assert heard.failed.kind is FailureKind.CREDIT
    assert heard.failed.remedy.startswith("free models stop too while the balance is below zero; add credit")


async def test_a_limit_of_free_models_says_how_many() -> None:
    answer = contract_errors(ERRORS)["platform limit (free models 20 per minute)"]

    heard = await chat(answer, ChatRequest("meta-llama/llama-3.2-3b-instruct:free", ()))

    assert "free models: 20 a minute" in heard.failed.happened


@pytest.mark.parametrize(
    ("when", "seconds"),
    [
        ("platform limit (free models 20 per minute)", 19),
        ("all providers at capacity", 40),
        ("no provider fits now", 10),
        ("provider limit", None),
    ],
)
async def test_when_to_ask_again_is_a_number_as_well(when: str, seconds: int | None) -> None:
    assert (await chat(contract_errors(ERRORS)[when])).failed.retry_after_s == seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("1", 1), ("", None), ("0", None), ("-5", None), ("soon", None), ("99999999999", None), ("9" * 5000, None)],
)
def test_a_retry_after_that_is_none_is_left_out(header: str, seconds: int | None) -> None:
    assert Saying.of({"code": 429}, 429, {"retry-after": header}).retry_after_s == seconds


def test_a_retry_after_that_is_a_date_is_seconds_from_now() -> None:
    assert Saying.of({"code": 503}, 503, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}).retry_after_s is None


@pytest.mark.parametrize("when", sorted(TRIED_AGAIN))
async def test_a_timeout_or_a_server_s_fault_before_the_first_token_is_met_by_one_more_request(when: str) -> None:
    heard = await chat([contract_errors(ERRORS)[when], sse(chunk({"content": "a"}, "stop", usage=USAGE))])

    assert heard.text == "a"
    assert len(heard.requests) == 2
    assert heard.requests[0] == heard.requests[1]


@pytest.mark.parametrize("status", [400, 429, 502, 503, 529])
async def test_no_other_refusal_is_met_by_another_request(status: int) -> None:
    heard = await chat(Answer.of({"error": {"code": status, "message": "no"}}, status))

    assert heard.failure is not None
    assert len(heard.requests) == 1


async def test_what_the_provider_calls_lasting_is_not_tried_again() -> None:
    error = {"http_status": 500, "error_type": "server", "availability": {"retryable": False}}

    assert len((await chat(Answer.of({"error": error}, 500))).requests) == 1


async def test_after_the_headers_nothing_is_ever_asked_again() -> None:
    error = {"error": {"code": 500, "message": "x", "metadata": {"error_type": "server"}}, "choices": []}

    heard = await chat(sse(error, done=False))

    assert heard.failed.kind is FailureKind.BUSY
    assert len(heard.requests) == 1


async def test_the_type_counts_before_the_code() -> None:
    error = {"code": 400, "message": "x", "metadata": {"error_type": "payment_required"}}

    assert (await chat(Answer.of({"error": error}, 400))).failed.kind is FailureKind.CREDIT


async def test_a_string_for_a_code_is_read() -> None:
    assert (await chat(Answer.of({"error": {"code": "402", "message": "x"}}, 400))).failed.kind is FailureKind.CREDIT


async def test_an_overflow_tells_the_lengths_that_it_knows() -> None:
    text = (
        "This endpoint's maximum context length is 40960 tokens. However, you requested about 51,234 tokens"
        " (47,138 of text input, 4096 in the output)."
    )

    failed = (await chat(Answer.of({"error": {"code": 400, "message": text}}, 400))).failed

    assert (failed.kind, failed.prompt_tokens, failed.context_tokens) == (FailureKind.OVERFLOW, 47138, 40960)
    assert failed.subject == "openai/gpt-4o, whose context is 40,960 tokens"


@pytest.mark.parametrize(
    ("answer", "kind", "happened"),
    [
        (
            Answer(b"<!DOCTYPE html><title>Sign in", 200, "text/html", chunked=False),
            FailureKind.PROTOCOL,
            "A web page came instead of an answer",
        ),
        (
            Answer(b"<html>Not found", 404, "text/html", chunked=False),
            FailureKind.PROTOCOL,
            "A web page came instead of an answer",
        ),
        (
            Answer(b"<html>Sign in", 200, "text/event-stream"),
            FailureKind.PROTOCOL,
            "A web page came instead of an answer",
        ),
        (
            Answer(b"<html>Bad gateway", 502, "text/html", chunked=False),
            FailureKind.BUSY,
            "The provider failed or is overloaded: status 502",
        ),
        (Answer(b"", 401, None, chunked=False), FailureKind.KEY, "OpenRouter does not take the key"),
        (
            Answer(b"", 302, None, chunked=False, headers=(("Location", "https://elsewhere.example/"),)),
            FailureKind.PROTOCOL,
            "The address sends on to another one, where no key may follow",
        ),
        (
            Answer(b"[1, 2]", 200, "application/json", chunked=False),
            FailureKind.PROTOCOL,
            "What answers does not speak as OpenRouter does",
        ),
        (
            Answer(b'{"error":{"code":402,"message":"no"}}', 200, "application/json", chunked=False),
            FailureKind.CREDIT,
            "There is no credit left, or the key has reached its limit",
        ),
        (
            Answer(b'{"error":{"code":402,"message":"no"}}', 200, "text/event-stream"),
            FailureKind.CREDIT,
            "There is no credit left, or the key has reached its limit",
        ),
        (Answer(b"", 200, "text/event-stream"), FailureKind.CUT, "The reply broke off before it was finished"),
        (Answer(raw=b""), FailureKind.UNREACHABLE, "OpenRouter hung up without an answer"),
        (Answer(raw=b"SSH-2.0\r\n\r\n"), FailureKind.PROTOCOL, "What answers does not speak as OpenRouter does"),
        (Answer.of({"error": 5}, 400), FailureKind.REFUSED, "OpenRouter refused: status 400"),
        (Answer.of({"error": "plain words"}, 400), FailureKind.REFUSED, "OpenRouter refused: plain words"),
        (Answer.of({"error": {"code": [], "metadata": 7}}, 418), FailureKind.REFUSED, "OpenRouter refused: status 418"),
    ],
)
async def test_whatever_answers_is_told_in_words(answer: Answer, kind: FailureKind, happened: str) -> None:
    heard = await chat(answer)

    assert (heard.failed.kind, heard.failed.happened) == (kind, happened)


async def test_words_of_a_provider_carry_no_escapes_into_a_message() -> None:
    error = {"code": 400, "message": "\x1b]0;evil\x07no\u202e", "metadata": {"reasons": ["\x1b[31mred"]}}

    failed = (await chat(Answer.of({"error": error}, 403))).failed

    assert failed.happened == "A moderation refused the prompt (red)"
    assert failed.detail == "no"


# -- the wire -----------------------------------------------------------------------------------


async def test_nothing_listening_is_told() -> None:
    async with replay({}) as server:
        url = server.url
    client = make_client()

    heard = await listen(OpenRouter(client, f"{url}/api/v1", key=lambda: SIMULATED_KEY))

    assert (heard.failed.kind, heard.failed.happened) == (FailureKind.UNREACHABLE, "OpenRouter cannot be reached")
    await client.aclose()


async def test_offline_refuses_before_anything_is_sent() -> None:
    openrouter = OpenRouter(make_client(Switch(offline=True)), key=lambda: SECRET)

    heard = await listen(openrouter)

    assert str(heard.failed) == ("llmhub is offline · openrouter.ai · switch offline off, or take a local model")
    assert heard.failed.kind is FailureKind.OFFLINE


async def test_a_certificate_that_nobody_trusts_is_told_with_what_to_do(tmp_path: Path) -> None:
    ca = private_ca(tmp_path, "127.0.0.1")
    client = make_client()

    async with replay({CHAT: sse()}, tls=ca.server) as server:
        heard = await listen(OpenRouter(client, f"{server.url}/api/v1", key=lambda: SECRET))

    assert heard.failed.kind is FailureKind.UNREACHABLE
    assert heard.failed.happened == "The certificate of 127.0.0.1 is not trusted, so nothing was sent"
    assert "[net] ca_file" in heard.failed.remedy
    assert server.asked == []
    await client.aclose()


# -- the key ------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "", "   "])
@pytest.mark.parametrize("call", ["chat", "key_info", "generation"])
async def test_without_a_key_nothing_leaves(call: str, key: str | None) -> None:
    async with provider({}, key=lambda: key) as (openrouter, server):
        failed = await failure_of(openrouter, call)

        assert not openrouter.has_key
        assert (server.asked, server.connections) == ([], 0)
    assert (failed.kind, failed.happened) == (FailureKind.KEY, "There is no key for OpenRouter")
    assert failed.remedy == "set one: llmhub keys set openrouter, or the variable OPENROUTER_API_KEY"


@pytest.mark.parametrize("key", [SECRET, "sk-or-v1-sp ace-here", "sk-or-v1-\u00fcber", "sk-or-v1-a\nX-Evil: b"])
async def test_a_key_that_would_go_in_the_clear_or_is_none_is_refused_before_a_byte_leaves(key: str) -> None:
    async with provider({}, key=lambda: key) as (openrouter, server):
        failed = await failure_of(openrouter, "chat")

        assert not openrouter.has_key
        assert (server.asked, server.connections) == ([], 0)
    assert failed.kind is FailureKind.KEY
    assert "was not sent" in failed.happened
    assert key not in str(failed)


async def test_lists_need_no_key_and_a_plain_connection_gets_none_but_the_simulators() -> None:
    routes = {"GET /api/v1/models": Answer.of({"data": []})}
    sent = []
    for key in (None, SECRET, SIMULATED_KEY):
        async with provider(routes, key=lambda key=key: key) as (openrouter, server):
            await openrouter.models()
            sent.append(server.asked[0].headers.get("authorization"))

    assert sent == [None, None, f"Bearer {SIMULATED_KEY}"]


async def test_over_tls_the_key_goes_to_its_own_origin(tmp_path: Path) -> None:
    ca = private_ca(tmp_path, "127.0.0.1")
    client = make_client(ca_file=ca.ca_file)

    async with replay({CHAT: sse(chunk({"content": "a"}, "stop", usage=USAGE))}, tls=ca.server) as server:
        openrouter = OpenRouter(client, f"{server.url}/api/v1", key=lambda: SECRET)
        heard = await listen(openrouter)
        assert openrouter.has_key
        await client.aclose()

    assert heard.text == "a"
    assert server.asked[0].headers["authorization"] == f"Bearer {SECRET}"


async def test_the_key_goes_through_no_redirect_not_even_to_a_path_of_its_own_host() -> None:
    away = Answer(b"", 307, None, chunked=False, headers=(("Location", "/other"),))

    async with provider({CHAT: away}) as (openrouter, server):
        heard = await listen(openrouter)

    assert heard.failed.kind is FailureKind.PROTOCOL
    assert [asked.path for asked in server.asked] == ["/api/v1/chat/completions"]


async def test_a_key_that_is_set_later_counts_at_once() -> None:
    keys: list[str | None] = [None]
    routes = {CHAT: sse(chunk({"content": "a"}, "stop", usage=USAGE))}

    async with provider(routes, key=lambda: keys[0]) as (openrouter, _):
        assert (await listen(openrouter)).failed.kind is FailureKind.KEY
        keys[0] = SIMULATED_KEY
        assert (await listen(openrouter)).text == "a"


@pytest.mark.parametrize("url", ["http://openrouter.ai/api/v1", "http://192.168.1.7/api/v1", "openrouter.ai", ""])
def test_an_address_that_would_carry_the_key_in_the_clear_is_a_setting_to_correct(url: str) -> None:
    with pytest.raises(ConfigError, match="cannot go to this address"):
        OpenRouter(make_client(), url, key=lambda: SECRET)


def test_the_authority_of_an_origin_is_replaced_and_not_added() -> None:
    client = make_client(authorities=[Authority("https://openrouter.ai", lambda: "old")])

    OpenRouter(client, key=lambda: SECRET)

    assert len(client.transport._authorities) == 1


async def failure_of(openrouter: OpenRouter, call: str) -> BackendError:
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "key_info": openrouter.key_info,
        "generation": lambda: openrouter.generation("gen-1"),
        "models": openrouter.models,
        "endpoints": lambda: openrouter.endpoints("openai/gpt-4o"),
    }
    if call == "chat":
        return (await listen(openrouter)).failed
    with pytest.raises(BackendError) as raised:
        await calls[call]()
    return raised.value


async def test_a_key_of_another_shape_is_not_repeated_either() -> None:
    key = "gateway-key-of-the-company"
    openrouter = OpenRouter(make_client(), key=lambda: key)

    failed = openrouter._failures.said(Saying.of({"message": f"who is {key}?"}, 400), model="m")

    assert str(failed) == "OpenRouter refused: who is (a key)? · m · change the request and try again"
    assert failed.detail == "who is (a key)?"


CALLS = ["chat", "key_info", "generation", "models", "endpoints"]


async def failed_over_tls(call: str, answer: Answer, folder: Path) -> tuple[BackendError, OpenRouter]:
    """How a call fails that is answered so, with a real key sent over TLS."""
    ca = private_ca(folder, "127.0.0.1")
    client = make_client(ca_file=ca.ca_file)
    paths = ("key", "generation", "models", "models/openai/gpt-4o/endpoints")
    routes: dict[str, Route] = {CHAT: answer, **{f"GET /api/v1/{path}": answer for path in paths}}
    async with replay(routes, tls=ca.server) as server:
        openrouter = OpenRouter(client, f"{server.url}/api/v1", key=lambda: SECRET, pause_s=0.0, cache=KeptList())
        failed = await failure_of(openrouter, call)
        await client.aclose()
    assert server.asked[0].headers["authorization"] == f"Bearer {SECRET}"
    return failed, openrouter


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "answer",
    [
        Answer.of({"error": {"code": 401, "message": f"Bad key {SECRET}", "metadata": {"reasons": [SECRET]}}}, 401),
        Answer.of({"error": {"code": 400, "message": f"who has {SECRET[:-4]}ffff?"}}, 400),
        Answer(SECRET.encode(), 500, "text/plain", chunked=False),
        Answer(SECRET.encode(), 200, "application/json", chunked=False),
        Answer(raw=f"HTTP/9 {SECRET}\r\n\r\n".encode()),
    ],
)
async def test_a_key_that_a_server_repeats_is_told_to_nobody(call: str, answer: Answer, tmp_path: Path) -> None:
    failed, _ = await failed_over_tls(call, answer, tmp_path)

    shown = f"{failed} {failed!r} {vars(failed)} {''.join(traceback.format_exception(failed))}"
    assert SECRET[:16] not in shown


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "answer",
    [
        Answer.of({"error": {"code": 500, "message": "x"}}, 500),
        Answer(b"nonsense", 200, "application/json", chunked=False),
        Answer(raw=b"HTTP/9\r\n\r\n"),
        Answer(raw=b""),
        Answer(b'{"data":', 200, "application/json", end="vanish"),
    ],
)
async def test_the_key_is_in_no_traceback_with_its_values_and_in_no_log(
    call: str, answer: Answer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    failed, openrouter = await failed_over_tls(call, answer, tmp_path)

    told = traceback.TracebackException.from_exception(failed, capture_locals=True)
    frames = "".join(line for line in told.format() if "test_openrouter" not in line)
    assert "llmhub/backends/openrouter" in frames
    assert SECRET[:16] not in frames + repr(openrouter) + repr(vars(failed))
    assert caplog.text
    assert SECRET[:16] not in caplog.text
    assert HELLO.messages[0].text not in caplog.text.split()
