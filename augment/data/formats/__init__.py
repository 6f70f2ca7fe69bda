"""Formats: what tables look like in text files and workbooks, read and written.

`dialect` finds how a text file is spelled, and `encodings` in which bytes. `augment.data.reading` and
`augment.data.writing` choose the format.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
