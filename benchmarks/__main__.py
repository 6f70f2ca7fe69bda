"""``python -m benchmarks``: the command `benchmarks`."""

from benchmarks.cli.entry import main

if __name__ == "__main__":
    main(prog_name="benchmarks")
