"""The card of an output: what it was made from, how, and under which licences; and its way to the hub."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
