"""The fusion methods by name: what each computes, where it comes from, when not to use it.

A method fits on some clips and gives something that scores others: every one is called as
`method(probabilities, labels, speakers=..., families=...)` (`study.honest.Method`), so that the
honest estimate can repeat the whole choice on any clips. Below, P_m(c) is the probability that
candidate m gives a clip for class c; a fusion predicts argmax_c F(c).
"""

from __future__ import annotations

from functools import partial
from typing import Any

from study.fusion.methods.bagged import bagged_greedy
from study.fusion.methods.cma_es import cma_es
from study.fusion.methods.decision_wrappers import with_decision, with_temperatures
from study.fusion.methods.greedy import MAX_MEMBERS, greedy
from study.fusion.methods.limits import Limits
from study.fusion.methods.references import best_single, majority_vote, top_k, uniform
from study.fusion.methods.selection import FusionMethod
from study.fusion.methods.stacking import stacking
from study.fusion.methods.systems import chosen
from study.honest import Method

DEFAULT = "chosen"


def fusion_methods(
    *, max_members: int | None = None, limits: Limits | None = None, seed: int = 0
) -> dict[str, FusionMethod]:
    """Every method by its name, the default first.

    `chosen`
        `bagged_greedy`, `uniform` or `best_single`: whichever is worth most on the clips outside of
        the bags. The default.
    `bagged_greedy`
        F = sum_m w_m P_m, w_m half the mean over greedy selections from 20 random halves of the
        candidates, each on a bootstrap sample of the speakers, half proportional to
        exp(UAR_m / 0.1). After Caruana et al., "Getting the most out of ensemble selection", ICDM
        2006.
    `greedy`
        F = sum_m n_m P_m / n, n_m of n choices with replacement, each the one that raises UAR
        most. Caruana et al., "Ensemble selection from libraries of models", ICML 2004. Not with
        many candidates and few clips: it takes whoever was lucky.
    `best_single`
        F = P_m of the best UAR. Not with many candidates and few clips.
    `uniform`
        F = mean of all P_m, or of the best that fit. Not with many bad candidates.
    `top_k`
        F = mean of the five best P_m. A reference: it knows no limits.
    `cma_es`
        F = sum_m w_m P_m, w found by CMA-ES. Purucker and Beel, "CMA-ES for post hoc ensembling
        in AutoML", AutoML 2023. Not for few speakers: it compares hundreds of weightings.
    `stacking`
        F = softmax(b + A L), L the members' centred log-probabilities; logistic regression.
        Wolpert, "Stacked generalization", Neural Networks 1992. Not for many classes with few
        clips, nor where members may be missing later.
    `majority_vote`
        F(c) = fraction of the best eight with argmax P_m = c. Not where probabilities are worth
        something: it throws them away.
    `tempered`
        `bagged_greedy` of P_m^(1/T_m), normalised, T_m of the least log-loss. Guo et al., "On
        calibration of modern neural networks", ICML 2017. Not where networks are alike sharp.
    `decided`
        `bagged_greedy`, then a bias per class where it gains (`fit_decision`). For simulations:
        `ensemble.decision` does it for any method.

    Args:
        max_members: Most candidates in a fusion; when None, eight where a method selects, and all
            in their average.
        limits: What the members may cost together.
        seed: Of the bags and of CMA-ES.

    >>> import numpy as np
    >>> labels, groups = np.arange(6) % 2, np.arange(6) // 2
    >>> right, wrong = np.eye(2)[labels], np.eye(2)[1 - labels]
    >>> methods = fusion_methods(max_members=2)
    >>> fitted = methods["greedy"](np.stack([wrong, right]), labels, speakers=groups, families="ab")
    >>> fitted.members, fitted.uar
    ((1,), 1.0)
    """
    bounds: dict[str, Any] = {"max_members": max_members or MAX_MEMBERS, "limits": limits}
    bagged = partial(bagged_greedy, seed=seed, **bounds)
    return {
        DEFAULT: partial(chosen, max_members=max_members, limits=limits, seed=seed),
        "bagged_greedy": bagged,
        "greedy": partial(greedy, **bounds),
        "best_single": partial(best_single, limits=limits),
        "uniform": partial(uniform, max_members=max_members, limits=limits),
        "top_k": top_k,
        "cma_es": partial(cma_es, seed=seed, **bounds),
        "stacking": partial(stacking, **bounds),
        "majority_vote": partial(majority_vote, **bounds),
        "tempered": with_temperatures(bagged),
        "decided": with_decision(bagged, calibrate=False),
    }


METHODS = fusion_methods()
# what an honest estimate compares a fusion with
REFERENCES: dict[str, Method] = {"single": best_single, "uniform": uniform}
