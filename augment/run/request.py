"""The request for a run, from options and from the manifest of an earlier run or a file of the same form."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar

from augment.data import corpus
from augment.data.corpus import Corpus
from augment.data.formats.encodings import checked_encoding
from augment.data.layout import Layout, check_layout
from augment.data.named_files import NamedFile
from augment.data.notes import other_splits
from augment.data.reading import load_split
from augment.errors import InputError, did_you_mean
from augment.generation import budget
from augment.generation.singletons import Singletons
from augment.guards.base import Guard
from augment.guards.selection import NONE, choice, left_out, mark_default
from augment.identity import difference, digest, installed_versions
from augment.registry import GUARDS, STRATEGIES
from augment.run.config import EncoderSection, HeldOutSection, InputSection, PartSection, RunConfig, read
from augment.run.job import HeldOutTexts, RunSettings, check_strategy, run_settings
from augment.run.other_columns import KeepColumns
from augment.text.base import TextStrategy

if TYPE_CHECKING:
    from augment.models.encoder import TextEncoder
    from augment.vectors.base import VectorSampler

_Read = TypeVar("_Read")

STRATEGY = "fillmask"
"""The default strategy."""
MODEL_OPTIONS = ("model", "revision", "device", "dtype", "batch_size")
"""Options for the model of a text strategy."""
ADAPT_OPTIONS = ("adapt", "adapt_on")
"""Options for what the model of a text strategy learns first."""
TEXT_OPTIONS = (*MODEL_OPTIONS, *ADAPT_OPTIONS, "language")
"""Options that are parameters of a text strategy."""
ENCODER_OPTIONS = ("encoder", "pooling", "normalize", "decode")
"""Options for vector strategies only."""
_MERGED = ("decode", "max_per_source", "keep_columns", "singletons")  # an option, or else the file


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """The request for a run, and the identities that must match if it repeats another run. Made by `settle`."""

    source: str
    layout: Layout
    strategy: TextStrategy | VectorSampler
    encoder: TextEncoder | None
    """The encoder of a vector strategy; None for texts."""
    decode: Literal["nearest"] | None
    sampling_strategy: budget.SamplingStrategy
    seed: int
    against: tuple[NamedFile, ...]
    guards: Sequence[str | Guard] | None
    max_per_source: int | None
    only_synthetic: bool
    keep_columns: KeepColumns | None
    singletons: Singletons | None
    output_encoding: str | None
    """The encoding of a text file that the configuration file names."""
    path: Path | None
    """The configuration file, or None."""
    named: Container[str]
    """Input and held-out files that are named by the configuration file and not by an option."""
    fingerprint: str | None
    """The fingerprint that the input must have."""
    digests: tuple[str | None, ...]
    """The hashes that the held-out files must have."""
    identity: Mapping[str, Any]
    """The identity that the strategy must have."""
    encoder_identity: Mapping[str, Any]
    """The identity that the encoder must have."""
    guard_identities: tuple[tuple[dict[str, Any], Mapping[str, Any]], ...]
    """Guards, and the identities that they must have."""
    versions: Mapping[str, str]
    """The versions with which the other run was made."""

    def read_input(self) -> Corpus:
        """Read the input.

        Raises
        ------
        InputError
            If it cannot be read, or is not the one that the file was made from.
        """
        data = self._read_named(self.source, lambda: corpus.read(self.source, self.layout, several=True))
        if self.fingerprint not in (None, data.fingerprint):
            raise InputError(
                f"{self.source}: is not the data that {self.path} was made from: fingerprint {data.fingerprint:.18}…"
                f" instead of {self.fingerprint:.18}…. Give that data, or remove 'fingerprint' from the file to run on"
                " other data."
            )
        return data

    def read_held_out(self, data: Corpus) -> list[HeldOutTexts]:
        """Read the held-out files, and for new texts also the other splits of the input's data set.

        Parameters
        ----------
        data : Corpus
            The input. A split in which no column of texts is found is left out.

        Raises
        ------
        InputError
            If one cannot be read, or is not the one that the file was made with.
        """
        read = []
        for i, file in enumerate(self.against):
            texts = self._read_named(file.name, partial(file.texts, self.layout))
            if self.digests and self.digests[i] not in (None, digest(texts)):
                raise InputError(
                    f"{file.name}: is not the held-out file that {self.path} was made against: its texts differ. Give"
                    f" that file, or remove 'texts' from 'against[{i}]' in {self.path} to run against this one."
                )
            read.append(HeldOutTexts(file.name, texts, file.text_column, file.split))
        for split in other_splits(data, read) if self.encoder is None else ():
            table = self._read_named(self.source, partial(load_split, self.source, split))
            with contextlib.suppress(InputError):  # a note names the split, and how to name its column
                if self.layout.beside:
                    whole = corpus.whole_of(table, self.source, self.layout)
                    read.append(HeldOutTexts(self.source, whole, split=split))
                    continue
                rows = corpus.texts_of(table, self.source, usual=data.text_column, mend="")
                read.append(HeldOutTexts(self.source, [text for text in rows if text is not None], rows.column, split))
        return read

    def check_models(
        self,
        guards: Sequence[Guard],
        identities: tuple[Mapping[str, Any], Sequence[Mapping[str, Any]]] | None = None,
    ) -> None:
        """Check that the strategy and the guards have the models and versions of the other run.

        Parameters
        ----------
        guards : sequence of Guard
            Fitted, and the strategy prepared.
        identities : tuple, optional
            What the strategy and the guards say of themselves where they compute. None to ask those here.

        Raises
        ------
        InputError
            If a model, revision or version differs; the message names the first.
        """
        own, of_guards = identities or (self.strategy.identity(), [guard.identity() for guard in guards])
        self._check(f"The strategy {self.strategy.name!r}", "strategy", self.identity, own)
        if self.encoder is not None and self.encoder_identity:
            self._check("The encoder", "encoder", self.encoder_identity, self.encoder.identity())
        current = [(guard.to_config(), identity) for guard, identity in zip(guards, of_guards, strict=True)]
        for config, identity in self.guard_identities:
            for other, current_identity in current:
                if config == other:
                    self._check(
                        f"The guard {config['name']!r}", f"guard {config['name']!r}", identity, current_identity
                    )

    def check_device(self) -> None:
        """Check that this machine has the device that is named, without opening a model.

        Raises
        ------
        InputError
            If it has not.
        """
        if (device := getattr(self.encoder or self.strategy, "device", "auto")) not in (None, "auto", "cpu"):
            from augment.models.devices import device_of

            device_of(device)

    def other_versions(self) -> str:
        """Return, as one clause, the packages whose installed versions differ from those of the other run."""
        now = installed_versions()
        return ", ".join(
            f"{name} {version} ({now.get(name, 'none')} here)"
            for name, version in self.versions.items()
            if now.get(name) != version
        )

    def _check(self, what: str, where: str, recorded: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        """Raise an error if an identity differs. Keys that the file lacks are not compared."""
        plain = json.loads(json.dumps(now, default=str))
        changed = difference(dict(recorded), {key: plain.get(key) for key in recorded})
        if changed:
            raise InputError(
                f"{what} is not what it was when {self.path} was made: {changed}. Bring that back, or remove 'identity'"
                f" of the {where} from the file to run all the same."
            )

    def _read_named(self, name: str, read: Callable[[], _Read]) -> _Read:
        """Read a named file. If it is missing, explain where names from the configuration file are looked for."""
        try:
            return read()
        except InputError as error:
            if name not in self.named or os.path.exists(name):
                raise
            raise InputError(
                f"{error} The name is from {self.path}; relative ones are looked for in the current folder,"
                f" {Path.cwd()}: run from where it was made, or give the name as an option."
            ) from error


def settle(path: Path | None, options: Mapping[str, Any]) -> RunRequest:
    """Combine options, a configuration file and defaults into one request.

    An option overrides the file. The file overrides the settings of a strategy that was built in Python, and those
    override the defaults.

    If an option replaces something, its recorded hash or identity is not checked. Only the fingerprint of the input is
    checked all the same, since the input has often just moved.

    Parameters
    ----------
    path : Path or None
        The file.
    options : mapping
        The options by name: ``source``, ``strategy`` (a name, or a strategy), ``parameters`` (those
        of the strategy, as texts), ``sampling_strategy``, ``seed``, ``against``, ``guards``, ``max_per_source``,
        ``only_synthetic``, ``keep_columns``, ``singletons``, the fields of `Layout`, `TEXT_OPTIONS` and
        `ENCODER_OPTIONS`. ``encoder`` is the name of a model, or a `TextEncoder`. None counts as not given.

    Returns
    -------
    RunRequest

    Raises
    ------
    InputError
        If no input is named, or the file, a name or a parameter cannot be used.
    """
    options = {name: value for name, value in options.items() if value is not None}
    recorded = RunConfig() if path is None else read(path)
    files = _files(path, recorded, options)
    named, alone = choice(options.get("guards"))
    _check_values(options)
    try:
        parts = _parts(recorded, options, alone=alone)
    except InputError as error:
        if path is None:
            raise
        raise InputError(f"{path}: {error}") from error
    merged = {name: options.get(name, getattr(recorded, name)) for name in _MERGED}
    if parts.encoder is not None:  # the file may be of a run that made texts; vectors have no such limits
        merged |= {name: options.get(name) for name in ("max_per_source", "keep_columns")}
    replaced = {guard.name for guard in named}
    return RunRequest(
        source=files.source,
        layout=files.layout,
        strategy=parts.strategy,
        encoder=parts.encoder,
        against=files.against,
        **merged,
        **_settings(path, recorded, options, _guards(options, parts, replaced), parts.strategy)._asdict(),
        only_synthetic=bool(options.get("only_synthetic", recorded.only_synthetic)),
        output_encoding=recorded.output_encoding,
        path=path,
        named={*(file.name for file in files.recorded), *([] if options.get("source") else [files.source])},
        **_must_match(recorded, options, files, parts, replaced),
        versions=recorded.versions or {},
    )


class _Files(NamedTuple):
    """What a run reads."""

    source: str
    layout: Layout
    against: tuple[NamedFile, ...]
    recorded: Sequence[HeldOutSection]
    """The held-out files of the configuration file; none if an option names others."""
    relaid: bool
    """Whether an option changes the layout of the configuration file."""


def _files(path: Path | None, recorded: RunConfig, options: Mapping[str, Any]) -> _Files:
    """Combine what options and file say of the files to read."""
    source = options.get("source") or recorded.input.name
    if source is None:
        where = "No input is named" if path is None else f"{path}: names no input"
        raise InputError(f"{where}; give `source`, or its 'name' under 'input' in a file for `config`.")
    changes = _of(options, [field.name for field in dataclasses.fields(Layout)])
    sections = () if "against" in options else recorded.against or ()
    against = tuple(map(NamedFile.parsed, options.get("against", ())))
    against += tuple(NamedFile(file.name, file.text_column, file.split) for file in sections)
    check_layout(Layout(**changes), (source, *(file.name for file in against)))
    layout = dataclasses.replace(_layout(recorded.input), **changes)
    return _Files(source, layout, against, sections, bool(changes))


def _check_values(options: Mapping[str, Any]) -> None:
    """Raise an error for `decode`, or a strategy built in Python, that cannot be used."""
    if options.get("decode") not in (None, "nearest"):
        raise InputError(
            f"`decode` must be 'nearest' or None. Got {options['decode']!r:.60}."
            f"{did_you_mean(str(options['decode']), ['nearest'])}"
        )
    if not isinstance(options.get("strategy", ""), str):
        check_strategy(options["strategy"])
        options["strategy"].check()


class _Parts(NamedTuple):
    """The strategy, the encoder and the guards of options and file."""

    strategy: TextStrategy | VectorSampler
    identity: Mapping[str, Any]
    encoder: TextEncoder | None
    encoder_identity: Mapping[str, Any]
    guards: list[tuple[Guard, PartSection]] | None
    """Those that the file lists; None if it lists none, or an option leaves them out."""
    left_out: list[Guard]
    """Default guards that the run of the file left out after their fit."""
    brought: list[dict[str, Any]]
    """The guards that the strategy of the file needs and brings itself. Another strategy brings its own."""


def _parts(recorded: RunConfig, options: Mapping[str, Any], *, alone: bool) -> _Parts:
    """Build what options and file name, and check that the parts of the file suit each other."""
    strategy, identity = _strategy(recorded.strategy, options)
    encoder, encoder_identity = _encoder(recorded.encoder, options, strategy)
    own = _own_guards(recorded.strategy)
    guards = None
    if recorded.guards is not None and not alone:
        guards = [(GUARDS.from_config(part.config()), part) for part in recorded.guards]
    brought = [guard.to_config() for guard in own if not guard.by_default] if guards else []
    asked, notes = [guard for guard, _ in guards or ()], recorded.guard_notes or {}
    mark_default(asked, notes)
    if recorded.output_encoding is not None:
        checked_encoding(recorded.output_encoding)
    if "strategy" not in options:
        _check_sections(recorded, strategy)
    return _Parts(
        strategy, identity or {}, encoder, encoder_identity or {}, guards, left_out(asked, notes, own), brought
    )


def _guards(options: Mapping[str, Any], parts: _Parts, replaced: Container[str]) -> Sequence[str | Guard] | None:
    """Return the guards to name: those of the options, and those of the file that they do not replace."""
    named = options.get("guards")
    if parts.guards is None or parts.encoder is not None:
        return named
    fitted = [*(guard for guard, _ in parts.guards), *parts.left_out]
    listed = [guard for guard in fitted if guard.to_config() not in parts.brought and guard.name not in replaced]
    if "strategy" in options and getattr(parts.strategy, "copies", False):  # those of another strategy do not bind it
        listed = [guard for guard in listed if guard.binds_copies]
    return [NONE, *listed, *(named or ())]  # the file lists all of them


def _settings(
    path: Path | None,
    recorded: RunConfig,
    options: Mapping[str, Any],
    guards: Sequence[str | Guard] | None,
    strategy: TextStrategy | VectorSampler,
) -> RunSettings:
    """Combine the settings of options and file with those of the strategy."""
    sampling_strategy = options.get("sampling_strategy", recorded.sampling_strategy)
    return run_settings(
        strategy,
        sampling_strategy=budget.parse(sampling_strategy) if isinstance(sampling_strategy, str) else sampling_strategy,
        seed=options.get("seed", recorded.seed),
        guards=guards,
        origins={name: str(path) for name in RunSettings._fields if name not in options},
    )


def _must_match(
    recorded: RunConfig, options: Mapping[str, Any], files: _Files, parts: _Parts, replaced: Container[str]
) -> dict[str, Any]:
    """Return the hashes and identities of the file that must match, since no option replaces what they are of."""
    fingerprint = None if files.relaid else recorded.input.fingerprint
    same_rows = fingerprint is not None and options.get("seed", recorded.seed) == recorded.seed
    return {
        "fingerprint": fingerprint,
        "digests": () if files.relaid else tuple(file.texts for file in files.recorded),
        "identity": parts.identity,
        "encoder_identity": parts.encoder_identity,
        "guard_identities": tuple(
            (guard.to_config(), {k: v for k, v in part.identity.items() if same_rows or k not in guard.from_rows})
            for guard, part in parts.guards or ()
            if part.identity and guard.name not in replaced
        ),
    }


def _own_guards(part: PartSection | None) -> list[Guard]:
    """Return the guards that the strategy of a file brings."""
    strategy = STRATEGIES.from_config(PartSection(name=STRATEGY).config() if part is None else part.config())
    return strategy.own_guards() if isinstance(strategy, TextStrategy) else []


def _check_sections(recorded: RunConfig, strategy: TextStrategy | VectorSampler) -> None:
    """Refuse sections of a file that are for the other kind of strategy than the one it names."""
    of_texts = isinstance(strategy, TextStrategy)
    foreign = ("encoder", "decode") if of_texts else ("guards", "max_per_source", "keep_columns")
    for name in foreign:
        if getattr(recorded, name):
            makes, others = ("texts", "vectors") if of_texts else ("vectors", "texts")
            raise InputError(
                f"{name!r} is for strategies that make {others}, and {strategy.name!r} makes {makes}. Remove it from"
                " the file, or name another strategy."
            )


def _strategy(
    part: PartSection | None, options: Mapping[str, Any]
) -> tuple[TextStrategy | VectorSampler, Mapping[str, Any] | None]:
    """Build the strategy, and return the identity that it must have; None if options change its rows."""
    name, values = options.get("strategy"), options.get("parameters", {})
    if name is not None and not isinstance(name, str):
        return name, None
    if part is not None and name not in (None, part.name):
        part = None
    name = (name or STRATEGY) if part is None else part.name
    cls = STRATEGIES.find(name)
    if cls.kind == "text":
        values = {**values, **_of(options, TEXT_OPTIONS)}
        if "encoder" in STRATEGIES.parameters(cls):
            values |= _of(options, ("encoder",))
    if part is None:
        return STRATEGIES.create(name, values), None
    strategy: TextStrategy | VectorSampler = STRATEGIES.from_config(part.config(), values)
    return strategy, part.identity if set(values) <= set(strategy.speed_only) else None


def _encoder(
    part: EncoderSection | None, options: Mapping[str, Any], strategy: TextStrategy | VectorSampler
) -> tuple[TextEncoder | None, Mapping[str, Any] | None]:
    """Build the encoder of a vector strategy, and return the identity that it must have."""
    if isinstance(strategy, TextStrategy):
        if foreign := [name for name in ENCODER_OPTIONS if name in options and not hasattr(strategy, name)]:
            raise InputError(
                f"`{foreign[0]}` is for strategies that make vectors, and {strategy.name!r} makes texts. Leave it out,"
                " or give another strategy: see `augment strategies`."
            )
        return None, None
    from augment.models.encoder import TextEncoder

    if adapting := [name for name in ADAPT_OPTIONS if name in options]:
        raise InputError(
            f"`{adapting[0]}` is for strategies that fill masks, and {strategy.name!r} makes vectors. Leave it out."
        )
    if "model" in options:
        raise InputError(f"The strategy {strategy.name!r} has no `model`: name what makes the vectors as `encoder`.")
    if "language" in options:
        raise InputError(
            f"`language` is for strategies that make texts, and {strategy.name!r} makes vectors. Leave it out."
        )
    if isinstance(options.get("encoder"), TextEncoder):
        encoder = options["encoder"]
        encoder.check()
        return encoder, None
    recorded = part or EncoderSection()
    named = _of(options, (*MODEL_OPTIONS, *ENCODER_OPTIONS))
    named.pop("decode", None)
    if "encoder" in named:
        named["model"] = named.pop("encoder")
    encoder = TextEncoder(**{**recorded.model_dump(exclude={"identity"}), **named})
    encoder.check()
    return encoder, None if {*named} - {"batch_size"} else recorded.identity


def _of(options: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return the options with these names."""
    return {name: options[name] for name in names if name in options}


def _layout(section: InputSection) -> Layout:
    """Return the layout of a file. A short file may name only the columns."""
    if section.layout is None:
        return Layout(text_column=section.text_column, label_column=section.label_column)
    return Layout(**dict(section.layout))
