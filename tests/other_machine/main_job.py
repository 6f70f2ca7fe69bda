"""The main job, for a machine that is not ours: `python main_job.py FOLDER`, with the tiny model in FOLDER/bert.

`tests/test_any_machine.py` runs it and reads the JSON that it prints last. It checks nothing itself.
"""

from __future__ import annotations

import csv
import importlib
import io
import json
import locale
import mmap
import os
import pkgutil
import signal
import sys
from pathlib import Path

SENTENCES = ("The café opens at {} and the naïve waiter smiles.", "We sat by the door {} and read “Ünder”.")
ROWS = 24


def main(folder: Path) -> None:
    """Run everything in a folder, and print what came of it."""
    bert = str(folder / "bert")
    found = {"lacks": lacks(), "encoding": locale.getpreferredencoding(False), "output": sys.stdout.encoding}
    found["modules"] = imported()
    source = table(folder / "reviews.csv")

    from augment import FillMask, Smote, TextEncoder, upsample, upsample_file
    from augment.errors import Interrupted
    from augment.generation.loop import CHUNK

    many = {"sampling_strategy": {"zurück": 60}, "seed": 1}
    filling = FillMask(model=bert, device="cpu", dtype="float32", top_k=20)
    upsample_file(source, folder / "filled.csv", strategy=filling, **many)
    for workers, name in ((1, "one.csv"), (2, "two.csv")):
        upsample_file(source, folder / name, strategy="nlpaug:keyboard", workers=workers, **many)

    copies = {"strategy": "random", "sampling_strategy": {"zurück": 3000}, "seed": 0}
    calls = []

    def stop(done, total, what):
        calls.append(done)
        if sum(calls) > CHUNK:  # the first chunk is in the journal
            raise KeyboardInterrupt

    upsample_file(source, folder / "whole.csv", **copies)
    try:
        upsample_file(source, folder / "resumed.csv", **copies, progress=stop)
    except Interrupted:
        found["left"] = (folder / "resumed.csv.journal").exists()
    upsample_file(source, folder / "resumed.csv", **copies, resume=True)
    found["left over"] = (folder / "resumed.csv.journal").exists()

    texts, labels = zip(*rows(), strict=True)
    (_, more), _ = upsample((list(texts), list(labels)), strategy="random", seed=0)
    found["in memory"] = {label: more.count(label) for label in sorted(set(more))}
    encoder = TextEncoder(model=bert, normalize=True, device="cpu")
    manifest = upsample_file(source, folder / "vectors.parquet", strategy=Smote(k_neighbors=2), encoder=encoder)
    found["vectors"] = dict(manifest.counts_after)
    found["read"] = many_rows(folder)
    found["trained"] = trained(source, folder / "model", bert)
    found["shown"] = command("augment.cli", "inspect", str(source))
    found["peak"] = peak()
    sys.stdout.write("\n" + json.dumps(found) + "\n")


def lacks() -> list[str]:
    """Return what code of ours does not find here: what a machine without POSIX lacks."""
    probe = {"__name__": "augment.probe", "os": os, "signal": signal, "mmap": mmap}
    tries = ("import fcntl", "import resource", "os.fork", "os.sched_getaffinity", "os.getuid", "signal.SIGKILL")
    found = []
    for code in (*tries, "signal.pthread_sigmask", "mmap.MADV_DONTNEED", "from os import sched_setaffinity"):
        try:
            exec(code, probe)
        except (ImportError, AttributeError):
            found.append(code)
    return found


def imported() -> int:
    """Import every module of the three packages, and count them."""
    count = 0
    for name in ("augment", "classifiers", "benchmarks"):
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            importlib.import_module(module.name)
            count += 1
    return count


def rows() -> list[tuple[str, str]]:
    """Return sentences with letters outside ASCII, in labels as well."""
    return [
        (SENTENCES[i % 2].format(number), "zurück" if i % 4 == 0 else "voran")
        for i, number in enumerate(f"{['ten', 'eleven', 'twelve', 'noon'][i % 4]} {i}" for i in range(ROWS))
    ]


def table(path: Path) -> Path:
    """Write the sentences with the line ends of Windows."""
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\r\n").writerows([("text", "label"), *rows()])
    return path


def many_rows(folder: Path) -> int:
    """Read a file that is longer than what is held in memory, from a temporary file."""
    from augment.data.corpus import read

    lines = "".join(f"Row {i} of many.,{'ab'[i % 2]}\r\n" for i in range(25_000))
    (folder / "many.csv").write_text(f"text,label\r\n{lines}", encoding="utf-8", newline="")
    return len(read(str(folder / "many.csv")).texts)


def trained(source: Path, folder: Path, encoder: str) -> bool:
    """Train a few steps by the command."""
    options = ("--encoder", encoder, "--epochs", "1", "--batch-size", "12", "--device", "cpu", "--dtype", "float32")
    command("classifiers.cli", "train", str(source), "-o", str(folder), "-q", *options)
    return (folder / "model.safetensors").is_file()


def command(module: str, *arguments: str) -> str:
    """Run a command of ours in this process and return what it prints, as the bytes of this locale read in Latin-1."""
    entry = importlib.import_module(module).main
    before = sys.stdout
    sys.stdout = io.TextIOWrapper(io.BytesIO(), encoding=before.encoding)
    try:
        entry([*arguments])
    except SystemExit as end:
        if end.code:
            raise
    finally:
        sys.stdout.flush()
        shown = sys.stdout.buffer.getvalue().decode("latin-1")
        sys.stdout = before
    return shown


def peak() -> float:
    """Return the peak of memory as the benchmarks have it."""
    from benchmarks.peak_memory import forget_peak, peak_mb

    forget_peak()
    return peak_mb()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
