"""OpenRouter from the command line: asked, priced, guarded, billed, listed and looked after, as the local daemon is."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from llmhub.core.chat import Accepted, Finished, Served, TextDelta, Usage
from llmhub.core.cloud import Generation, KeyInfo
from llmhub.core.errors import ConfigError, FailureKind
from llmhub.core.places import Place, PlaceKind
from llmhub.core.turns import TurnStatus
from support.commands import Commands
from support.fake_cloud import FakeCloud, bill, cloud_failure, no_connection, priced_model

MODEL = "openai/gpt-4o-mini"
KEY = "sk-or-v1-0123456789abcdef"
PROVIDER = Place(PlaceKind.PROVIDER, "Azure")
SERVED = Served(PROVIDER, "openai/gpt-4o-mini-2024-07-18", "Azure")
COUNTS = Usage(prompt=12, completion=5, source="provider")


@pytest.fixture
def cloud(llmhub: Commands) -> FakeCloud:
    llmhub.cloud = FakeCloud(priced_model(MODEL), priced_model("z-ai/glm-4.6", "0.0000006", "0.0000022"))
    llmhub.vault.key = KEY
    return llmhub.cloud


# -- ask ----------------------------------------------------------------------------------------


def test_a_question_to_the_cloud_is_booked_with_its_bill_and_its_price(llmhub: Commands, cloud: FakeCloud) -> None:
    cloud.will_say(
        MODEL, Accepted("gen-1"), SERVED, TextDelta("Hi.", 5), Finished("stop", COUNTS, bill=bill("0.00000480000001"))
    )

    done = llmhub("ask", f"openrouter:{MODEL}", "say hello", "--json")

    (turn,) = llmhub.ledger.turns
    found = done.json
    assert (done.code, done.err, found["text"]) == (0, "", "Hi.")
    assert (turn.context.backend_name, turn.place, turn.provider) == ("openrouter", PROVIDER, "Azure")
    assert (turn.generation_id, turn.model, turn.served_model) == ("gen-1", MODEL, "openai/gpt-4o-mini-2024-07-18")
    assert found["billed"]["raw"]["cost"] == "0.00000480000001"
    assert found["billed"]["reconciled"] == "stream"
    assert turn.price_snapshot is not None
    assert turn.billed.estimate_pico_usd == 4_800_000
    assert found["derived"]["cloud_usd"] == {"amount": "0.000004800000", "label": "billed"}
    assert found["derived"]["power_usd"]["amount"] is None


def test_the_line_of_figures_names_the_provider_and_the_bill(llmhub: Commands, cloud: FakeCloud) -> None:
    done = llmhub("ask", f"openrouter:{MODEL}", "say hello")

    assert done.code == 0
    assert done.out == f"Hello from {MODEL}.\n"
    assert "○ DeepInfra" in done.err
    assert "$0.00000480" in done.err
    assert "power" not in done.err


def test_options_reach_the_provider_within_what_its_model_can(llmhub: Commands, cloud: FakeCloud) -> None:
    llmhub("ask", f"openrouter:{MODEL}", "hi", "--max-tokens", "99999999", "--seed", "3")

    (request,) = cloud.requests
    assert (request.max_tokens, request.num_ctx, request.params.seed) == (32_768, 131_072, 3)
    assert (request.model, request.truncate, request.shift) == (MODEL, False, False)


def test_without_a_key_it_says_how_to_set_one_and_books_the_turn(llmhub: Commands, cloud: FakeCloud) -> None:
    llmhub.vault.key, cloud.has_key = None, False

    done = llmhub("ask", f"openrouter:{MODEL}", "hi")

    assert (done.code, done.out) == (1, "")
    assert "llmhub keys set openrouter" in done.err
    assert [turn.status for turn in llmhub.ledger.turns] == [TurnStatus.ERROR]


def test_the_keyring_is_asked_for_the_cloud_and_for_nothing_else(llmhub: Commands, cloud: FakeCloud) -> None:
    llmhub("ask", "qwen3:8b", "hi")
    llmhub("models")
    llmhub("cost")
    before = llmhub.vault.reads

    llmhub("ask", f"openrouter:{MODEL}", "hi")

    assert (before, llmhub.vault.reads) == (0, 1)


def test_an_error_that_repeats_the_key_is_told_and_booked_without_it(llmhub: Commands, cloud: FakeCloud) -> None:
    cloud.failures["chat"] = cloud_failure(
        FailureKind.KEY, happened=f"Refused {KEY}", subject=KEY, detail=f"Bearer {KEY}", status=401
    )

    told, as_json = llmhub("ask", f"openrouter:{MODEL}", "hi"), llmhub("ask", f"openrouter:{MODEL}", "hi", "--json")

    assert (told.code, as_json.code) == (1, 1)
    assert KEY not in told.err + as_json.out + as_json.err
    assert "(the key)" in told.err
    assert all(KEY not in str(turn.to_record()) for turn in llmhub.ledger.turns)


def test_a_local_answer_is_compared_with_a_list_that_is_kept_and_nobody_is_asked(
    llmhub: Commands, cloud: FakeCloud
) -> None:
    llmhub("ask", "qwen3:8b", "hi")

    assert cloud.calls == []


# -- the bill that comes late -------------------------------------------------------------------

CUT = cloud_failure(FailureKind.CUT, happened="The connection broke", subject=MODEL, remedy="ask again")
LATE = Generation("gen-1", Decimal("0.0000123"), prompt_tokens=12, completion_tokens=17, raw='{"total_cost":0.0000123}')


def test_a_bill_that_comes_a_moment_late_is_waited_for(llmhub: Commands, cloud: FakeCloud) -> None:
    cloud.will_say(MODEL, Accepted("gen-1"), SERVED, TextDelta("Half", 1), CUT)
    cloud.will_bill("gen-1", None, LATE)

    done = llmhub("ask", f"openrouter:{MODEL}", "hi", "--json")

    (turn,) = llmhub.ledger.turns
    assert done.code == 1
    assert done.json["billed"]["reconciled"] == "generation"
    assert done.json["derived"]["cloud_usd"] == {"amount": "0.000012300000", "label": "billed"}
    assert turn.billed.raw is not None
    assert turn.billed.raw["cost"] == "0.0000123"
    assert (turn.status, turn.tokens.completion) == (TurnStatus.CUT, 17)


def test_in_words_the_failure_is_told_first_and_the_bill_after_it(llmhub: Commands, cloud: FakeCloud) -> None:
    cloud.will_say(MODEL, Accepted("gen-1"), SERVED, TextDelta("Half", 1), CUT)
    cloud.will_bill("gen-1", LATE)

    done = llmhub("ask", f"openrouter:{MODEL}", "hi")

    assert done.out == "Half\n"
    assert done.err.index("pending") < done.err.index("The connection broke") < done.err.index("the bill has come")
    assert "$0.0000123" in done.err


def test_a_bill_of_an_earlier_run_is_asked_for_by_the_next_question_and_by_cost(
    llmhub: Commands, cloud: FakeCloud
) -> None:
    cloud.will_say(MODEL, Accepted("gen-1"), SERVED, TextDelta("Half", 1), CUT)
    cloud.failures["generation"] = no_connection()
    llmhub("ask", f"openrouter:{MODEL}", "hi")
    pending = llmhub("cost", "--json").json["cloud"]
    del cloud.failures["generation"]
    cloud.will_bill("gen-1", LATE)

    settled = llmhub("cost", "--json").json["cloud"]

    assert (pending["pending_turns"], pending["billed_turns"]) == (1, 0)
    assert (settled["pending_turns"], settled["billed_turns"]) == (0, 1)
    assert settled["billed_usd"] == {"amount": "0.000012300000", "label": "billed"}


def test_offline_a_missing_bill_is_not_asked_for(llmhub: Commands, cloud: FakeCloud) -> None:
    cloud.will_say(MODEL, Accepted("gen-1"), SERVED, TextDelta("Half", 1), CUT)
    cloud.failures["generation"] = no_connection()
    llmhub("ask", f"openrouter:{MODEL}", "hi")
    asked = len(cloud.calls)

    done = llmhub("--offline", "cost")

    assert len(cloud.calls) == asked
    assert "1 bill has not come yet" in done.out


# -- the budget ---------------------------------------------------------------------------------


@pytest.mark.parametrize("span", ["day", "month"])
def test_a_limit_refuses_before_anything_of_the_prompt_leaves(llmhub: Commands, cloud: FakeCloud, span: str) -> None:
    llmhub.write_settings(f"[budget]\n{span}_usd = '0.000001'\n")

    done = llmhub("ask", f"openrouter:{MODEL}", "hi")

    assert (done.code, done.out) == (1, "")
    assert f"a {span} could be passed" in done.err
    assert "on this machine" in done.err
    assert cloud.requests == []
    assert llmhub.ledger.turns == []


def test_what_was_billed_counts_against_the_limit_and_the_local_daemon_does_not(
    llmhub: Commands, cloud: FakeCloud
) -> None:
    llmhub.write_settings("[budget]\nday_usd = '0.02'\n")
    cloud.will_say(MODEL, Accepted("gen-1"), SERVED, TextDelta("Hi", 1), Finished("stop", COUNTS, bill=bill("0.0199")))
    first = llmhub("ask", f"openrouter:{MODEL}", "hi", "--max-tokens", "100")

    second = llmhub("ask", f"openrouter:{MODEL}", "hi", "--max-tokens", "1000")
    local = llmhub("ask", "qwen3:8b", "hi")

    assert (first.code, second.code, local.code) == (0, 1, 0)
    assert "$0.0199 billed today" in second.err


# -- lists, figures, exports --------------------------------------------------------------------


def test_the_list_shows_prices_per_million_context_and_its_age(llmhub: Commands, cloud: FakeCloud) -> None:
    cloud.fetched_at = datetime.now(UTC) - timedelta(hours=3)
    cloud.from_cache = True

    done = llmhub("models", "--cloud")

    assert done.code == 0
    assert "$0.15/M" in done.out.replace("$0.150/M", "$0.15/M")
    assert "○ z-ai/glm-4.6" in done.out
    assert "131k" in done.out or "128k" in done.out
    assert "3 h" in done.err
    assert "(kept)" in done.err


def test_the_list_is_searched_and_told_as_json_with_exact_prices(llmhub: Commands, cloud: FakeCloud) -> None:
    cloud.fetched_at = datetime.now(UTC) - timedelta(seconds=90)

    done = llmhub("models", "--cloud", "--json", "glm")

    (model,) = done.json["models"]
    assert 90 <= done.json["age_s"] < 120
    assert (model["model"], model["context"]) == ("openrouter:z-ai/glm-4.6", 131_072)
    assert (model["prompt_usd"], model["completion_usd"]) == ("0.0000006", "0.0000022")


def test_a_list_that_cannot_be_had_is_told_in_three_parts(llmhub: Commands, cloud: FakeCloud) -> None:
    cloud.down = True

    done = llmhub("models", "--cloud")

    assert (done.code, done.out) == (1, "")
    assert "look at your network" in done.err


def test_local_models_are_listed_as_before_and_searched(llmhub: Commands, cloud: FakeCloud) -> None:
    every, some = llmhub("models", "--json").json, llmhub("models", "--json", "qwen").json

    assert len(every) > len(some) > 0
    assert "qwen" in some[0]["model"]
    assert cloud.calls == []


def test_cost_shows_both_halves(llmhub: Commands, cloud: FakeCloud) -> None:
    llmhub("ask", "qwen3:8b", "hi")
    llmhub("ask", f"openrouter:{MODEL}", "hi")

    done, as_json = llmhub("cost", "--by", "place"), llmhub("cost", "--json")

    assert as_json.json["cloud"]["turns"] == as_json.json["local"]["turns"] == 1
    assert as_json.json["cloud"]["billed_usd"] == {"amount": "0.000004800000", "label": "billed"}
    assert Decimal(as_json.json["cloud"]["with_fee_usd"]["amount"]) > Decimal("0.0000048")
    assert as_json.json["price_checks"][0] | {"ok": True} == {
        "model": MODEL,
        "turns": 1,
        "estimate_usd": "0.000004800000",
        "billed_usd": "0.000004800000",
        "ok": True,
    }
    assert "○ cloud" in done.out
    assert "○ DeepInfra" in done.out


def test_an_export_has_the_bill_verbatim(llmhub: Commands, cloud: FakeCloud) -> None:
    exact = "0.00000480000000000001"
    told = bill(exact, is_byok=True, upstream="0.0001")
    cloud.will_say(MODEL, Accepted("gen-1"), SERVED, TextDelta("Hi", 1), Finished("stop", COUNTS, bill=told))
    llmhub("ask", f"openrouter:{MODEL}", "hi")

    (row,) = csv.DictReader(io.StringIO(llmhub("export", "turns").out))
    (line,) = [llmhub("export", "turns", "--format", "jsonl").json]

    assert (row["billed_as_told"], row["upstream_as_told"], row["is_byok"]) == (exact, "0.0001", "True")
    assert (row["generation_id"], row["provider"], row["cloud_label"]) == ("gen-1", "Azure", "billed")
    assert row["price_snapshot"]
    assert line["billed"]["raw"]["cost"] == exact
    assert line["billed"]["raw"]["verbatim"] == told.raw


# -- doctor -------------------------------------------------------------------------------------


def checks(llmhub: Commands, *arguments: str) -> dict[str, dict[str, str]]:
    return {check["name"]: check for check in llmhub(*arguments, "doctor", "--json").json["checks"]}


def test_doctor_says_what_the_key_may_still_spend(llmhub: Commands, cloud: FakeCloud) -> None:
    found = checks(llmhub)["openrouter"]

    assert found["state"] == "ok"
    assert "a key from the keyring" in found["found"]
    assert "$4.12 of $10.00 left" in found["found"]
    assert "no list of models is kept" in found["found"]


def test_doctor_without_a_key_asks_nobody(llmhub: Commands, cloud: FakeCloud) -> None:
    llmhub.vault.key, cloud.has_key = None, False

    found = checks(llmhub)["openrouter"]

    assert (found["state"], cloud.calls) == ("ok", [])
    assert found["found"].startswith("no key")


def test_doctor_tells_of_a_key_without_a_limit(llmhub: Commands, cloud: FakeCloud) -> None:
    cloud.key = KeyInfo("mine")

    assert "no limit on the key" in checks(llmhub)["openrouter"]["found"]


def test_doctor_offline_asks_nobody(llmhub: Commands, cloud: FakeCloud) -> None:
    found = checks(llmhub, "--offline")["openrouter"]

    assert cloud.calls == []
    assert "offline, so it was not asked" in found["found"]


@pytest.mark.parametrize(
    ("failure", "state"),
    [
        (no_connection(), "note"),
        (cloud_failure(FailureKind.KEY, happened="OpenRouter does not take the key", status=401), "bad"),
    ],
)
def test_doctor_tells_a_wrong_key_from_a_network_that_is_down(
    llmhub: Commands, cloud: FakeCloud, failure: Exception, state: str
) -> None:
    cloud.failures["key_info"] = failure  # type: ignore[assignment]

    assert checks(llmhub)["openrouter"]["state"] == state


def test_doctor_counts_the_bills_that_are_missing(llmhub: Commands, cloud: FakeCloud) -> None:
    cloud.will_say(MODEL, Accepted("gen-1"), SERVED, TextDelta("Half", 1), CUT)
    cloud.failures["generation"] = no_connection()
    llmhub("ask", f"openrouter:{MODEL}", "hi")

    assert checks(llmhub)["bills"]["found"] == "1 bill has not come yet"


def test_doctor_tells_of_a_keyring_that_cannot_be_read(llmhub: Commands, cloud: FakeCloud) -> None:
    llmhub.vault.problem = ConfigError("The keyring could not be read (KeyringLocked)", "the key", "unlock it")
    cloud.has_key = False

    found = checks(llmhub)["openrouter"]

    assert (found["state"], found["remedy"]) == ("note", "unlock it")
