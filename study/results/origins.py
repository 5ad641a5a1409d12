"""Where a trial comes from, as `spec.json` says it: `sampler`, or one of these and what follows."""

__all__ = ["BASELINE", "GRID", "REPEAT", "SAMPLER", "TAKEN"]

SAMPLER = "sampler"
BASELINE = "baseline:"  # followed by the baseline's name
GRID = "grid:"  # followed by the repetition, from 1
TAKEN = "from:"  # followed by the study and its trial: `from:mask/17`
REPEAT = "seed:"  # followed by the trial that is repeated with another seed
