"""The data of a training: splits, tokens or features, batches, the order of rows, and new rows for rare classes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
