"""llama.cpp's own HTTP server, as a program: `llama_cpp.py` runs this file, nothing imports it.

It has a process to itself because xllamacpp holds Python's lock while it loads a model and while it ends, and because
an assertion that fails inside llama.cpp ends the process. It reads what to serve from its standard input (one line of
JSON), writes where it listens to its standard output (the same), and ends when its standard input does: that happens
however the program that started it ends.
"""

import json
import os
import sys

import xllamacpp


def main() -> None:
    """Serve one model until standard input ends."""
    settings = json.loads(sys.stdin.readline())
    in_flight = _in_flight()
    # One to spare: each slot has a prefix cache of its own, so that what answers keeps its prompt while it also judges.
    slots = in_flight + 1
    params = xllamacpp.CommonParams()
    params.model.path = settings["file"]
    params.n_parallel = slots
    params.n_ctx = settings["window"] * slots  # of each slot; llama.cpp takes less where the model was trained on less
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [settings["key"]]
    params.cors_origins = ""  # the default lets any web page ask
    params.ui = False
    params.endpoint_slots = False  # would show the prompts
    params.use_jinja = True
    params.enable_reasoning = 0  # a reply is cut after a few tokens, which thoughts would use up
    # A prompt that shares less with any slot's goes to the one that was used least lately. The default is a tenth,
    # which two prompts share by their template alone: the one would then displace the other.
    params.slot_prompt_similarity = 0.5
    # Without it every change between two kinds of prompt (to judge, to rewrite) reads the whole prompt again, whatever
    # the slots hold. Old prompts of a few hundred tokens take some 15 MB each; the default is 8 GiB.
    params.cache_ram_mib = 512
    params.warmup = False
    params.verbosity = 1  # errors only
    server = xllamacpp.Server(params)
    print(json.dumps({"address": server.listening_address, "in_flight": in_flight}), flush=True)  # noqa: T201 - see above
    sys.stdin.read()
    os._exit(0)  # its own way of ending waits for the answers under way


def _in_flight() -> int:
    """Return how many requests are answered at once.

    A judge's call is nearly all prompt, which takes every core that there is, and every further request is answered in
    another slot, whose prefix cache has to be filled with each rubric. So a second one pays on a GPU, or with cores to
    spare.
    """
    kinds = xllamacpp.ggml_backend_dev_type
    if any(device["type"] != kinds.GGML_BACKEND_DEVICE_TYPE_CPU for device in xllamacpp.get_device_info()):
        return 4  # llama.cpp puts as many layers on the GPU as fit
    return max(1, min(4, (os.cpu_count() or 1) // 4))


if __name__ == "__main__":
    main()
