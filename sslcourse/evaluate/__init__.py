"""What is a representation worth? Probes, fine-tuning, and signs of collapse."""

from sslcourse.evaluate.attention import (
    attention_maps,
    attention_rollout,
    threshold_mass,
    to_pixels,
)
from sslcourse.evaluate.collapse import alignment, effective_rank, feature_std, uniformity
from sslcourse.evaluate.factors import factor_probes
from sslcourse.evaluate.features import extract_features, pixels
from sslcourse.evaluate.fine_tune import few_labels, fine_tune
from sslcourse.evaluate.inpaint import FILLS, fill_hidden, hidden_error
from sslcourse.evaluate.neighbours import knn_accuracy
from sslcourse.evaluate.objects import (
    ObjectScore,
    best_head,
    best_head_and_share,
    centre_box,
    jaccard,
    object_scores,
    pointing_accuracy,
    random_maps,
    score_maps,
)
from sslcourse.evaluate.probe import ProbeResult, linear_probe
from sslcourse.evaluate.protocol import (
    Split,
    frozen_scores,
    load_split,
    probe_few,
    tuned_accuracy,
    tuned_scores,
)
from sslcourse.evaluate.uncertainty import (
    Difference,
    Interval,
    paired_difference,
    seed_difference,
    wilson_interval,
)

__all__ = [
    "Difference",
    "FILLS",
    "Interval",
    "ObjectScore",
    "ProbeResult",
    "Split",
    "alignment",
    "attention_maps",
    "attention_rollout",
    "best_head",
    "best_head_and_share",
    "centre_box",
    "effective_rank",
    "extract_features",
    "factor_probes",
    "feature_std",
    "few_labels",
    "fill_hidden",
    "fine_tune",
    "frozen_scores",
    "hidden_error",
    "jaccard",
    "knn_accuracy",
    "linear_probe",
    "load_split",
    "object_scores",
    "paired_difference",
    "pixels",
    "pointing_accuracy",
    "probe_few",
    "random_maps",
    "score_maps",
    "seed_difference",
    "threshold_mass",
    "to_pixels",
    "tuned_accuracy",
    "tuned_scores",
    "uniformity",
    "wilson_interval",
]
