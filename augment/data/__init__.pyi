from .corpus import Corpus as Corpus
from .corpus import from_table as from_table
from .corpus import open_texts as open_texts
from .corpus import read as read
from .corpus import read_texts as read_texts
from .inspection import Inspection as Inspection
from .inspection import inspect as inspect
from .layout import Layout as Layout
