"""The program `augment`, also as ``python -m augment``."""

from __future__ import annotations

from augment.startup import let_interrupts_end_it, load_quickly


def main() -> None:
    """Run the command `augment`."""
    let_interrupts_end_it()
    load_quickly()
    from augment.cli.entry import main as command

    command(prog_name="augment")


if __name__ == "__main__":
    main()
