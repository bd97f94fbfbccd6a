"""Run in a process of its own: load one model with xllamacpp and let llama.cpp log what it allocates.

Standard input: one JSON object with `path` and the settings below. The engine logs to standard error; the last line on
standard output is a JSON object with the devices it found. A process of its own, because an engine that dislikes a
file may end its process, and because a loaded one is never wholly gone.
"""

from __future__ import annotations

import importlib
import json
import os
import sys

INFO = 4
"""The verbosity at which llama.cpp tells its buffers."""


def main() -> None:
    """Load as Ollama does on a CPU: the server, the file read in and not mapped, one output a batch."""
    asked = json.load(sys.stdin)
    engine = importlib.import_module("xllamacpp")
    flash, kinds = engine.llama_flash_attn_type, engine.ggml_type
    kv_type = getattr(kinds, f"GGML_TYPE_{asked['kv_type'].upper()}")
    params = engine.CommonParams()
    params.model.path = asked["path"]
    params.n_ctx = asked["context"] * asked["parallel"]
    params.n_parallel = asked["parallel"]
    params.n_batch = params.n_ubatch = asked["micro_batch"]
    params.cache_type_k = params.cache_type_v = kv_type
    params.flash_attn_type = (
        flash.LLAMA_FLASH_ATTN_TYPE_ENABLED if asked["flash_attention"] else flash.LLAMA_FLASH_ATTN_TYPE_DISABLED
    )
    params.load_mode = engine.llama_load_mode.LLAMA_LOAD_MODE_NONE
    params.no_extra_bufts = True  # no second copy of the weights, repacked for this processor
    params.n_gpu_layers = 0
    params.fit_params = False  # it would load everything twice, once to see
    params.warmup = False
    params.cache_ram_mib = 0
    params.verbosity = INFO
    _server = engine.Server(params)
    print(json.dumps({"devices": [device["name"] for device in engine.get_device_info()]}), flush=True)
    sys.stderr.flush()
    os._exit(0)  # while the server lives: ending it so soon after its start can wait for ever on its own loop


if __name__ == "__main__":
    main()
