"""Models: checkpoints are opened here, and texts are run through them, with the same bits at any batch size.

The bundled model `mini` stands in this folder.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
