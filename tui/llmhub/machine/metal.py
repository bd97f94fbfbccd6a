"""What Metal lets models have on this Mac, asked through the Objective-C runtime without a library of its own."""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Callable
from typing import Any

_log = logging.getLogger(__name__)

_CORE_GRAPHICS = "/System/Library/Frameworks/CoreGraphics.framework/CoreGraphics"
_METAL = "/System/Library/Frameworks/Metal.framework/Metal"
_OBJC = "/usr/lib/libobjc.A.dylib"
_SELECTOR = b"recommendedMaxWorkingSetSize"

Load = Callable[[str], Any]
"""Opens a library by its path; raises `OSError`."""


def working_set_bytes(load: Load = ctypes.CDLL) -> int | None:
    """`recommendedMaxWorkingSetSize` of the default device; `None` where it cannot be asked.

    It depends on the memory installed and on the version of macOS, and follows `iogpu.wired_limit_mb`
    (memory-sizing.md, a1). Not run on a Mac by this project's tests: they stand in for the three libraries.
    """
    try:
        load(_CORE_GRAPHICS)  # without it a program outside a window session may get no default device
        metal, objc = load(_METAL), load(_OBJC)
        create = metal.MTLCreateSystemDefaultDevice
        create.restype, create.argtypes = ctypes.c_void_p, []
        device = create()
        if not device:
            return None
        register, class_of, responds = objc.sel_registerName, objc.object_getClass, objc.class_respondsToSelector
        register.restype, register.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
        class_of.restype, class_of.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
        responds.restype, responds.argtypes = ctypes.c_bool, [ctypes.c_void_p, ctypes.c_void_p]
        selector = register(_SELECTOR)
        # a message that an object does not know ends the process
        if not selector or not responds(class_of(device), selector):
            return None
        # the calling convention is that of the method: no variadic call, and 64 bits come back
        send = objc.objc_msgSend
        send.restype, send.argtypes = ctypes.c_uint64, [ctypes.c_void_p, ctypes.c_void_p]
        found = int(send(device, selector))
    except (OSError, AttributeError, TypeError, ValueError, ctypes.ArgumentError) as error:
        _log.debug("Metal cannot be asked: %s", error)
        return None
    return found if found > 0 else None
