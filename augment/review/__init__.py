"""The review of rows by a person: the local page, the decisions, and the table that follows from them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
