from .contrastive import ContrastiveConfig as ContrastiveConfig
from .contrastive import pretrain_by_contrast as pretrain_by_contrast
from .file_pretraining import pretrain_files as pretrain_files
from .masked_lm import PretrainConfig as PretrainConfig
from .masked_lm import pretrain as pretrain
from .shrinking import shrink as shrink
