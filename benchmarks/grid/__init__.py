"""What is measured: tasks, arms, and suites of them, and the cells that they make up."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
