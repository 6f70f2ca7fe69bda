"""``python -m classifiers``: the command `classifiers`."""

from classifiers.cli.entry import main

if __name__ == "__main__":
    main(prog_name="classifiers")
