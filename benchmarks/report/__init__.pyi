from .significance import Interval as Interval
from .significance import hierarchical_bootstrap as hierarchical_bootstrap
from .significance import holm as holm
from .significance import paired_interval as paired_interval
from .significance import verdict as verdict
from .significance import wilcoxon as wilcoxon
from .summary import f1_on_test as f1_on_test
from .summary import groups as groups
