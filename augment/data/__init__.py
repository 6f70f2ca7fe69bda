"""Data: tables are read, checked, described and written here.

`corpus` is a table of which the text and label columns are known. `reading` and `writing` know the file formats, and
`containers` the lists, arrays and frames of Python callers.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
