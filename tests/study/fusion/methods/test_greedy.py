"""The fast selection against a slow, literal one that follows the sentence of the reference."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss

from benchmarks import bench_ensemble as ensemble_benchmark
from study.fusion.files import ensemble_record
from study.fusion.fuse import References
from study.fusion.methods import bagged
from study.fusion.methods.bagged import bagged_greedy
from study.fusion.methods.greedy import greedy
from study.fusion.methods.references import best_single, top_k, uniform
from study.fusion.methods.scorer import FusionScorer
from study.fusion.methods.table import METHODS
from study.fusion.study_candidates import Candidate


def literal_uar(total, labels):
    recalls = []
    for code in sorted(set(labels)):
        mine = [i for i, label in enumerate(labels) if label == code]
        recalls.append(sum(int(np.argmax(total[i])) == code for i in mine) / len(mine))
    return sum(recalls) / len(recalls)


def literal_greedy(probabilities, labels, n_steps, max_members=None):
    """Member sequence and scores: with replacement, ties by membership, log-loss, position."""
    chosen, scores = [], []
    total = np.zeros(probabilities.shape[1:])
    for _ in range(n_steps):
        allowed = range(len(probabilities))
        if max_members is not None and len(set(chosen)) >= max_members:
            allowed = sorted(set(chosen))
        results = {m: literal_uar(total + probabilities[m], labels) for m in allowed}
        best = [m for m in allowed if results[m] >= max(results.values()) - 1e-12]
        best = [m for m in best if m in chosen] or best
        losses = {}
        for m in best:
            mean = (total + probabilities[m]) / (len(chosen) + 1)
            losses[m] = log_loss(labels, mean, labels=range(mean.shape[1]))
        best = [m for m in best if losses[m] <= min(losses.values()) + 1e-12]
        chosen.append(best[0])
        total = total + probabilities[best[0]]
        scores.append(results[best[0]])
        if scores[-1] >= 1 - 1e-12:
            break
    return chosen, scores


@st.composite
def libraries(draw, max_candidates=6, max_clips=14, max_classes=4):
    """Few clips and coarse probabilities, so that ties are common; sums of them are exact."""
    n_candidates = draw(st.integers(1, max_candidates))
    n_clips = draw(st.integers(1, max_clips))
    n_classes = draw(st.integers(2, max_classes))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    levels = draw(st.sampled_from([4, 16, 1024]))
    cuts = np.sort(rng.integers(0, levels + 1, (n_candidates, n_clips, n_classes - 1)), axis=-1)
    ends = np.full((n_candidates, n_clips, 1), levels)
    bounds = np.concatenate([np.zeros_like(ends), cuts, ends], axis=-1)
    if n_candidates > 1 and draw(st.booleans()):
        bounds[-1] = bounds[0]
    labels = rng.integers(0, draw(st.integers(1, n_classes)), n_clips)
    return np.diff(bounds, axis=-1) / levels, labels


@settings(max_examples=150)
@given(libraries(), st.integers(1, 12), st.sampled_from([None, 1, 2]))
def test_greedy_chooses_what_the_literal_rule_chooses(library, n_steps, max_members):
    probabilities, labels = library
    fast = greedy(probabilities, labels, n_steps=n_steps, max_members=max_members)
    chosen, scores = literal_greedy(probabilities, labels, n_steps, max_members)
    assert [step.member for step in fast.trajectory] == chosen
    assert [step.uar for step in fast.trajectory] == pytest.approx(scores, abs=1e-12)
    kept = chosen[: int(np.flatnonzero(np.array(scores) >= max(scores) - 1e-12)[0]) + 1]
    weights = {m: kept.count(m) / len(kept) for m in set(kept)}
    assert dict(zip(fast.members, fast.weights, strict=True)) == pytest.approx(weights)
    assert fast.uar == pytest.approx(max(scores), abs=1e-12)


@settings(max_examples=60)
@given(libraries(), st.integers(0, 5), st.integers(1, 8))
def test_bagged_selection_keeps_its_promises(library, seed, max_members):
    probabilities, labels = library
    families = ["even" if i % 2 else "odd" for i in range(len(probabilities))]
    chosen = bagged_greedy(
        probabilities, labels, families=families, max_members=max_members, seed=seed, n_steps=5
    )
    again = bagged_greedy(
        probabilities, labels, families=families, max_members=max_members, seed=seed, n_steps=5
    )
    assert chosen == again
    assert 1 <= len(chosen.members) <= max_members
    assert sum(chosen.weights) == pytest.approx(1)
    assert list(chosen.weights) == sorted(chosen.weights, reverse=True)
    assert tuple(step.member for step in chosen.trajectory) == chosen.members
    assert chosen.uar == chosen.trajectory[-1].uar


def test_what_one_voice_likes_gets_less_weight_than_it_has_in_plain_greedy():
    rng = np.random.default_rng(3)
    speakers = np.repeat(np.arange(8), [60, *[10] * 7])
    labels = np.arange(130) % 2
    right, known = np.eye(2)[labels], (speakers == 0)[:, None]
    by_chance = rng.dirichlet([1, 1], (5, 130))
    liked = np.where(known, right, 0.5 + 0.1 * (by_chance[0] - 0.5))  # right for voice 0 alone
    good = np.where(rng.random(130)[:, None] < 0.72, right, 1 - right)
    library = np.stack([liked, good, *by_chance[1:]])
    plain = dict(zip(*(lambda s: (s.members, s.weights))(greedy(library, labels)), strict=True))
    found = bagged_greedy(library, labels, speakers=speakers)
    weights = dict(zip(found.members, found.weights, strict=True))
    clips_alone = bagged_greedy(library, labels)
    alone = dict(zip(clips_alone.members, clips_alone.weights, strict=True))
    assert weights.get(0, 0) < min(plain[0], alone[0])
    assert weights[1] > alone[1]


def test_a_single_speaker_is_drawn_clip_by_clip():
    rng = np.random.default_rng(4)
    probabilities, labels = rng.dirichlet([1, 1], (6, 40)), rng.integers(0, 2, 40)
    one = bagged_greedy(probabilities, labels, speakers=np.full(40, 7))
    assert one == bagged_greedy(probabilities, labels)


def test_few_candidates_are_all_in_every_bag():
    rng = np.random.default_rng(6)
    labels = np.arange(90) % 3
    right = np.eye(3)[labels]
    noisy = [
        np.where(rng.random((90, 1)) < p, right, rng.dirichlet([1, 1, 1], 90)) for p in (0.5, 0)
    ]
    found = bagged_greedy(np.stack(noisy), labels, speakers=np.arange(90) // 15)
    weights = dict(zip(found.members, found.weights, strict=True))
    assert weights[0] > 0.7  # bags of one would give it half


def test_every_bag_has_every_class_however_few_speakers_have_it():
    rng = np.random.default_rng(5)
    speakers = np.repeat(np.arange(5), 8)
    labels = (speakers == 4).astype(int)  # a class of one speaker
    found = bagged_greedy(rng.dirichlet([1, 1], (4, 40)), labels, speakers=speakers)
    assert sum(found.weights) == pytest.approx(1)


def test_bags_take_the_same_share_of_every_family(monkeypatch):
    sizes = []
    draw = bagged._draw_bag

    def spy(groups, fraction, rng):
        bag = draw(groups, fraction, rng)
        sizes.append([int(np.isin(bag, group).sum()) for group in groups])
        return bag

    monkeypatch.setattr(bagged, "_draw_bag", spy)
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([1, 1, 1], (15, 20))
    families = ["big"] * 8 + ["middle"] * 4 + ["odd"] * 3
    bagged_greedy(probabilities, rng.integers(0, 3, 20), families=families)
    assert {tuple(size[:2]) for size in sizes} == {(4, 2)}
    assert {size[2] for size in sizes} == {1, 2}


def test_the_default_takes_at_most_eight_and_no_prefix_that_devel_prefers():
    rng = np.random.default_rng(0)
    probabilities, labels = rng.dirichlet([1, 1], (20, 30)), rng.integers(0, 2, 30)
    found = METHODS["bagged_greedy"](probabilities, labels)
    assert found.method == "bagged_greedy"
    assert len(found.members) == 8 == len(found.trajectory)
    assert found.uar < max(step.uar for step in found.trajectory)


def test_the_weighted_average_scores_what_the_selection_says():
    rng = np.random.default_rng(1)
    probabilities, labels = rng.dirichlet([2, 2, 2], (25, 60)), rng.integers(0, 3, 60)
    for chosen in (
        greedy(probabilities, labels, n_steps=8),
        bagged_greedy(probabilities, labels),
        best_single(probabilities, labels),
        uniform(probabilities, labels),
        top_k(probabilities, labels, k=4),
    ):
        total = chosen.scores(probabilities)
        assert total.sum(-1) == pytest.approx(np.ones(60))
        assert chosen.uar == pytest.approx(literal_uar(total, labels.tolist()))


def test_references_are_what_their_names_say():
    labels = np.array([0, 0, 1, 1])
    right = np.eye(2)[labels]
    wrong = 1 - right
    half = right.copy()
    half[0] = wrong[0]
    probabilities = np.stack([wrong, half, right, right])
    assert best_single(probabilities, labels).members == (2,)
    assert top_k(probabilities, labels, k=2).members == (2, 3)
    assert top_k(probabilities, labels, k=9).members == (0, 1, 2, 3)
    assert uniform(probabilities, labels).weights == (0.25,) * 4


def test_a_perfect_candidate_is_chosen_once():
    labels = np.array([0, 1])
    chosen = greedy(np.stack([np.eye(2), np.eye(2)]), labels)
    assert (chosen.members, chosen.weights, chosen.uar) == ((0,), (1.0,), 1.0)


@pytest.mark.parametrize("code", [0, 1])
def test_one_clip_of_one_class_is_enough(code):
    chosen = greedy([[[0.5, 0.5]]], [code])
    assert chosen.uar == (1.0 if code == 0 else 0.0)
    assert chosen.members == (0,)


@pytest.mark.parametrize(
    ("probabilities", "labels", "options", "message"),
    [
        ([[[np.nan, 0.5]]], [0], {}, "must be finite"),
        ([[[np.inf, 0.5]]], [0], {}, "must be finite"),
        (np.zeros((0, 1, 2)), [0], {}, "at least one candidate"),
        (np.zeros((1, 0, 2)), [], {}, "at least one clip"),
        ([[0.5, 0.5]], [0], {}, "axes"),
        ([[[0.5, 0.5]]], [0, 1], {}, "one class index per clip, got 2 for 1"),
        ([[[0.5, 0.5]]], [2], {}, r"class indices in \[0, 2\)"),
        ([[[0.5, 0.5]]], [0], {"n_steps": 0}, "n_steps must be at least 1, got n_steps=0"),
        ([[[0.5, 0.5]]], [0], {"max_members": 0}, "max_members must be at least 1"),
    ],
)
def test_what_cannot_be_selected_from_is_refused(probabilities, labels, options, message):
    for rule in (greedy, bagged_greedy):
        with pytest.raises(ValueError, match=message):
            rule(probabilities, labels, **options)


def test_fractions_and_families_of_bags_are_checked():
    library = np.full((3, 2, 2), 0.5), [0, 1]
    with pytest.raises(ValueError, match=r"fraction must lie in \(0, 1\], got fraction=0"):
        bagged_greedy(*library, fraction=0)
    with pytest.raises(ValueError, match="one key per candidate, got 2 for 3"):
        bagged_greedy(*library, families=["a", "b"])


def test_the_record_has_the_shape_of_ensemble_json():
    rng = np.random.default_rng(0)
    probabilities, labels = rng.dirichlet([1, 1], (4, 50)), rng.integers(0, 2, 50)
    chosen = greedy(probabilities, labels, n_steps=10)
    candidates = [Candidate((10 + i,), f"net {i}", 0.5) for i in range(4)]
    candidates[chosen.members[0]] = Candidate((3, 4), "twice", 0.6)
    record = ensemble_record(
        chosen,
        candidates,
        references=References(
            best_single(probabilities, labels),
            uniform(probabilities, labels),
            top_k(probabilities, labels, k=2),
        ),
        identity={"fold": 0},
    )
    assert json.loads(json.dumps(record)) == record
    assert set(record) == {
        "format", "method", "uar", "members", "imported", "trajectory", "references",
        "n_candidates", "identity", "apparent",
    }  # fmt: skip
    assert sum(member["weight"] for member in record["members"]) == pytest.approx(1)
    twice = [member for member in record["members"] if member["name"] == "twice"]
    assert [member["trial"] for member in twice] == [3, 4]
    assert twice[0]["candidate"] == twice[1]["candidate"] == 0
    assert record["imported"] == []
    assert twice[0]["weight"] == twice[1]["weight"] == chosen.weights[0] / 2
    assert record["references"]["top_k"]["k"] == 2
    assert record["references"]["uniform"]["n"] == 4
    assert set(record["references"]["best_single"]) == {"trial", "name", "uar"}
    assert record["apparent"] is True


@pytest.mark.slow
def test_a_library_of_the_reference_size_takes_seconds():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 15_000)
    first = rng.beta(2, 2, (200, 15_000))
    probabilities = np.stack([first, 1 - first], axis=-1).astype(np.float16)
    start = time.perf_counter()
    greedy(probabilities, labels, n_steps=50)
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("dtype", [np.float16, np.float64])
@pytest.mark.parametrize("n_classes", [2, 3, 40, 150])
def test_many_classes_are_scored_as_the_literal_rule_scores_them(n_classes, dtype):
    rng = np.random.default_rng(n_classes)
    labels = rng.permutation(np.arange(300) % n_classes)
    probabilities = rng.dirichlet(np.full(n_classes, 0.3), (6, 300))
    if dtype is np.float16:  # coarse, so that ties are common; sums of them are exact
        probabilities = probabilities.round(2)
    probabilities = probabilities.astype(dtype)
    probabilities[:, np.arange(300), labels] += dtype(0.25)
    values = probabilities.astype(np.float64)
    scorer = FusionScorer(values, labels)
    total = scorer.empty()
    for candidate in (1, 4, 4, 0):
        scorer.add(total, candidate)
        found = scorer.scores_with(total)
        assert found == pytest.approx([literal_uar(total + one, labels) for one in values])
        some = np.array([5, 2])
        assert (FusionScorer(values[some], labels).scores_with(total) == found[some]).all()
        assert scorer.score(total) == pytest.approx(literal_uar(total, labels))


def test_a_fusion_of_many_classes_takes_no_step_per_pair_of_them():
    rng = np.random.default_rng(0)
    labels = np.arange(2000) % 200
    probabilities = rng.gamma(0.3, 1, (10, 2000, 200))
    probabilities[:, np.arange(2000), labels] += 1.2
    probabilities /= probabilities.sum(axis=-1, keepdims=True)
    start = time.process_time()
    greedy(probabilities.astype(np.float16), labels, max_members=8)
    assert time.process_time() - start < 5  # 0.7 s; with a step per pair 18 s


def test_the_benchmark_prints_every_figure(capsys):
    ensemble_benchmark.main(
        ["--candidates", "4", "--clips", "60", "--trials", "3", "--epochs", "2"]
    )
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[0].startswith("4 candidates, 60 clips, 2 classes: greedy")
    assert "honest value with 25 bootstrap samples" in lines[3]
