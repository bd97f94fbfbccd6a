"""What a file is that does not begin like GGUF."""

from __future__ import annotations

_PYTORCH = "a ZIP archive, as PyTorch writes its checkpoints"
_OLD_GGML = "a GGML file from before GGUF"
_SIGNATURES = (
    (b"PK\x03\x04", _PYTORCH),
    (b"PK\x05\x06", _PYTORCH),
    (b"\x80\x02", "a Python pickle, as PyTorch wrote its checkpoints"),
    (b"FUGG", "a GGUF file whose bytes are in the wrong order"),
    (b"lmgg", _OLD_GGML),
    (b"fmgg", _OLD_GGML),
    (b"tjgg", _OLD_GGML),
    (b"algg", _OLD_GGML),
    (b"version https://git-lfs", "a Git LFS pointer: the place where the file is kept, not the file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"\xfd7zXZ\x00", "an XZ archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes its models"),
    (b"TFL3", "a TensorFlow Lite model"),
    (b"%PDF", "a PDF document"),
)
_LOOK_BYTES = 512


def described(data: memoryview) -> str | None:
    """What `data`, a file's beginning, is instead of GGUF, with its article; `None` when it is not recognised."""
    start = bytes(data[:_LOOK_BYTES])
    for signature, words in _SIGNATURES:
        if start.startswith(signature):
            return words
    if len(start) >= 9 and start[8:9] == b"{" and 2 <= int.from_bytes(start[:8], "little") < 2**32:
        return "a safetensors file"
    if len(start) >= 6 and start[4:8].startswith(b"TFL3"):
        return "a TensorFlow Lite model"
    if len(start) >= 16 and not start.strip(b"\x00"):
        return "nothing but zeros, as a download leaves that has not begun"
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if text.startswith((b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<error")):
        return "a web page"
    if text.startswith((b'{"', b"{\n", b"[{")):
        return "JSON, as a server answers that refuses"
    return None
