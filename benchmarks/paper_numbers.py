"""The numbers that the paper's text gives (section 5); the others stand in its figures alone, without figures."""

from __future__ import annotations

from collections.abc import Mapping

UNSUPERVISED = "princeton-nlp/unsup-simcse-roberta-base"
SUPERVISED = "princeton-nlp/sup-simcse-roberta-base"

PAPER: Mapping[tuple[str, str, str, str], float] = {
    (UNSUPERVISED, "linear", "cross-entropy", "dynasent-r1"): 81.43,
    (UNSUPERVISED, "linear", "focal", "dynasent-r2"): 70.46,
    (UNSUPERVISED, "bilstm", "focal", "sst3"): 63.3,
    (SUPERVISED, "bilstm", "cross-entropy", "amazon"): 52.53,
}
"""Macro-F1 in points, by encoder, head, loss and test set. Of Amazon's best the paper names both losses; the fuller
sentence, which is taken here, says cross-entropy."""
