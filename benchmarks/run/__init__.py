"""Run cells: `plan_suite` and `run_suite`, the `runner` of many cells, one `cell`, and its record."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
