"""Large language models: requests, prompts, answers and what they cost, and the engines that answer.

A request is the body of a chat completion. An engine sends it to an endpoint, or runs a local model.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
