"""Guards: each judges one thing about a candidate, and rejects what does not pass.

A guard is one file here and one line in `augment.registry`. `selection` decides which guards a run asks.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
