"""Pretraining on one's own text: masked words, contrast, and shrinking a model."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
