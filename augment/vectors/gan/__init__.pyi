from .sampler import GANSMOTE as GANSMOTE
