"""Pretraining on your own texts: masked words, contrastive learning, and smaller models."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
