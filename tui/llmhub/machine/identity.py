"""Which machine this is: a stable id that tells nobody who, its chip, its memory."""

from __future__ import annotations

import hashlib
import platform
import sys
from pathlib import Path

from llmhub.core.identity import new_id
from llmhub.core.machines import Machine
from llmhub.machine import apple, inventory, processor


def this_machine(remembered: str | None = None, *, root: Path = Path("/")) -> Machine:
    """The machine llmhub runs on. Reads files and asks drivers: not on the event loop.

    Args:
        remembered: The id used the last time, for a system that has none of its own.
        root: Where the system's files are.
    """
    import psutil

    raw = _system_id(root)
    identity = _hashed(raw) if raw else remembered or f"m-{new_id().lower()}"
    return Machine(
        id=identity,
        name=platform.node().partition(".")[0] or "this machine",
        chip=processor.chip_name(root),
        memory_bytes=int(psutil.virtual_memory().total),
        os=_system(),
        gpus=inventory.card_names(),
    )


def _hashed(raw: str) -> str:
    """An id of ours from the system's, which is not to leave the machine (systemd's machine-id(5) asks for that)."""
    return "m-" + hashlib.sha256(f"llmhub machine {raw}".encode()).hexdigest()[:24]


def _system_id(root: Path) -> str | None:
    if sys.platform == "darwin":
        return apple.host_uuid()
    if sys.platform == "win32":
        import winreg

        try:
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r"SOFTWARE\Microsoft\Cryptography") as key:
                return str(winreg.QueryValueEx(key, "MachineGuid")[0])
        except OSError:
            return None
    for name in ("etc/machine-id", "var/lib/dbus/machine-id"):
        try:
            text = (root / name).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError):
            continue
        if len(text) == 32 and text.isalnum():
            return text
    return None


def _system() -> str:
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    if sys.platform == "win32":
        return f"Windows {platform.release()} {platform.version()}"
    try:
        name = platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        name = None
    return f"{platform.system()} {platform.release()}" + (f" ({name})" if name else "")
