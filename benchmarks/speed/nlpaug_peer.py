"""Script: measure nlpaug's contextual augmenter. Another interpreter runs it, which need not have Counterpoise.

Reads ``{"texts": […], "model": FOLDER, "threads": N}`` from standard input and prints one line of JSON.
"""

import json
import sys
import time
from pathlib import Path


def main() -> None:
    """Make one row of each text, and print how long it took."""
    request = json.load(sys.stdin)
    start = time.perf_counter()
    import nlpaug.augmenter.word as naw
    import torch

    sys.path.append(str(Path(__file__).parents[1]))
    from peak_memory import peak_mb

    torch.set_num_threads(request["threads"])
    augmenter = naw.ContextualWordEmbsAug(
        model_path=request["model"],
        model_type="bert",
        action="substitute",
        aug_p=0.15,
        top_k=50,
        batch_size=32,
        device="cpu",
    )
    augmenter.augment(request["texts"][:32])
    ready = time.perf_counter()
    made = augmenter.augment(request["texts"])
    seconds = time.perf_counter() - ready
    print(json.dumps({"rows": len(made), "seconds": seconds, "before": ready - start, "peak_mb": peak_mb()}))  # noqa: T201


if __name__ == "__main__":
    main()
