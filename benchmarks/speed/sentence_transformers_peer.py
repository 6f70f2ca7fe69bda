"""Script: measure sentence-transformers. Another interpreter runs it, which need not have Counterpoise.

Reads ``{"texts": […], "model": FOLDER, "batch_size": N, "max_length": N, "threads": N, "vectors": FILE or null}`` from
standard input and prints one line of JSON. The vectors are saved where a file is named.
"""

import json
import sys
import time
from pathlib import Path


def main() -> None:
    """Encode the texts, and print how long it took."""
    request = json.load(sys.stdin)
    start = time.perf_counter()
    import numpy as np
    import torch
    from sentence_transformers import SentenceTransformer

    sys.path.append(str(Path(__file__).parents[1]))
    from peak_memory import peak_mb

    torch.set_num_threads(request["threads"])
    # By default a checkpoint's own dtype is taken, and in float16 a CPU is many times slower.
    whole = SentenceTransformer(request["model"], device="cpu", model_kwargs={"dtype": torch.float32})
    model = SentenceTransformer(modules=list(whole)[:2], device="cpu")  # without what may follow the pooling
    model.max_seq_length = min(request["max_length"], model.max_seq_length or request["max_length"])
    options = {"batch_size": request["batch_size"], "show_progress_bar": False, "normalize_embeddings": False}
    model.encode(request["texts"][:64], **options)
    ready = time.perf_counter()
    made = model.encode(request["texts"], **options)
    seconds = time.perf_counter() - ready
    peak = peak_mb()
    if request["vectors"]:
        np.save(request["vectors"], made)
    print(json.dumps({"rows": len(made), "seconds": seconds, "before": ready - start, "peak_mb": peak}))  # noqa: T201


if __name__ == "__main__":
    main()
