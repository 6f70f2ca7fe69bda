"""Who carries out the tasks of a run: processes of this machine, or actors of a Ray cluster. No task knows which.

A driver submits tasks and takes results (`executor`); each worker has opened what they need once (`Work`).
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
