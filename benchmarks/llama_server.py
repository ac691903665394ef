"""A real llama.cpp server for the benchmarks, in a process of its own: SmolLM2 with random eyes.

    python -m benchmarks.llama_server SLOTS

Prints its address, serves until its standard input is closed. Its projector is random, so that it
takes images and says nothing true of them; one thread, so that its clients have a core to work on.
"""

import sys
import tempfile
from pathlib import Path

from longtake.models.table import find_model, model_path
from tests.tiny_gguf import write_projector

SLOT_TOKENS = 1024
EMBEDDING = 576
"""SmolLM2-135M's own width, which the projector must have."""


def main() -> None:
    """Serve."""
    import xllamacpp

    slots = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        params = xllamacpp.CommonParams()
        params.model.path = str(model_path(find_model("smollm2-135m-instruct")))
        params.mmproj.path = str(
            write_projector(Path(folder) / "mmproj.gguf", "mlp", width=EMBEDDING)
        )
        params.n_parallel = slots
        params.n_ctx = slots * SLOT_TOKENS
        params.cpuparams.n_threads = 1
        params.cpuparams_batch.n_threads = 1
        params.n_threads_http = slots + 4
        params.verbosity = -1
        server = xllamacpp.Server(params)
        print(server.listening_address, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
