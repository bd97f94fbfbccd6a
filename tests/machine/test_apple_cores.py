"""The cores of a Mac's GPU, from what the system's own program prints."""

from __future__ import annotations

import json

import pytest

from llmhub.machine.apple import gpu_cores


def test_the_cores_stand_with_the_built_in_display() -> None:
    told = {"SPDisplaysDataType": [{"sppci_model": "Apple M4 Max", "sppci_cores": "40"}, {"_name": "a display"}]}

    assert gpu_cores(lambda: json.dumps(told).encode()) == 40


@pytest.mark.parametrize(
    "told",
    [None, b"", b"no JSON", b"[]", b'{"SPDisplaysDataType": 3}', b'{"SPDisplaysDataType": [7]}',
     b'{"SPDisplaysDataType": [{"sppci_cores": "many"}]}', b'{"SPDisplaysDataType": [{"sppci_cores": "0"}]}'],
)  # fmt: skip
def test_what_does_not_tell_them_gives_no_figure(told: bytes | None) -> None:
    assert gpu_cores(lambda: told) is None
