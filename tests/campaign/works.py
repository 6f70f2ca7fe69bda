"""The command lines that are killed and hindered, with inputs that make them short."""

from __future__ import annotations

import contextlib
import csv
import hashlib
import json
import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from campaign.warm import SETUP, Warm
from language_models import rows as rows_asked_for
from small_trainings import RARE, TRAIN, VALIDATION
from stub_endpoint import completion, served
from tiny_models import ARCHITECTURES, POSITIONS, SENTENCES

LABELS = ("many", "few", "many", "rare")


@dataclass(frozen=True)
class Work:
    """A command that may be killed at any time and given again."""

    name: str
    line: str
    grows: tuple[str, ...] = ()
    """Files that lines are added to, one after the other. What such a line says is never lost."""
    whole: tuple[str, ...] = ()
    """Files that are there in full or not at all, or as they were."""
    before: tuple[str, ...] = ()
    """Command lines that make the inputs."""
    inputs: Callable[[Workshop, Path], None] | None = None
    """Makes more inputs, after `before`."""
    endpoint: bool = False
    workers: bool = False

    @property
    def words(self) -> list[str]:
        return self.line.split()


class Workshop:
    """A folder with inputs and tiny models, and a fresh place for each round."""

    def __init__(self, warm: Warm, base: Path) -> None:
        self.warm, self.base = warm, base
        shutil.rmtree(base, ignore_errors=True)
        base.mkdir(parents=True)
        self.bert = base / "bert"
        _save_bert(self.bert)
        self._templates: dict[str, Path] = {}
        self.asked = base / "asked"
        self._endpoint = contextlib.ExitStack()
        self.url = ""

    def close(self) -> None:
        """End the endpoint, and remove all."""
        self._endpoint.close()
        shutil.rmtree(self.base, ignore_errors=True)

    def words(self, line: str, between: str | None = None) -> list[str]:
        """Return the words of a command line, with the model in the place of BERT and the endpoint in that of URL."""
        return [word.replace("BERT", str(self.bert)).replace("URL", self.url) for word in line.split(between)]

    def fresh(self, work: Work) -> Path:
        """Return a new place with the inputs of a work."""
        if work.endpoint and not self.url:
            self.url = self._endpoint.enter_context(_endpoint(self.asked))
        place = self.base / "round" / "place"
        if work.name not in self._templates:
            shutil.rmtree(place.parent, ignore_errors=True)
            place.mkdir(parents=True)
            _write_inputs(place)
            for line in work.before:
                ended = self.warm(self.words(line), place, patience=SETUP)
                assert ended.code == 0, f"{line}: {ended.said()}"
            if work.inputs is not None:
                work.inputs(self, place)
            template = self.base / "templates" / work.name.replace(":", "-")
            shutil.copytree(place, template)
            self._templates[work.name] = template
        shutil.rmtree(place.parent, ignore_errors=True)
        place.parent.mkdir()
        shutil.copytree(self._templates[work.name], place)
        return place


def _save_bert(folder: Path) -> None:
    """Save the tiny BERT of the tests."""
    import torch

    tokenizer_of, model_of = ARCHITECTURES["bert"]
    tokenizer = tokenizer_of()
    tokenizer.model_max_length = POSITIONS
    torch.manual_seed(0)
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        model_of(len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def _write(path: Path, rows: list[tuple[str, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _write_inputs(place: Path) -> None:
    """Write the inputs that all works share."""
    few = [(text, LABELS[i % len(LABELS)]) for i, text in enumerate(SENTENCES)]
    _write(place / "in.csv", [("text", "label"), *few])
    (place / "pool.txt").write_text(
        "".join(f"{a[:-1]}, and {b[0].lower()}{b[1:]}\n" for a in SENTENCES for b in SENTENCES[:4])
    )
    for name, (texts, labels) in {"train": RARE, "dev": VALIDATION}.items():
        _write(place / f"{name}.csv", [("text", "label"), *zip(texts, labels, strict=True)])
    task = place / "task"
    task.mkdir()
    for name, start in (("train", 0), ("dev", 1), ("test", 2)):
        texts, labels = TRAIN
        rows = [(text.replace(" .", f" {name} ."), label) for text, label in zip(texts, labels, strict=True)]
        _write(task / f"{name}.csv", [("text", "label"), *rows[start :: 4 if name == "train" else 8]])
    suite = {
        "tasks": [{"name": "csv:task", "ratio": 0.4, "label": "neutral"}],
        "encoders": ["mini"],
        "arms": ["none", "random"],
        "seeds": 2,
        "evaluations": 2,
        "training": {"epochs": 1.0, "learning_rate": 3e-3, "dtype": "float32", "batch_size": 16, "train_sample": 20},
    }
    (place / "suite.yaml").write_text(yaml.safe_dump(suite))


def _replied(shop: Workshop, place: Path) -> None:
    """Answer the requests of `requests.jsonl`, as a batch would be."""
    lines = [json.loads(line) for line in (place / "requests.jsonl").read_text().splitlines()]
    with (place / "replies.jsonl").open("w") as file:
        for line in lines:
            body = json.loads(completion(rows_asked_for(line["body"]))[2])
            print(json.dumps({"custom_id": line["custom_id"], "response": {"body": body}}), file=file)


def decided(shop: Workshop, place: Path) -> None:
    """Decide on the new rows of `balanced.csv`."""
    from augment.review import open_review

    here = os.getcwd()
    os.chdir(place)
    try:
        with open_review(Path("balanced.csv")) as review:
            for number, row in enumerate(list(review.rows())[:30]):
                review.decide(row, *(("accept",), ("reject",), ("relabel", "many"))[number % 3])
    finally:
        os.chdir(here)


@contextlib.contextmanager
def _endpoint(asked: Path) -> Iterator[str]:
    """Serve an endpoint from a process of its own, which writes down what it has answered. Yield its address."""
    address = asked.with_name("address")
    child = os.fork()
    if child == 0:
        try:
            diary = asked.open("a")

            def reply(body: dict, number: int) -> tuple:
                print(
                    hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:16], file=diary, flush=True
                )
                time.sleep(0.004)
                return completion(rows_asked_for(body))

            with served(reply) as stub:
                address.with_suffix(".new").write_text(stub.url)
                address.with_suffix(".new").rename(address)
                while os.getppid() != 1:
                    time.sleep(0.5)
        finally:
            os._exit(0)
    try:
        while not address.exists():
            time.sleep(0.01)
        yield address.read_text()
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _upsample(name: str, output: str, options: str, **more: object) -> Work:
    """Return an upsampling that is always gone on with."""
    return Work(
        name,
        f"augment upsample in.csv -o {output} {options} --resume",
        grows=(f"{output}.journal", *more.pop("grows", ())),
        whole=(output, f"{output}.manifest.json"),
        **more,
    )


BALANCED = "augment upsample in.csv -o balanced.csv --strategy nlpaug:keyboard --guard none -q"
LLM = "--strategy llm --guard none --sampling-strategy rare=60,few=80"
WORKS = (
    _upsample("random", "out.csv", "--strategy random --sampling-strategy 12x"),
    _upsample("keyboard", "out.jsonl", "--strategy nlpaug:keyboard --sampling-strategy 8x"),
    _upsample("fillmask", "out.parquet", "--strategy fillmask --model BERT --sampling-strategy 5x --guard none"),
    _upsample("smote", "out.parquet", "--strategy smote --encoder BERT --param k_neighbors=3"),
    _upsample("retrieve", "out.csv", "--strategy retrieve --param pool=pool.txt --param encoder=BERT --guard none"),
    _upsample(
        "llm-replay",
        "out.csv",
        f"{LLM} --model tiny --param answers=replies.jsonl",
        grows=("out.csv.answers.jsonl",),
        before=(f"augment requests in.csv -o requests.jsonl {LLM} --model tiny",),
        inputs=_replied,
    ),
    _upsample(
        "llm-endpoint",
        "out.csv",
        f"{LLM} --model tiny --param base_url=URL --param concurrency=4",
        grows=("out.csv.answers.jsonl",),
        endpoint=True,
    ),
    _upsample("workers", "out.csv", "--strategy nlpaug:keyboard --sampling-strategy 8x --workers 2", workers=True),
    _upsample(
        "fillmask-workers",
        "out.csv",
        "--strategy fillmask --model BERT --sampling-strategy 4x --guard none --workers 2",
        workers=True,
    ),
    Work(
        "overwrite",
        "augment upsample in.csv -o balanced.csv --strategy nlpaug:keyboard --guard none --seed 1 --overwrite",
        whole=("balanced.csv", "balanced.csv.manifest.json"),
        before=(BALANCED,),
    ),
    Work("split", "augment split in.csv -o parts --overwrite", whole=("parts",)),
    Work("apply", "augment apply balanced.csv -o reviewed.csv --overwrite", before=(BALANCED,), inputs=decided),
    Work("train", "classifiers train train.csv --validation dev.csv -o model --encoder BERT --epochs 3 --resume -q"),
    Work(
        "pretrain",
        "classifiers pretrain pool.txt --model BERT -o pretrained --epochs 2 --batch-size 8 --max-length 24 --resume",
    ),
    Work(
        "benchmarks",
        "benchmarks run --suite suite.yaml --encoder BERT -o results --jobs 1 --device cpu -q",
        grows=("results/results.jsonl",),
        workers=True,
    ),
)
"""In the order of their names in the tally."""
