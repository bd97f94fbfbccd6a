"""The known traps of the protocols, part by part, and the test that falls into each when the code is wrong.

A part names a test (`file::name`, below `tests/`), or says why there is none yet.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
CHAT, PULL, FAIL = "backends/test_ollama_chat.py", "backends/test_ollama_pull.py", "backends/test_ollama_failures.py"
LISTS, BODIES, PACKAGE = (
    "backends/test_ollama_lists.py",
    "backends/test_ollama_bodies.py",
    "backends/test_ollama_package.py",
)
RECORDED, METER = "backends/test_ollama_recordings.py", "core/test_pulls.py"
LINES, SSE, TRANSPORT, EXCHANGE = (
    "net/test_lines.py",
    "net/test_sse.py",
    "net/test_transport.py",
    "net/test_exchanges.py",
)
NAMES, ADDRESSES, REGISTRY = "core/test_names.py", "core/test_addresses.py", "catalog/test_registry.py"
HUB, RANGED = "catalog/test_hugging_face.py", "catalog/test_ranged.py"
LOOK_UP, FILES = "catalog/test_look_up.py", "catalog/test_repository.py"

CLOUD, CLOUD_BODIES, CLOUD_FAIL, CLOUD_LISTS = (
    "backends/test_openrouter_chat.py",
    "backends/test_openrouter_bodies.py",
    "backends/test_openrouter_failures.py",
    "backends/test_openrouter_lists.py",
)

NO_COMPATIBLE = "not covered yet: there is no backend for OpenAI-compatible servers"
NO_CREATE = "not covered yet: nothing creates models"

TRAPS: dict[str, dict[str, str]] = {
    "T1 a failed pull answers 200": {
        "the error is a line": f"{PULL}::test_a_failed_pull_answers_200_and_is_a_failure_all_the_same",
        "recorded": f"{RECORDED}::test_a_pull_that_cannot_begin_says_why",
    },
    "T2 pull progress lies": {
        "missing means 0": f"{METER}::test_a_first_line_without_completed_is_nothing_yet",
        "missing on the wire": f"{PULL}::test_every_line_is_an_event_and_the_last_is_success",
        "it can fall": f"{METER}::test_a_step_back_is_not_shown_but_counts_against_the_speed",
        "the fall is passed on": f"{PULL}::test_a_figure_that_falls_is_passed_on_as_it_is",
        "the bar never falls": f"{METER}::test_what_is_shown_never_falls_and_never_passes_the_whole",
        "the last line is below the total": (
            f"{METER}::test_a_layer_whose_last_line_is_below_its_total_is_whole_when_the_next_one_begins"
        ),
        "small layers have no line": f"{METER}::test_layers_without_a_line_are_whole_when_verifying_begins",
        "the total is the manifest's": f"{METER}::test_the_whole_is_the_manifests_from_the_first_line_on",
        "the manifest": f"{REGISTRY}::test_digest_and_size_are_those_that_the_daemon_will_list",
        "sha256:model": f"{PULL}::test_a_digest_that_is_no_hash_is_left_as_it_is",
        "one counter for safetensors": (
            f"{METER}::test_safetensors_count_all_files_under_one_digest_and_are_not_counted_twice"
        ),
    },
    "T3 the end of a stream is not success": {
        "a chat needs done": f"{CHAT}::test_a_stream_that_just_ends_is_cut_and_its_text_kept",
        "wherever it is cut": f"{CHAT}::test_a_stream_cut_anywhere_keeps_what_came_and_is_never_finished",
        "an end inside a line": f"{CHAT}::test_an_end_inside_a_line_loses_only_that_line",
        "a pull needs success": f"{PULL}::test_a_pull_that_ends_without_success_is_broken_off_and_resumable",
        "the meter needs success": f"{METER}::test_only_success_is_done",
        "an event needs its blank line": f"{SSE}::test_what_no_blank_line_ends_is_no_event",
        "[DONE] or usage": f"{CLOUD}::test_a_proper_end_is_a_finish_reason_with_done_or_usage",
        "a cloud chat cut anywhere": (
            f"{CLOUD}::test_a_stream_cut_anywhere_keeps_what_came_and_is_finished_only_with_its_bill"
        ),
    },
    "T4 cancelled pulls are neither gone nor safe": {
        "closing pauses": f"{PULL}::test_closing_the_generator_closes_the_connection_and_pauses_the_pull",
        "the next pull goes on": f"{RECORDED}::test_12_a_pull_goes_on_where_it_was",
        "going on does not fall back": f"{METER}::test_recorded_a_pull_closed_and_asked_for_again_goes_on_where_it_was",
        "real disk blocks of parts": "not covered yet: parts of a stopped pull count as not there",
        "a warning before the daemon is restarted": "not covered yet: llmhub does not restart the daemon",
    },
    "T5 lines are split in the wrong places": {
        "U+0085, U+2028, U+2029": f"{LINES}::test_separators_that_stand_inside_json_strings_do_not_split_a_line",
        "in a chat": f"{CHAT}::test_separators_inside_the_text_do_not_break_it",
        "in an event": f"{SSE}::test_line_separators_inside_the_data_stay",
        "characters cut in two": f"{CHAT}::test_any_split_of_the_bytes_gives_the_same_events",
        "a carriage return before the line feed": (f"{SSE}::test_a_byte_order_mark_and_carriage_returns_are_no_text"),
        "no small limit": f"{CHAT}::test_a_tool_call_longer_than_any_reader_s_default_limit_comes_whole",
    },
    "T6 SSE is more than data": {
        "comments": f"{SSE}::test_comments_are_no_events",
        "data without a space, several data lines": f"{SSE}::test_data_without_a_space_and_several_data_lines",
        "event names": f"{SSE}::test_names_and_ids_come_with_their_event",
        "empty choices, null content": f"{CLOUD}::test_odd_chunks_say_nothing_and_break_nothing",
        "comments, split bytes": f"{CLOUD}::test_pieces_of_1_to_37_bytes_give_the_same_events",
    },
    "T7 errors inside a 200 stream have many forms": {
        "Ollama: a text": f"{CHAT}::test_an_error_line_in_the_middle_is_told_and_the_text_kept",
        "Ollama: an object": f"{FAIL}::test_an_error_that_is_an_object_in_the_middle_of_a_stream_is_read",
        "Ollama: JSON in the text": f"{FAIL}::test_a_nested_overflow_tells_the_true_length_of_the_prompt",
        "Ollama /v1": "not covered: llmhub does not use Ollama's /v1, which swallows errors",
        "OpenRouter: a number": (
            f"{CLOUD}::test_an_error_in_the_middle_with_a_number_keeps_the_text_and_says_what_to_do"
        ),
        "OpenRouter: a word": f"{CLOUD}::test_an_error_in_the_middle_with_a_word_is_an_error_as_well",
        "OpenRouter: inside a choice": f"{CLOUD}::test_an_error_inside_a_choice_is_no_answer",
        "OpenRouter: the finish reason alone": f"{CLOUD}::test_the_finish_reason_error_alone_is_no_answer",
        "OpenRouter: two families of refusals": (f"{CLOUD_FAIL}::test_every_refusal_has_its_kind_and_says_what_to_do"),
        "llama.cpp, LM Studio": NO_COMPATIBLE,
    },
    "T8 units": {
        "Ollama's nanoseconds stay whole": f"{CHAT}::test_accepted_served_text_and_exactly_one_finished_in_this_order",
        "prices": f"{CLOUD_LISTS}::test_every_model_has_its_prices_per_token_exactly",
        "floats drift": f"{CLOUD}::test_a_tool_call_in_fragments_comes_whole",
        "milliseconds and seconds of others": NO_COMPATIBLE,
    },
    "T9 cost computed from the list is wrong": {
        "the bill is told as it came": f"{CLOUD}::test_the_bill_is_kept_as_it_came_with_every_figure_exact",
        "the list makes the same sum": f"{CLOUD_LISTS}::test_what_is_listed_makes_the_bills_of_the_contract_files",
        "reasoning is part of completion": (
            f"{CLOUD}::test_thoughts_come_apart_from_the_text_and_are_part_of_what_is_billed"
        ),
        "the served model and provider": f"{CLOUD}::test_the_provider_is_told_again_when_it_changes",
        "BYOK": f"{CLOUD}::test_billed_by_the_provider_s_own_key_the_fee_and_the_upstream_cost_are_both_told",
        "the bill in the last chunk": f"{CLOUD}::test_usage_before_its_bill_is_waited_on",
    },
    "T10 aborted cloud calls vanish from the ledger": {
        "always send max_tokens": f"{BODIES}::test_context_and_limits_are_always_sent_and_nothing_may_be_cut",
        "the same in the cloud": f"{CLOUD_BODIES}::test_the_least_that_is_sent",
        "the id at the headers": f"{CLOUD}::test_the_header_is_there_before_any_of_the_body",
        "404 means not yet": f"{CLOUD_LISTS}::test_a_generation_is_not_there_twice_and_then_it_is",
        "after an abort": f"{CLOUD_LISTS}::test_a_cancelled_request_was_billed_for_what_the_provider_made",
        "closing closes at once": f"{CLOUD}::test_closing_the_generator_closes_the_connection_at_once",
    },
    "T11 thinking and tools differ per backend": {
        "think is sent in so many words": f"{BODIES}::test_thinking_is_sent_when_it_is_chosen",
        "think on a model that cannot is 400": f"{FAIL}::test_every_refusal_of_a_chat_says_what_to_do",
        "tags in the text": f"{CHAT}::test_a_leading_think_tag_is_thought",
        "calls in the last line": f"{CHAT}::test_tool_calls_in_the_last_line_are_not_lost",
        "text in the last line": f"{CHAT}::test_text_in_the_last_line_is_not_lost",
        "calls before the last line": f"{CHAT}::test_tool_calls_before_the_last_line_keep_their_id",
        "arguments are an object": f"{BODIES}::test_a_tool_s_call_and_its_result_go_back_with_their_id",
        "fragments": f"{CLOUD}::test_calls_side_by_side_keep_their_fragments_apart",
        "reasoning_details": f"{CLOUD_BODIES}::test_details_of_thoughts_go_back_unchanged_with_the_next_turn",
        "none is refused by a model that must think": f"{CLOUD_BODIES}::test_thinking_is_asked_for_in_their_words",
    },
    "T12 the local context is small and quiet": {
        "num_ctx, truncate, shift always": f"{BODIES}::test_context_and_limits_are_always_sent_and_nothing_may_be_cut",
        "a load sends the same": f"{BODIES}::test_a_load_has_the_context_and_the_shift_of_later_chats",
        "the context in force": f"{RECORDED}::test_05_the_context_in_force_is_read_from_the_list_of_loaded_models",
        "the refusal": f"{RECORDED}::test_04_a_prompt_that_is_refused_tells_its_true_length_where_the_daemon_knows_it",
        "a prompt cut in silence": (
            f"{RECORDED}::test_04_a_prompt_cut_in_silence_shows_in_its_count_and_we_never_allow_it"
        ),
    },
    "T13 local models may run in the cloud": {
        "remote_host in the list": f"{LISTS}::test_a_cloud_stub_is_marked_and_its_few_bytes_are_no_size",
        "remote_host under another name": f"{LISTS}::test_a_stub_under_a_name_of_one_s_own_is_cloud_too",
        "the name": f"{LISTS}::test_a_cloud_name_alone_is_enough",
        "remote_host in a reply": f"{CHAT}::test_a_cloud_model_is_served_by_the_cloud_as_soon_as_a_line_says_so",
        "never this machine": f"{CHAT}::test_a_cloud_name_is_never_served_by_this_machine",
        "whether the cloud is off": f"{LISTS}::test_who_answers",
        "ollama.com itself": f"{LISTS}::test_a_model_behind_ollama_com_itself_runs_in_the_cloud",
    },
    "T14 addresses and environment": {
        "OLLAMA_HOST by the Go rules": f"{ADDRESSES}::test_the_address_that_a_value_means",
        "a value that breaks the package's import": (
            f"{PACKAGE}::test_a_value_of_ollama_host_that_breaks_its_import_does_not_break_ours"
        ),
        "loopback through a proxy": f"{TRANSPORT}::test_loopback_never_goes_through_a_proxy",
        "the package through a proxy": f"{PACKAGE}::test_its_calls_go_through_no_proxy",
        "OLLAMA_API_KEY": f"{PACKAGE}::test_the_key_for_ollama_com_is_not_sent_to_a_daemon",
        "only over TLS, but for the simulators' dummy": (
            f"{CLOUD_FAIL}::test_lists_need_no_key_and_a_plain_connection_gets_none_but_the_simulators"
        ),
        "only over TLS to its own host": f"{TRANSPORT}::test_a_key_goes_to_its_own_origin_only",
        "strings for sizes": f"{LISTS}::test_a_look_alike_with_strings_for_sizes_is_listed_without_them",
        "who answers": f"{LISTS}::test_another_program_on_the_port_is_not_taken_for_ollama",
    },
    "T15 the Python package is thinner than the server": {
        "capabilities in the list": f"{LISTS}::test_the_whole_entry_of_an_installed_model",
        "verbose show": f"{LISTS}::test_arrays_come_only_when_they_are_asked_for_and_never_the_vocabulary",
        "min_p": f"{BODIES}::test_what_is_set_is_sent_and_what_is_not_is_left_to_the_model",
        "tool ids": f"{BODIES}::test_a_tool_s_call_and_its_result_go_back_with_their_id",
        "a watchdog in place of a read limit": f"{CHAT}::test_a_long_load_is_told_and_nothing_is_killed",
        "a stall in the middle": f"{EXCHANGE}::test_silence_in_the_middle_counts_from_the_last_byte",
        "its exceptions": f"{PACKAGE}::test_its_own_exceptions_do_not_come_out",
        "it is imported late": f"{PACKAGE}::test_nothing_loads_the_package_or_pydantic_before_it_is_used",
    },
    "smaller ones": {
        "/credits and /activity refuse ordinary keys": (
            f"{CLOUD_LISTS}::test_credits_and_activity_are_never_asked_of_an_ordinary_key"
        ),
        "endpoint latency is null without a key": f"{CLOUD_LISTS}::test_without_a_key_there_are_no_speeds",
        "503 with two spaces": f"{FAIL}::test_every_refusal_of_a_chat_says_what_to_do",
        'keep_alive: "5" is 400': f"{BODIES}::test_a_keep_alive_without_a_unit_is_a_number",
        "year 2319 means never": f"{LISTS}::test_the_year_2319_means_never",
        "create with an unknown from starts a pull": NO_CREATE,
        "404, 405 and 403 can have no JSON": f"{FAIL}::test_every_refusal_of_another_call_has_its_kind",
        "an empty 403": f"{FAIL}::test_a_refused_host_name_is_explained_although_the_answer_is_empty",
        "prompt_eval_count includes cached tokens": "not covered yet: no speed of reading the prompt is shown",
        "stop must be a list": f"{BODIES}::test_stop_is_a_list",
        "show without verbose has null arrays": (
            f"{LISTS}::test_arrays_come_only_when_they_are_asked_for_and_never_the_vocabulary"
        ),
        "gguf.total counts parameters": f"{HUB}::test_parameters_are_not_taken_for_bytes",
        "sizes come from the list of files": f"{HUB}::test_variants_are_the_files_with_exact_bytes_the_largest_first",
        "parts, projectors and imatrix in a list of files": (
            f"{FILES}::test_the_contract_listing_has_three_models_a_projector_and_nothing_else"
        ),
        "Hugging Face says 401 for what is not there": (
            f"{HUB}::test_missing_and_private_are_told_as_one_because_they_are_answered_as_one"
        ),
        "gated: branch on the header, not on the status": (
            f"{HUB}::test_a_gated_repository_has_sizes_and_says_whom_to_ask"
        ),
        "a rate limit without Retry-After": f"{HUB}::test_a_rate_limit_says_when_to_come_back",
        "a redirect to another host takes no key along": (
            f"{RANGED}::test_the_range_goes_along_to_another_host_and_no_key_does"
        ),
        "200 in place of 206": f"{RANGED}::test_a_server_that_ignores_ranges_is_read_as_far_as_needed_and_left",
        "412 without Ollama's name": f"{LOOK_UP}::test_every_request_is_one_that_a_registry_answers",
        "mlx_lm cuts at 512 tokens": NO_COMPATIBLE,
        ":nitro may cost more": "not covered yet: the picker offers no routing suffixes",
        "free models stop at a negative balance": f"{CLOUD_FAIL}::test_free_models_stop_at_a_negative_balance",
        "an integer can be absent because it is 0": (
            f"{CHAT}::test_absent_counts_are_zero_or_unknown_and_never_made_up"
        ),
    },
}

PARTS = [(trap, part, test) for trap, parts in TRAPS.items() for part, test in parts.items()]


@cache
def names_of(file: str) -> frozenset[str]:
    tree = ast.parse((TESTS / file).read_text("utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


@pytest.mark.parametrize(("trap", "part", "test"), PARTS)
def test_every_part_has_a_test_that_exists_or_says_why_not(trap: str, part: str, test: str) -> None:
    if test.startswith("not covered"):
        assert ": " in test
        return
    file, _, name = test.partition("::")

    assert name in names_of(file), f"{trap}, {part}: no {test}"


def test_all_fifteen_traps_and_the_smaller_ones_are_in_the_table() -> None:
    numbered = [trap.split()[0] for trap in TRAPS]

    assert numbered == [*(f"T{number}" for number in range(1, 16)), "smaller"]
