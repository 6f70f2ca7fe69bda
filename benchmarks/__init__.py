"""Counterpoise, `benchmarks`: measure whether new rows helped.

Names are imported when they are first used, so importing the package is cheap. `__init__.pyi` lists them.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
