from .html import write_report as write_report
from .text_findings import Appraisal as Appraisal
from .text_findings import appraise as appraise
from .text_measures import changed_words as changed_words
from .text_measures import distinct as distinct
from .text_measures import self_bleu as self_bleu
