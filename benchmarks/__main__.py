"""The program `benchmarks`, also as ``python -m benchmarks``."""

from __future__ import annotations

from augment.startup import let_interrupts_end_it, load_quickly


def main() -> None:
    """Run the command `benchmarks`."""
    let_interrupts_end_it()
    load_quickly()
    from benchmarks.cli.entry import main as command

    command(prog_name="benchmarks")


def counterpoise() -> None:
    """Run the command `counterpoise`, which holds the three others."""
    let_interrupts_end_it()
    load_quickly()
    from benchmarks.cli.umbrella import main as command

    command(prog_name="counterpoise")


if __name__ == "__main__":
    main()
