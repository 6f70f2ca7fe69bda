"""Text strategies: they make new texts of a class from the texts that it has.

`TextStrategy` owns the protocol, and each strategy writes one hook, `candidates`. A new strategy is one file here and
one line in `augment.registry`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
