"""The grid of a benchmark: tasks, arms, suites of both, and their cells."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
