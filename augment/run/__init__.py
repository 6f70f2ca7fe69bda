"""The main job: settled by `job`, carried out by `text_run` or `vector_run`, and brought to disk by `file_run`.

A journal keeps what is finished, a manifest records what was done, and `config` repeats a run from its manifest.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
