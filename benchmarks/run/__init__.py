"""How cells are run: one `cell`, the `runner` of many, and what is recorded of each."""
