from .dialect import Dialect as Dialect
