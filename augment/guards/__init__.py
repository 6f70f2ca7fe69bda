"""Guards accept or reject candidates: one module each, one reason to say no each."""
