"""Upload an output to the hub: its card and its rows, in one commit."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from augment.card.description import CardDetails, dataset_card, splits_of
from augment.data.other_splits import splits_of_folder
from augment.data.reading import load, load_split
from augment.data.table_columns import BATCH
from augment.data.writing import write_batches
from augment.errors import InputError, OutputError
from augment.models import hub
from augment.report.written_table import read_manifest, written_layout

_REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def push(
    output: Path, repository: str, details: CardDetails | None = None, *, private: bool = False, overwrite: bool = False
) -> str:
    """Upload the card of an output and its rows to a data set repository of the hub.

    The rows go there as Parquet, a file for each split. The manifest stays here: it names files of this machine.

    Parameters
    ----------
    output : Path
        The table, with its manifest beside it.
    repository : str
        ``"owner/name"``. It is made if it does not exist.
    details : CardDetails, optional
        What no manifest knows.
    private : bool, default=False
        Make the repository private.
    overwrite : bool, default=False
        Replace card and rows of a repository that holds files.

    Returns
    -------
    str
        The address of the commit.

    Raises
    ------
    InputError
        If the name is no repository's, or the hub cannot be reached or refuses the card.
    OutputError
        If the repository holds files and `overwrite` is not given, or may not be written.
    """
    from huggingface_hub import CommitOperationAdd, HfApi
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    if not _REPOSITORY.fullmatch(repository):
        raise InputError(f"`push_to_hub` must be a repository of the hub, as owner/name. Got {repository!r}.")
    manifest = read_manifest(output)
    splits = splits_of(output, manifest)
    files = {split: f"data/{split}.parquet" for split in splits}
    card = dataset_card(output, details, files=files)
    if not hub.reachable():
        raise InputError(f"The hub at {hub.endpoint()} cannot be reached. Connect first, or leave `push_to_hub` out.")
    api = HfApi(endpoint=hub.endpoint())
    try:
        try:
            there = {file.rfilename for file in api.dataset_info(repository).siblings or []} - {".gitattributes"}
        except RepositoryNotFoundError:
            there = set()
        if there and not overwrite:
            raise OutputError(
                f"The repository {repository!r} holds files already. Give `overwrite=True` to replace its card and"
                " rows, or another name."
            )
        with tempfile.TemporaryDirectory() as folder:
            additions = [CommitOperationAdd("README.md", card.encode())]
            for split, name in files.items():
                several = splits_of_folder(output)
                table = load_split(output, split) if several else load(output, written_layout(manifest))
                place = Path(folder) / f"{len(additions)}.parquet"
                write_batches(table.features, table.with_format("arrow").iter(BATCH), place)
                additions.append(CommitOperationAdd(name, place))
            api.create_repo(repository, repo_type="dataset", private=private or None, exist_ok=True)
            commit = api.create_commit(
                repository, additions, commit_message="Upload card and rows", repo_type="dataset"
            )
    except HfHubHTTPError as error:
        status = error.response.status_code
        mend = "Log in with `hf auth login`, or set HF_TOKEN." if status in (401, 403) else "Try again later."
        raise OutputError(f"The hub refuses {repository!r} (status {status}). {mend}") from None
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        why = " ".join(str(error).split())[:300]
        raise InputError(f"The hub refuses the card: {why}. Correct what it names.") from None
    return str(commit.commit_url)
