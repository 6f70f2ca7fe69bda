"""The command `augment card`."""

from __future__ import annotations

from pathlib import Path

import click

from augment.cli import completion
from augment.cli.help import command, option, section
from augment.cli.inputs import check_there
from augment.cli.options import with_file_name


@command(
    "card",
    examples={
        "Write the card of a table that was just written:": "augment card balanced.csv --license cc-by-4.0",
        "Upload the card and the rows:": "augment card balanced.csv --push-to-hub ada/reviews",
    },
)
@click.argument("output", metavar="OUTPUT", type=Path, callback=with_file_name, shell_complete=completion.FILES)
@section(
    "What to say",
    option("--title", metavar="NAME", show_default="the name of OUTPUT", help="Name of the data set."),
    option("--license", "licence", metavar="ID", help="Licence of the data set, as the hub calls it, e.g. cc-by-4.0."),
    option("--source-license", "source_licence", metavar="LICENSE", help="Licence of the input."),
    option("--model-license", "model_licence", metavar="LICENSE", help="Licence of the model that made the new rows."),
    option("--language", "languages", multiple=True, metavar="CODE", help="Language, e.g. en. Repeatable."),
)
@section(
    "Output",
    option("-o", "--output", "path", type=Path, metavar="FILE", show_default="OUTPUT.card.md", help="Markdown file."),
    option("--push-to-hub", metavar="REPO", help="Upload card and rows to this repository (owner/name) instead."),
    option("--private", is_flag=True, help="Make a new repository private."),
    option("--overwrite", is_flag=True, help="Replace an existing card, or card and rows of a repository."),
)
def card_command(
    output: Path,
    path: Path | None,
    push_to_hub: str | None,
    private: bool,
    overwrite: bool,
    title: str | None,
    licence: str | None,
    source_licence: str | None,
    model_licence: str | None,
    languages: tuple[str, ...],
) -> None:
    """Write a data set card about OUTPUT, a table that `augment upsample` has written."""
    from augment.errors import InputError

    if push_to_hub is not None and path is not None:
        raise InputError("`push_to_hub` uploads the card, and `output` writes it to a file. Give one of them.")
    if private and push_to_hub is None:
        raise InputError("`private` is for a repository. Give `push_to_hub` too, or leave it out.")
    check_there(paths=[output])
    from augment.card.description import CardDetails, write_card

    details = CardDetails(
        title=title,
        licence=licence,
        source_licence=source_licence,
        model_licence=model_licence,
        languages=languages,
    )
    if push_to_hub is not None:
        from augment.card.publication import push

        click.echo(f"Commit: {push(output, push_to_hub, details, private=private, overwrite=overwrite)}")
        return
    path = path or output.with_name(f"{output.name}.card.md")
    write_card(output, path, details, overwrite=overwrite)
    click.echo(f"Card: {path}")
