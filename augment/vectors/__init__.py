"""Vector strategies: samplers of imbalanced-learn that make new sentence vectors.

`VectorSampler` owns the protocol, and each sampler writes one hook, `draw`. `VectorUpsampler` is the bridge from texts
to vectors. `fidelity` measures how like the real rows the new ones are.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
