from .description import CardDetails as CardDetails
from .description import dataset_card as dataset_card
from .description import write_card as write_card
from .publication import push as push
