"""Room on the disk for a pull: what is not there yet and 1 GiB, against what is free."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmhub.core.memory import GIB
from llmhub.core.models import ManifestLayer
from llmhub.core.sizing.disk import disk_verdict

WEIGHTS = ManifestLayer("sha256:aa", 5 * GIB, "application/vnd.ollama.image.model")
LICENSE = ManifestLayer("sha256:bb", 11_338, "application/vnd.ollama.image.license")
LAYERS = (WEIGHTS, LICENSE)


@pytest.mark.parametrize(
    ("present", "free", "fits", "missing"),
    [
        (frozenset[str](), 6 * GIB + 11_338, True, 0),
        (frozenset[str](), 6 * GIB + 11_337, False, 1),
        (frozenset({"sha256:aa"}), GIB + 11_338, True, 0),
        (frozenset({"sha256:aa"}), GIB, False, 11_338),
        (frozenset({"sha256:aa", "sha256:bb"}), 0, True, 0),
        (frozenset({"sha256:cc"}), 6 * GIB, False, 11_338),
    ],
)
def test_what_is_there_is_not_fetched_and_a_gibibyte_stays_free(
    present: frozenset[str], free: int, fits: bool, missing: int
) -> None:
    verdict = disk_verdict(LAYERS, present, free)

    assert (verdict.fits, verdict.missing_bytes, verdict.free_bytes) == (fits, missing, free)
    assert (verdict.to_fetch_bytes or 0) + verdict.present_bytes == 5 * GIB + 11_338


def test_a_refusal_tells_its_arithmetic() -> None:
    verdict = disk_verdict(LAYERS, frozenset(), 2 * GIB)

    assert verdict.reasons == (
        "5.0 GiB are to be fetched.",
        "With 1.0 GiB kept free that takes 6.0 GiB; 2.0 GiB of the disk are free, 4.0 GiB too few.",
    )


def test_a_folder_that_cannot_be_read_counts_as_empty_and_says_so() -> None:
    verdict = disk_verdict(LAYERS, None, 100 * GIB)

    assert verdict.fits
    assert verdict.to_fetch_bytes == 5 * GIB + 11_338
    assert "cannot be read" in verdict.reasons[0]


def test_a_layer_that_is_named_twice_is_fetched_once() -> None:
    assert disk_verdict((WEIGHTS, WEIGHTS), frozenset(), 7 * GIB).to_fetch_bytes == 5 * GIB


@pytest.mark.parametrize(("layers", "free"), [(None, 5 * GIB), (LAYERS, None), (None, None)])
def test_what_is_not_known_is_unknown_with_a_reason(layers: tuple[ManifestLayer, ...] | None, free: int | None) -> None:
    verdict = disk_verdict(layers, frozenset(), free)

    assert verdict.fits is None
    assert "not known" in verdict.reasons[-1] or "cannot be told" in verdict.reasons[-1]


def test_a_lack_of_a_few_bytes_is_not_shown_as_none() -> None:
    verdict = disk_verdict(LAYERS, frozenset(), 6 * GIB)

    assert verdict.reasons[-1].endswith("11,338 bytes too few.")


@given(
    sizes=st.lists(st.integers(0, 2**45), max_size=8),
    there=st.sets(st.integers(0, 7)),
    free=st.integers(0, 2**46),
)
def test_it_fits_exactly_when_what_is_missing_is_nothing(sizes: list[int], there: set[int], free: int) -> None:
    layers = [ManifestLayer(f"sha256:{number}", size, "") for number, size in enumerate(sizes)]

    verdict = disk_verdict(layers, {f"sha256:{number}" for number in there}, free)

    to_fetch = sum(size for number, size in enumerate(sizes) if number not in there)
    assert verdict.to_fetch_bytes == to_fetch
    assert verdict.fits is (to_fetch == 0 or to_fetch + GIB <= free)
    assert verdict.missing_bytes == (0 if verdict.fits else to_fetch + GIB - free)
