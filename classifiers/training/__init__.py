"""Training: `run` does a whole training, `trainer` one phase of it; the other modules record, save and resume."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
