"""``python -m augment``: the command `augment`."""

from augment.cli.entry import main

if __name__ == "__main__":
    main(prog_name="augment")
