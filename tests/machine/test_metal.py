"""Asking Metal: the calls, and every step that can fail. No Mac is needed, and none was there."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace
from typing import Any

import pytest

from llmhub.machine.metal import working_set_bytes

DEVICE, CLASS, SELECTOR = 0x7F00_0000_1000, 0x7F00_0000_2000, 0x7F00_0000_3000
LIMIT = 55_662_788_608


class Call:
    """A function of a library: remembers how it was declared, checks what it is given."""

    def __init__(self, *expected: Any, gives: Any) -> None:
        self.expected, self.gives = expected, gives
        self.restype: Any = ctypes.c_int
        self.argtypes: Any = None

    def __call__(self, *given: Any) -> Any:
        assert given == self.expected
        assert len(self.argtypes) == len(given)
        return self.gives


def mac(**changes: Call) -> dict[str, SimpleNamespace]:
    """The three libraries by the end of their paths."""
    calls = {
        "MTLCreateSystemDefaultDevice": Call(gives=DEVICE),
        "sel_registerName": Call(b"recommendedMaxWorkingSetSize", gives=SELECTOR),
        "object_getClass": Call(DEVICE, gives=CLASS),
        "class_respondsToSelector": Call(CLASS, SELECTOR, gives=True),
        "objc_msgSend": Call(DEVICE, SELECTOR, gives=LIMIT),
    } | changes
    everything = SimpleNamespace(**calls)
    return {"CoreGraphics": SimpleNamespace(), "Metal": everything, "libobjc.A.dylib": everything}


def opened(libraries: dict[str, SimpleNamespace], log: list[str] | None = None) -> Any:
    def load(path: str) -> SimpleNamespace:
        name = path.rpartition("/")[2]
        if log is not None:
            log.append(name)
        if name not in libraries:
            raise OSError(f"{path}: no such file")
        return libraries[name]

    return load


def test_metal_is_asked_for_its_default_device_and_the_device_for_its_limit() -> None:
    libraries, order = mac(), list[str]()

    assert working_set_bytes(opened(libraries, order)) == LIMIT
    assert order == ["CoreGraphics", "Metal", "libobjc.A.dylib"]


def test_pointers_and_the_answer_keep_their_64_bits() -> None:
    libraries = mac()
    calls = libraries["Metal"]

    working_set_bytes(opened(libraries))

    assert calls.MTLCreateSystemDefaultDevice.restype is ctypes.c_void_p
    assert calls.sel_registerName.restype is ctypes.c_void_p
    assert calls.objc_msgSend.restype is ctypes.c_uint64
    assert calls.objc_msgSend.argtypes == [ctypes.c_void_p, ctypes.c_void_p]


@pytest.mark.parametrize("missing", ["CoreGraphics", "Metal", "libobjc.A.dylib"])
def test_a_library_that_is_not_there_gives_no_figure(missing: str) -> None:
    libraries = mac()
    del libraries[missing]

    assert working_set_bytes(opened(libraries)) is None


@pytest.mark.parametrize(
    "missing",
    [
        "MTLCreateSystemDefaultDevice",
        "sel_registerName",
        "object_getClass",
        "class_respondsToSelector",
        "objc_msgSend",
    ],
)
def test_a_function_that_is_not_there_gives_no_figure(missing: str) -> None:
    libraries = mac()
    delattr(libraries["Metal"], missing)

    assert working_set_bytes(opened(libraries)) is None


@pytest.mark.parametrize("nothing", [None, 0])
def test_without_a_default_device_nothing_is_sent(nothing: int | None) -> None:
    never = Call("never", gives=None)

    assert working_set_bytes(opened(mac(MTLCreateSystemDefaultDevice=Call(gives=nothing), objc_msgSend=never))) is None


def test_a_device_that_does_not_know_the_message_is_not_sent_it() -> None:
    deaf = Call(CLASS, SELECTOR, gives=False)

    assert working_set_bytes(opened(mac(class_respondsToSelector=deaf, objc_msgSend=Call("never", gives=None)))) is None


@pytest.mark.parametrize("answer", [0, None, "many"])
def test_an_answer_that_is_no_size_is_no_figure(answer: Any) -> None:
    assert working_set_bytes(opened(mac(objc_msgSend=Call(DEVICE, SELECTOR, gives=answer)))) is None


def test_here_without_these_libraries_nothing_breaks() -> None:
    found = working_set_bytes()

    assert found is None or found > 0
