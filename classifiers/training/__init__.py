"""Training: `run` conducts, `trainer` is one phase of it, and the rest watches, saves and resumes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
