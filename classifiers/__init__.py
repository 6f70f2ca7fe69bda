"""Counterpoise, `classifiers`: train encoders with a classification head, on augmented data or not.

Names are imported when they are first used, so importing the package is cheap. `__init__.pyi` lists them. After
``import classifiers`` transformers opens saved classifiers, e.g. ``pipeline("text-classification", model="folder")``.
"""

import lazy_loader

from classifiers.registration import register_with_transformers

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

register_with_transformers()
