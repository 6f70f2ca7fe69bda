"""Generation: how many rows each class needs, from which sources, tried and guarded until they are made.

Nothing here opens a model or a file. Strategies and guards come in by Protocols.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
