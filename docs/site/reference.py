"""The pages of the reference that are made from the code: public names, commands, settings, strategies and guards."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import re
import types
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel
from pydantic_core import PydanticUndefined
from staging import ROOT, table_of_contents, write

from augment.cli import main as augment
from augment.cli.descriptions import meanings
from augment.parameters import expectation
from augment.registry import GUARDS, STRATEGIES, Registry
from augment.run import RunConfig
from benchmarks.cli import main as benchmarks
from benchmarks.grid import Arm, Suite, Task
from classifiers.cli import main as classifiers
from classifiers.config import AUGMENTATIONS, TrainConfig

PACKAGES = ("augment", "classifiers", "benchmarks")
COMMANDS = {"augment": augment, "classifiers": classifiers, "benchmarks": benchmarks}
SETTINGS = {
    "classifiers.TrainConfig": (
        "A training",
        TrainConfig,
        "the settings of a training, in Python and on the command line",
    ),
    **{
        f"augmentation: {name}": (f"New rows of a training: `mode: {name}`", cls, "how new rows come into a training")
        for name, cls in sorted(AUGMENTATIONS.items())
    },
    "run": ("A run of `augment upsample`", RunConfig, "what `--config` reads: a manifest, or a file written by hand"),
    "suite": ("A suite of a benchmark", Suite, "a file for `benchmarks run --suite`"),
    "task": ("A task of a suite", Task, "an entry of `tasks` in a suite"),
    "arm": ("An arm of a suite", Arm, "an entry of `arms` in a suite"),
}
GENERATED = "generated"


def write_reference(folder: Path) -> None:
    """Write all pages of the reference into the folder `generated` of the site's pages."""
    pages = {
        "api": "\n".join(["# Python", "", *api_index()]),
        "commands": commands_index(),
        "settings": settings(),
        "strategies": listed(STRATEGIES, "Strategies", "augment.text"),
        "guards": listed(GUARDS, "Guards", "augment.guards"),
        **{f"commands/{name}": command_page(name, group) for name, group in COMMANDS.items()},
    }
    for face, names in faces().items():
        pages[f"api/{face}"] = face_page(face, names)
        for name, home in names.items():
            if home == face:
                pages[f"api/{face}.{name}"] = name_page(face, name)
    for name, text in pages.items():
        write(folder / GENERATED / f"{name}.md", text)
    stale = {*(folder / GENERATED).rglob("*.md")} - {folder / GENERATED / f"{name}.md" for name in pages}
    for path in stale:
        path.unlink()


# Public names


@functools.cache
def faces() -> dict[str, dict[str, str]]:
    """Return, for each package and folder with a list of public names, its names and where each is documented.

    A name that several of them hand on is documented with the shortest of them.
    """
    stubs = [
        path for package in PACKAGES for path in (ROOT / package).rglob("__init__.pyi") if path.parent.name != "cli"
    ]
    found = {face: [*handed_on(face)] for face in (".".join(path.parent.relative_to(ROOT).parts) for path in stubs)}
    homes: dict[tuple[str, str], str] = {}
    for face in sorted(found, key=lambda face: (face.count("."), face)):
        for name in found[face]:
            homes.setdefault((origin(face, name), name), face)
    return {
        face: {name: homes[origin(face, name), name] for name in sorted(found[face], key=str.lower) if name[0] != "_"}
        for face in sorted(found)
    }


def handed_on(face: str) -> dict[str, str]:
    """Return the names in the list of a package or folder, each with the module within it that defines it."""
    tree = ast.parse(ROOT.joinpath(*face.split("."), "__init__.pyi").read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def origin(face: str, name: str) -> str:
    """Return the module that defines a public name; for what has none, such as a constant, the one that hands it on."""
    return str(getattr(getattr(importlib.import_module(face), name), "__module__", face))


def api_index() -> Iterator[str]:
    """Yield the page of all packages."""
    yield "Every public name, with its parameters and its source. Import a name from the place that its page names.\n"
    for face in faces():
        yield f"- [`{face}`](api/{face}.md): {first_sentence(importlib.import_module(face))}"
    yield ""
    yield table_of_contents(dict.fromkeys(f"api/{face}" for face in faces()))


def face_page(face: str, names: dict[str, str]) -> str:
    """Return the page of a package or folder: what it is, and its names."""
    module = importlib.import_module(face)
    lines = [f"# `{face}`", "", (inspect.getdoc(module) or "").replace("``", "`"), "", "| name | |", "|---|---|"]
    for name, home in names.items():
        text = first_sentence(getattr(module, name)).replace("|", "\\|")
        lines.append(f"| [`{name}`]({home}.{name}.md) | {text} |")
    own = {f"{face}.{name}": name for name, home in names.items() if home == face}
    return "\n".join([*lines, "", table_of_contents(own) if own else ""])


def name_page(face: str, name: str) -> str:
    """Return the page of one public name."""
    value = getattr(importlib.import_module(face), name)
    options: list[str] = []
    kind = "autodata"
    target = f"{face}.{name}"
    if inspect.isclass(value):
        others = {base.__name__ for base in value.__mro__ if base.__module__.split(".")[0] not in PACKAGES}
        kind = "autoclass"
        options = [":members:", f":inherited-members: {', '.join(sorted(others))}"]
        hidden = [name for name in dir(value) if re.fullmatch(r"model_config|model_post_init|set_\w+_request", name)]
        options += [f":exclude-members: {', '.join(hidden)}"] if hidden else []
    elif callable(value) and not isinstance(value, types.GenericAlias) and hasattr(value, "__name__"):
        kind = "autofunction"
    else:
        target = f"{face}.{handed_on(face)[name]}.{name}"  # where its docstring stands
    lines = [f".. {kind}:: {target}", *(f"   {option}" for option in options)]
    return "\n".join([f"# `{name}`", "", "```{eval-rst}", *lines, "```", ""])


def first_sentence(value: Any) -> str:
    """Return the first line of a docstring; empty where there is none of its own."""
    text = inspect.getdoc(value) if inspect.ismodule(value) or callable(value) else ""
    if text and getattr(value, "__module__", "augment").split(".")[0] in PACKAGES:
        return " ".join(text.partition("\n\n")[0].split()).replace("``", "`")
    return ""


# Commands


def commands_index() -> str:
    """Return the page of all commands."""
    lines = ["# Commands", "", "What `--help` prints, on a page for each command.", ""]
    for name, group in COMMANDS.items():
        lines += [f"- [`{name}`](commands/{name}.md): {group.get_short_help_str()}"]
    return "\n".join([*lines, "", table_of_contents({f"commands/{name}": name for name in COMMANDS})])


def command_page(name: str, group: click.Group) -> str:
    """Return the page of a program: its subcommands, each with its options in sections, and examples."""
    context = group.make_context(name, [], resilient_parsing=True)
    lines = [f"# `{name}`", "", *help_of(group, context)]
    for part in group.list_commands(context):
        command = group.get_command(context, part)
        assert command is not None
        own = command.context_class(command, info_name=part, parent=context)
        lines += [f"## `{name} {part}`", "", *help_of(command, own)]
    return "\n".join(lines)


def help_of(command: click.Command, context: click.Context) -> Iterator[str]:
    """Yield what the help of a command says."""
    pieces = " ".join(command.collect_usage_pieces(context))
    yield from ("```text", f"{context.command_path} {pieces}", "```", "", prose(command.help or ""), "")
    title = "Options"
    sections: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is not None and isinstance(parameter, click.Option):
            title = getattr(parameter, "section", None) or title
            sections.setdefault(title, []).append((record[0], prose(record[1])))
    for section, records in sections.items():
        if [term for term, _ in records] != ["-h, --help"]:
            yield from (f"**{section}**", "")
            yield from definitions(records)
    if examples := getattr(command, "examples", {}):
        yield from ("**Examples**", "")
        for purpose, line in examples.items():
            yield from (prose(purpose), "", "```sh", line, "```", "")


def definitions(rows: Sequence[tuple[str, str]]) -> Iterator[str]:
    """Yield a list of terms, each with its text."""
    for term, text in rows:
        yield from (f"`{term}`", f": {text or '—'}", "")


def prose(text: str) -> str:
    """Return a text of the command line as Markdown: words in capitals and marks stay as they are."""
    parts = re.split(r"(`[^`]+`)", " ".join(text.replace("``", "`").split()))
    return "".join(part if part.startswith("`") else re.sub(r"([*_<|\[\]#$])", r"\\\1", part) for part in parts)


# Settings, strategies and guards


def settings() -> str:
    """Return the page of all settings that are checked by a model."""
    lines = ["# Settings", "", "Keys of files and fields of configurations, as they are checked.", ""]
    for title, model, purpose in SETTINGS.values():
        lines += [f"## {title}", "", f"{purpose[:1].upper()}{purpose[1:]}.", ""]
        rows = []
        for name, field in model.model_fields.items():
            default = field.get_default(call_default_factory=True)
            shown = "required" if default is PydanticUndefined else f"default `{plain(default)}`"
            kind = kind_of(field.annotation, field.metadata)
            rows.append((name, f"{prose(field.description or '')} ({kind}; {shown})".strip()))
        lines += definitions(rows)
    return "\n".join(lines)


def plain(value: Any) -> str:
    """Write a default as it would stand in a file."""
    if isinstance(value, BaseModel):
        return "{}"
    return {"None": "none", "True": "true", "False": "false"}.get(str(value), str(value)) or '""'


def kind_of(annotation: Any, metadata: Sequence[Any]) -> str:
    """Return in words of code what a value may be, with its bounds."""
    name = (
        annotation.__name__
        if inspect.isclass(annotation) and not getattr(annotation, "__args__", ())
        else str(annotation)
    )
    name = re.sub(r"\b(?:typing|collections\.abc|pathlib|[a-z_]+(?:\.[a-z_]+)+)\.", "", name)
    name = re.sub(r"Annotated\[(\w+),[^]]*\]", r"\1", name).replace("_Part", "mapping").replace("_HeldOut", "mapping")
    signs = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
    bounds = [f"{sign} {getattr(one, key)}" for one in metadata for key, sign in signs.items() if hasattr(one, key)]
    return f"`{name}`{' ' + ', '.join(bounds) if bounds else ''}"


def listed(registry: Registry, title: str, wing: str) -> str:
    """Return the page of all strategies or guards with their parameters."""
    homes = {name: home for names in faces().values() for name, home in names.items()}
    lines = [f"# {title}", "", f"Each is a class of {wing}, and goes by its name on the command line.", ""]
    for name in registry.own:
        cls = registry.find(name)
        known = homes.get(cls.__name__)
        python = f" In Python: [`{known}.{cls.__name__}`](api/{known}.{cls.__name__}.md)." if known else ""
        lines += [f"## `{name}`", "", f"{prose(cls.summary[:1].upper() + cls.summary[1:])}.{python}", ""]
        texts = meanings(cls)
        rows = []
        for parameter in registry.parameters(cls).values():
            default = "" if parameter.default is parameter.empty else f" Default: `{parameter.default!r}`."
            expected = expectation(cls, parameter.name)
            allowed = f" Allowed: {expected}." if expected else ""
            rows.append((parameter.name, prose(f"{texts.get(parameter.name, '')}{allowed}{default}")))
        lines += definitions(rows) if rows else ["It has no parameters.", ""]
    return "\n".join(lines)
