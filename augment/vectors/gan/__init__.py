"""GAN-SMOTE: a generative adversarial network that moves SMOTE rows.

`sampler` is the class that users meet. It trains the `networks` by `training`, keeps them in a `folder`, and looks for
a `collapse` of what they make.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
