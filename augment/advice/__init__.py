"""Advice for a labelled data set, from a map of what was measured to pay on data sets like it.

`map.json` is that map. `benchmarks map` writes it from results, and nothing in it is typed by hand.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
