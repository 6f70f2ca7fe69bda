"""What is fuzzed: files that commands read, each with command lines that read it, and the options of all commands."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import click
from campaign import damage
from campaign.file_operations import Happening, let
from campaign.works import BALANCED, Work, Workshop, decided
from hypothesis import strategies as st

UPSAMPLE = "augment upsample in.csv -o new.csv --strategy random --guard none"
LLM = "--strategy llm --guard none --sampling-strategy rare=12 --model tiny"
Strategy = Callable[[bytes], st.SearchStrategy[bytes]]


@dataclass(frozen=True)
class Target:
    """A file that is damaged, and command lines that read it; each of them accepts it as it is."""

    name: str
    file: str
    damage: Strategy
    lines: tuple[str, ...]

    @property
    def base(self) -> Work:
        """The place of its files."""
        return MODELS if any({"model", "results"} & set(line.split()) for line in self.lines) else TABLES


def _inputs(shop: Workshop, place: Path) -> None:
    """Make the bases of the targets that no command makes."""
    import pandas as pd
    from datasets import Dataset, DatasetDict
    from small_gans import fitted, normal, quick

    decided(shop, place)
    table = pd.read_csv(place / "in.csv").assign(note=range(40), weight=0.5)
    table.to_csv(place / "more.csv", index=False)
    table.to_csv(place / "more.tsv", index=False, sep="\t")
    table.to_json(place / "more.jsonl", orient="records", lines=True)
    table.to_json(place / "more.json", orient="records")
    table.to_parquet(place / "more.parquet")
    table.to_excel(place / "more.xlsx", index=False)
    Dataset.from_pandas(table).save_to_disk(place / "saved")
    DatasetDict({"train": Dataset.from_pandas(table), "test": Dataset.from_pandas(table[:9])}).save_to_disk(
        place / "splits"
    )
    fitted(quick("noise"), *normal()).save(place / "gan")
    answer = {"key": "a", "text": '{"rows": ["The bus came."]}', "finish": "stop", "prompt_tokens": 1}
    reply = {"custom_id": "b", "response": {"body": {"choices": [{"message": {"content": "hi"}}]}}, "error": None}
    failed = {"custom_id": "c", "response": None, "error": {"code": "x", "message": "no"}}
    (place / "answers.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in (answer, reply, failed)))
    (place / "arms.yaml").write_text(
        "mine:\n  summary: x\n  training: {augmentation: {mode: static, strategy: random, parameters: {}}}\n"
        "other:\n  rows: real\n"
    )
    config = json.loads((place / "balanced.csv.manifest.json").read_text())
    (place / "config.json").write_text(json.dumps(config))
    from augment.advice.measured import PACKAGED

    shutil.copy(PACKAGED, place / "map.json")
    shutil.copytree(shop.bert, place / "encoder")
    _leave_a_journal(shop, place)


def _leave_a_journal(shop: Workshop, place: Path) -> None:
    """Kill a run after some chunks; its output is `killed.csv`."""
    line = "augment upsample in.csv -o killed.csv --strategy random --guard none --sampling-strategy 8x"
    kill = let(Happening("kill after", 30), place)
    shop.warm(line.split(), place, before=kill)
    assert len((place / "killed.csv.journal").read_bytes().splitlines()) > 2


def read_gan() -> None:
    """Do what a program does with a saved GANSMOTE: open it, and make rows."""
    from augment.errors import CounterpoiseError
    from augment.vectors.gan.sampler import GANSMOTE

    try:
        GANSMOTE.load(sys.argv[1]).sample("rare", 5, random_state=0)
    except CounterpoiseError as error:
        print(f"Error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(2)


TABLES = Work("tables", "", before=(BALANCED, f"augment requests in.csv -o requests.jsonl {LLM}"), inputs=_inputs)
"""The place of targets that need no model."""
MODELS = Work(
    "models",
    "",
    before=(
        *TABLES.before,
        "classifiers train train.csv --validation dev.csv -o model --encoder BERT --epochs 1 -q",
        "benchmarks run --suite suite.yaml --encoder BERT -o results --jobs 1 --device cpu -q",
    ),
    inputs=_inputs,
    workers=True,
)
"""The place of the others: it has a trained classifier and results of a benchmark, too."""
_TABLE = (
    "augment inspect {0}",
    "augment upsample {0} -o new.csv --strategy random",
    "augment upsample {0} -o new.jsonl --strategy random --keep-columns all",
    "augment upsample {0} -o new.parquet --strategy random",
    "augment upsample {0} -o new.xlsx --strategy nlpaug:split --guard none",
    "augment upsample in.csv -o new.csv --strategy random --against {0}",
    "augment split {0} -o parts",
    "augment upsample {0} -o new.tsv --strategy random --guard none --csv-safe",
    "augment advise {0}",
    "augment review {0} --summary",
    "classifiers predict model {0} -o new.csv",
    "benchmarks run --suite suite.yaml --encoder BERT --task csv:{0} --dry-run",
)


def _table(name: str, file: str, how: Strategy) -> Target:
    return Target(name, file, how, tuple(line.format(file) for line in _TABLE))


TARGETS = (
    _table("csv", "more.csv", damage.damaged),
    _table("tsv", "more.tsv", damage.damaged),
    _table("jsonl", "more.jsonl", damage.json_lines),
    _table("json", "more.json", damage.json_files),
    _table("parquet", "more.parquet", damage.parquet_files),
    _table("xlsx", "more.xlsx", damage.xlsx_files),
    Target(
        "labelled",
        "dev.csv",
        damage.damaged,
        ("classifiers evaluate model dev.csv", "classifiers train dev.csv -o new --encoder BERT --max-steps 1 -q"),
    ),
    Target(
        "text",
        "pool.txt",
        damage.damaged,
        ("classifiers predict model pool.txt", "augment advise in.csv --pool pool.txt"),
    ),
    Target(
        "config",
        "config.json",
        damage.json_files,
        ("augment upsample --config config.json -o new.csv", "augment upsample --config config.json --dry-run"),
    ),
    Target(
        "manifest",
        "balanced.csv.manifest.json",
        damage.json_files,
        (
            "augment report balanced.csv -o new.html --model BERT",
            "augment review balanced.csv --summary",
            "augment apply balanced.csv -o new.csv",
            "augment card balanced.csv -o new.md",
            f"{BALANCED} --resume",
        ),
    ),
    Target(
        "output",
        "balanced.csv",
        damage.damaged,
        (
            "augment report balanced.csv -o new.html --model BERT",
            "augment review balanced.csv --summary",
            "augment apply balanced.csv -o new.csv --no-replace",
            "augment card balanced.csv -o new.md",
        ),
    ),
    Target(
        "journal",
        "killed.csv.journal",
        damage.journals,
        ("augment upsample in.csv -o killed.csv --strategy random --guard none --sampling-strategy 8x --resume",),
    ),
    Target(
        "decisions",
        "balanced.csv.decisions.jsonl",
        damage.json_lines,
        ("augment review balanced.csv --summary", "augment apply balanced.csv -o new.csv"),
    ),
    Target(
        "answers",
        "answers.jsonl",
        damage.json_lines,
        (f"augment requests in.csv -o new.jsonl {LLM} --param answers=answers.jsonl",),
    ),
    Target(
        "map",
        "map.json",
        damage.json_files,
        (
            "augment advise in.csv --map map.json",
            "augment advise in.csv --map map.json --json",
            "benchmarks advise in.csv --map map.json --dry-run",
        ),
    ),
    Target(
        "suite",
        "suite.yaml",
        damage.yaml_files,
        ("benchmarks run --suite suite.yaml --encoder BERT --dry-run", "benchmarks draw suite.yaml -o new.csv"),
    ),
    Target(
        "arms",
        "arms.yaml",
        damage.yaml_files,
        ("benchmarks run --suite suite.yaml --encoder BERT --arm-file arms.yaml --arms none,mine,other --dry-run",),
    ),
    Target(
        "results",
        "results/results.jsonl",
        damage.json_lines,
        (
            "benchmarks report results -o new",
            "benchmarks compare results results",
            "benchmarks map results -o new.json",
            "benchmarks run --suite suite.yaml --encoder BERT -o results --dry-run",
        ),
    ),
    *(
        Target(
            f"classifier:{file}",
            f"model/{file}",
            how,
            ("classifiers predict model dev.csv", "classifiers evaluate model dev.csv"),
        )
        for file, how in (
            ("config.json", damage.json_files),
            ("tokenizer.json", damage.json_files),
            ("tokenizer_config.json", damage.json_files),
            ("model.safetensors", damage.damaged),
        )
    ),
    *(
        Target(
            f"encoder:{file}",
            f"encoder/{file}",
            how,
            (
                "augment upsample in.csv -o new.parquet --strategy smote --encoder encoder --param k_neighbors=3",
                "augment upsample in.csv -o new.csv --strategy fillmask --model encoder",
            ),
        )
        for file, how in (
            ("config.json", damage.json_files),
            ("tokenizer.json", damage.json_files),
            ("model.safetensors", damage.damaged),
        )
    ),
    *(
        Target(
            f"saved:{file}",
            f"saved/{file}",
            how,
            ("augment inspect saved", "augment upsample saved -o new.csv --strategy random"),
        )
        for file, how in (
            ("dataset_info.json", damage.json_files),
            ("state.json", damage.json_files),
            ("data-00000-of-00001.arrow", damage.damaged),
        )
    ),
    Target(
        "splits",
        "splits/dataset_dict.json",
        damage.json_files,
        ("augment inspect splits", "augment upsample splits -o new --strategy random"),
    ),
    *(
        Target(f"gan:{file}", f"gan/{file}", how, ("gan gan",))
        for file, how in (("config.json", damage.json_files), ("model.safetensors", damage.damaged))
    ),
)

LINES = (
    UPSAMPLE,
    "augment upsample more.jsonl -o new.jsonl --strategy nlpaug:keyboard",
    "augment upsample in.csv -o new.parquet --strategy smote --encoder BERT --param k_neighbors=3",
    "augment upsample in.csv -o new.csv --strategy fillmask --model BERT",
    f"augment requests in.csv -o new.jsonl {LLM}",
    "augment inspect more.csv",
    "augment split in.csv -o parts",
    "augment advise in.csv",
    "augment report balanced.csv -o new.html --model BERT",
    "augment apply balanced.csv -o new.csv",
    "augment review balanced.csv --summary",
    "augment card balanced.csv -o new.md",
    "augment strategies random",
    "augment guards changed",
    "classifiers train train.csv -o new --encoder BERT --max-steps 1 -q",
    "classifiers evaluate model dev.csv",
    "classifiers predict model dev.csv",
    "benchmarks run --suite suite.yaml --encoder BERT --dry-run",
    "benchmarks draw suite.yaml -o new.csv",
    "benchmarks report results -o new",
    "benchmarks compare results results",
    "benchmarks map results -o new.json",
    "benchmarks advise in.csv --dry-run",
    "benchmarks list",
)
"""Command lines that options are added to. What takes minutes by design is not among them: `pretrain` and measures."""
NOT_TRIED = {
    "--help",
    "--yes",
    "--adapt",
    "--adapt-on",
    "--push-to-hub",
    "--workers",
    "--jobs",
    "--epochs",
    "--address",
}
NOT_TRIED |= {"--executor", "--max-steps", "--head-epochs", "--minutes", "--report-to", "--private", "--config"}
"""What starts many processes, asks others, or takes long because it is asked to."""
WORDS: dict[str, tuple[str, ...]] = {
    "--sampling-strategy": (
        "auto",
        "all",
        "2x",
        "1e400",
        "nan",
        "-1",
        "{}",
        "[",
        "few=",
        "=5",
        "few=1e5",
        "few=12,few=13",
        "+9",
        "few=99999999999999999999",
    ),
    "--strategy": ("random", "nlpaug:split", "one_of", "smote", "sequential", "adasyn", "zz", "llm", "retrieve"),
    "--augment": ("random", "smote", "none", "zz"),
    "--guard": (
        "none",
        "only:",
        "only:changed",
        "x",
        "length_ratio:low=1e400",
        "near_duplicate:threshold=inf",
        "polarity:neutral=zz",
        "changed:x=1",
        ":",
        "protected_span:protect_patterns=(a|aa)+$",
        "similarity:low=nan",
        "relabel:keep=x",
    ),
    "--param": (
        "x",
        "=",
        "a=",
        "protect=a",
        "aug_p=nan",
        "mask_ratio=1e-300",
        "top_k=99999999999999999999",
        "protect_patterns=(a|aa)+$",
        "protect_patterns=a{99999999999}",
        "protect_patterns=(?R)",
        "likeness=1e308",
        "k_neighbors=0",
        "strategies=[]",
        "per_class=0",
        "per_class=nan",
        "answers=in.csv",
        "pool=pool.txt",
    ),
    "--encoding": (
        "utf-8",
        "utf-16",
        "x",
        "",
        "idna",
        "rot13",
        "hex",
        "punycode",
        "unicode_escape",
        "utf-7",
        "undefined",
    ),
    "--output-encoding": ("utf-16", "latin-1", "idna", "rot13", "hex", "x", "utf-7"),
    "--device": ("cpu", "meta", "cuda:99", "x", "xpu", "cpu:5", "vulkan", ""),
    "--against": ("more.jsonl", "in.csv:column=note", "zz.csv", ":column=", "in.csv:split=x", "model", "/dev/null"),
    "--model": ("BERT", "mini", "zz", "", ".", "model", "saved"),
    "--encoder": ("BERT", "zz", "", ".", "model"),
    "--labels": ("few", "few,many", ",", "[", '"', "{}", "['few']"),
    "--columns": ("text,label", "a,b,c", ",", "text,text"),
    "--shares": ("0.5,0.5", "1", "nan,1", "0.7,0.2,0.2", "-1,2", "1e400,0", ""),
    "--task": ("csv:in.csv", "csv:", "sst3", "zz", "csv:task", "csv:model"),
    "--output": ("new.csv", "new.tsv", "new", "new.xlsx", ".", "/dev/null", "in.csv", "no/new.csv", "new.zz", "\n.csv"),
}
ANY = (
    "",
    "x",
    "0",
    "-1",
    "1e400",
    "nan",
    "9" * 25,
    "text",
    "label",
    "none",
    "all",
    ",",
    "=",
    "'",
    "[",
    "../x",
    "\udcff",
    "a\nb",
    "😀",
    "x" * 300,
)


def options_of(line: str) -> list[click.Parameter]:
    """Return the options of the command of a line that are tried."""
    program, name, *_ = line.split()
    group = importlib.import_module(f"{program}.cli.entry").main
    options = [one for one in group.commands[name].params if isinstance(one, click.Option)]
    return [one for one in options if not NOT_TRIED & set(one.opts)]


@st.composite
def option_lines(draw: st.DrawFn) -> str:
    """A command line with some options, as words divided by spaces, in which a space is written as ``\\x1f``."""
    line = draw(st.sampled_from(LINES))
    words = line.split()
    for option in draw(st.lists(st.sampled_from(options_of(line) or [None]), min_size=1, max_size=3)):
        if option is None:
            continue
        name = draw(st.sampled_from([*option.opts, *option.secondary_opts]))
        words.append(name)
        if not (option.is_flag or option.count):
            words.append(draw(_values(option)))
    if draw(st.integers(0, 9)) == 0:
        words[2:3] = [
            draw(st.sampled_from(("model", "task", "zz", "", "/dev/null", "in.csv", "saved", "-", ".", "gan")))
        ]
    return "\x1f".join(words)


def _values(option: click.Parameter) -> st.SearchStrategy[str]:
    known = next((WORDS[name] for name in option.opts if name in WORDS), ())
    if isinstance(option.type, click.Choice):
        known = (*map(str, option.type.choices), "zz")
    elif isinstance(option.type, (click.types.IntParamType, click.types.FloatParamType)):
        known = ("0", "1", "2", "-1", "9" * 25, "1.5", "nan", "1e400", "x", "")
    return st.sampled_from(known) | st.sampled_from(ANY) if known else st.sampled_from(ANY)
