"""The program `classifiers`, also as ``python -m classifiers``."""

from __future__ import annotations

from augment.startup import let_interrupts_end_it, load_quickly


def main() -> None:
    """Run the command `classifiers`."""
    let_interrupts_end_it()
    load_quickly()
    from classifiers.cli.entry import main as command

    command(prog_name="classifiers")


if __name__ == "__main__":
    main()
