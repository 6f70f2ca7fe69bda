"""Measure sentence-transformers; run by an interpreter of its own, which need not have Counterpoise.

Reads ``{"texts": […], "model": FOLDER, "batch_size": N, "max_length": N, "threads": N, "vectors": FILE or null}`` from
standard input and prints one line of JSON. The vectors are saved where a file is named.
"""

import json
import sys
import time


def main() -> None:
    """Encode the texts, and print how long it took."""
    asked = json.load(sys.stdin)
    start = time.perf_counter()
    import numpy as np
    import torch
    from peak_memory import peak_mb
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(asked["threads"])
    # By default a checkpoint's own dtype is taken, and in float16 a CPU is many times slower.
    whole = SentenceTransformer(asked["model"], device="cpu", model_kwargs={"dtype": torch.float32})
    model = SentenceTransformer(modules=list(whole)[:2], device="cpu")  # without what may follow the pooling
    model.max_seq_length = asked["max_length"]
    options = {"batch_size": asked["batch_size"], "show_progress_bar": False, "normalize_embeddings": False}
    model.encode(asked["texts"][:64], **options)
    ready = time.perf_counter()
    made = model.encode(asked["texts"], **options)
    seconds = time.perf_counter() - ready
    peak = peak_mb()
    if asked["vectors"]:
        np.save(asked["vectors"], made)
    print(json.dumps({"rows": len(made), "seconds": seconds, "before": ready - start, "peak_mb": peak}))  # noqa: T201


if __name__ == "__main__":
    main()
