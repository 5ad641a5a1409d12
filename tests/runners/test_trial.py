"""One trial in this process: the same numbers again, also from a checkpoint."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score

from runners.batches import class_weights
from runners.checkpoint import load_checkpoint, save_checkpoint
from runners.evaluation import predict, uar
from runners.faults import NonFiniteLossError
from runners.model import load_weights, make_classifier
from runners.training import Training
from runners.trial import CHECKPOINT, run_trial
from search_spaces import InputError, TrialSpec
from support.tiny_trial import CPU, RATE, files, job, recipe, run, spec


def test_a_trial_learns_and_leaves_what_the_study_needs(whole, task_and_waveforms):
    task, waveforms = task_and_waveforms
    folder, done, events = whole
    assert done["state"] == "complete"
    assert max(done["uar_per_epoch"]) > 0.8
    assert [e["epoch"] for e in events] == [1, 2, 3]
    devel = np.load(folder / "devel.npy", allow_pickle=False)
    assert (devel.shape, devel.dtype) == ((3, 40, 2), np.float16)
    for told, values in zip(done["uar_per_epoch"], devel, strict=True):
        assert told == balanced_accuracy_score(task.labels["devel"], values.argmax(1))
    assert done["best_epoch"] == 1 + int(np.argmax(done["uar_per_epoch"]))
    model = make_classifier(spec(), sampling_rate=RATE, n_samples=waveforms.length, n_classes=2)
    about = load_weights(model, folder / "model.safetensors")
    assert about["epoch"] == done["best_epoch"]
    assert TrialSpec.from_dict(about["spec"]) == spec()
    for name, stored in (("devel", devel[done["best_epoch"] - 1]), ("test", None)):
        again = predict(model, waveforms, waveforms.cover(task.partitions[name]), CPU).numpy()
        expected = np.load(folder / "test.npy") if stored is None else stored
        np.testing.assert_allclose(again, expected, atol=1e-3 if name == "devel" else 1e-6)


def test_the_same_spec_and_seed_give_the_same_bytes(tmp_path, whole, task_and_waveforms):
    torch.rand(7)  # another state of the global generator
    run(job(tmp_path / "b"), task_and_waveforms)
    assert files(tmp_path / "b") == files(whole[0], but=CHECKPOINT)
    run(job(tmp_path / "c", dataclasses.replace(spec(), seed=1)), task_and_waveforms)
    assert files(tmp_path / "c") != files(tmp_path / "b")


def test_a_trial_taken_up_from_a_checkpoint_gives_the_same_bytes(
    tmp_path, whole, task_and_waveforms
):
    class KilledError(Exception):
        pass

    def die(event):
        if event["event"] == "epoch" and event["epoch"] == 3:
            raise KilledError

    first = job(tmp_path / "first", checkpoint_s=0.0)
    with pytest.raises(KilledError):
        run_trial(first, *task_and_waveforms, CPU, report=die, verdict=lambda epoch: False)
    torch.rand(5)
    second = job(tmp_path / "second", checkpoint=str(tmp_path / "first" / CHECKPOINT))
    done, events = run(second, task_and_waveforms)
    assert [e["event"] for e in events] == ["resumed", "epoch"]
    assert events[0]["devel_uar"] == done["uar_per_epoch"][1]
    assert files(tmp_path / "second") == files(whole[0], but=CHECKPOINT)
    assert len(done["uar_per_epoch"]) == 3


def test_a_worker_killed_before_it_reports_its_end_has_not_lost_its_checkpoint(
    tmp_path, whole, task_and_waveforms
):
    again = job(tmp_path, checkpoint=str(whole[0] / CHECKPOINT))
    done, events = run(again, task_and_waveforms)
    assert [e["event"] for e in events] == ["resumed"]
    assert done["files"] == whole[1]["files"]


def test_a_damaged_checkpoint_only_costs_time(tmp_path, whole, task_and_waveforms):
    (tmp_path / "torn").write_bytes(b"\x08\0\0\0\0\0\0\0{}")
    run(job(tmp_path / "again", checkpoint=str(tmp_path / "torn")), task_and_waveforms)
    assert files(tmp_path / "again") == files(whole[0], but=CHECKPOINT)


def test_a_checkpoint_of_another_spec_is_not_used(tmp_path, task_and_waveforms):
    training = Training(job(tmp_path), *task_and_waveforms, CPU)
    other = Training(job(tmp_path, dataclasses.replace(spec(), seed=5)), *task_and_waveforms, CPU)
    assert not other.set_state(training.state())
    assert training.set_state(training.state())


def test_a_pruned_trial_keeps_the_epochs_up_to_its_rung_whatever_came_after(
    tmp_path, task_and_waveforms
):
    asked = []

    def verdict(epoch):
        asked.append(epoch)
        return epoch == 2

    done, events = run(job(tmp_path, rungs=(1, 2)), task_and_waveforms, verdict=verdict)
    assert done["state"] == "pruned"
    assert asked == [1, 2]
    assert len(events) == len(done["uar_per_epoch"]) == 2
    assert np.load(tmp_path / "devel.npy").shape[0] == 2


def test_a_refit_stops_at_its_best_epoch_of_the_whole_schedule(tmp_path, whole, task_and_waveforms):
    part, _ = run(job(tmp_path, last_epoch=2), task_and_waveforms)
    assert part["train_loss_per_epoch"] == whole[1]["train_loss_per_epoch"][:2]


def test_without_devel_the_last_epoch_is_kept(tmp_path, task_and_waveforms):
    task, waveforms = task_and_waveforms
    blind = dataclasses.replace(
        task,
        partitions={**task.partitions, "devel": ()},
        labels={**task.labels, "devel": ()},
    )
    done, _ = run(job(tmp_path, last_epoch=2), (blind, waveforms))
    assert done["best_epoch"] == 2
    assert sorted(done["files"]) == ["model.safetensors", "test.npy"]


def test_accumulated_gradients_equal_the_whole_batch(tmp_path, task_and_waveforms):
    losses = []
    for accumulate in (1, 4):
        quiet = dataclasses.replace(
            spec(backbone={"kind": "test_vit"}), augment=(), image=spec().image
        )
        training = Training(job(tmp_path, quiet, accumulate=accumulate), *task_and_waveforms, CPU)
        training.model.train()
        losses.append([float(training._step(torch.arange(16))) for _ in range(3)])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


def test_a_loss_that_is_not_finite_fails_with_its_epoch(tmp_path, task_and_waveforms):
    wild = spec(optimizer={"kind": "sgd", "lr": 1e30})
    with pytest.raises(NonFiniteLossError, match="in epoch 1"):
        run(job(tmp_path, wild), task_and_waveforms)


def test_the_linear_baseline_is_a_trial_of_one_epoch_and_a_network(tmp_path, task_and_waveforms):
    task, waveforms = task_and_waveforms
    made = spec(backbone={"kind": "band_svm"})
    done, events = run(job(tmp_path, made), task_and_waveforms)
    assert len(events) == 1
    assert done["uar_per_epoch"][0] > 0.7
    model = make_classifier(made, sampling_rate=RATE, n_samples=waveforms.length, n_classes=2)
    load_weights(model, tmp_path / "model.safetensors")
    again = predict(model, waveforms, waveforms.cover(task.partitions["devel"]), CPU).numpy()
    np.testing.assert_allclose(again, np.load(tmp_path / "devel.npy")[0], atol=1e-3)


@pytest.mark.parametrize(
    "name", ["test_resnet", "test_convnext", "test_efficientnet", "test_vit", "test_byobnet"]
)
def test_any_backbone_takes_an_image_of_any_size(name, task_and_waveforms):
    _, waveforms = task_and_waveforms
    for height, width in ((33, 47), (64, 96)):
        made = spec(backbone={"kind": name}, image={"height": height, "width": width})
        model = make_classifier(made, sampling_rate=RATE, n_samples=waveforms.length, n_classes=3)
        assert model(torch.randn(2, waveforms.length)).shape == (2, 3)


def test_pretrained_weights_from_a_file_are_loaded_and_their_first_layer_adapted(tmp_path):
    import timm
    from safetensors.torch import save_file

    trained = timm.create_model("test_resnet", num_classes=7)
    state = {name: value.contiguous() for name, value in trained.state_dict().items()}
    save_file(state, tmp_path / "w.safetensors")
    made = spec(backbone={"kind": "test_resnet", "pretrained": str(tmp_path / "w.safetensors")})
    model = make_classifier(
        made, sampling_rate=RATE, n_samples=RATE, n_classes=2, weights=tmp_path / "w.safetensors"
    )
    name = "layer4.0.conv1.weight"
    torch.testing.assert_close(model.backbone.state_dict()[name], state[name])
    assert model.backbone.conv1[0].weight.shape[1] == 1


def test_weights_that_are_damaged_or_of_another_network_are_a_sentence(tmp_path):
    model = make_classifier(spec(), sampling_rate=RATE, n_samples=RATE, n_classes=2)
    (tmp_path / "torn.safetensors").write_bytes(b"\xff" * 64)
    with pytest.raises(InputError, match=r"torn.safetensors: cannot be read as weights"):
        load_weights(model, tmp_path / "torn.safetensors")
    save_checkpoint({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="holds the weights of another network"):
        load_weights(model, tmp_path / "other.safetensors")


def test_checkpoints_round_trip_nested_states(tmp_path):
    state = {"a": [1, 2.5, None, "x"], "b": {3: torch.arange(4), "c": torch.tensor(1.5)}, "d": True}
    save_checkpoint(state, tmp_path / "c.safetensors")
    again = load_checkpoint(tmp_path / "c.safetensors")
    assert again is not None
    assert (again["a"], again["d"]) == (state["a"], True)
    assert torch.equal(again["b"][3], torch.arange(4))
    assert load_checkpoint(tmp_path / "missing") is None


def test_class_weights_balance_the_classes_and_keep_the_mean_loss():
    labels = torch.tensor([0] * 9 + [1] * 3)
    weights = class_weights(labels, 3)
    torch.testing.assert_close(weights[0] * 9, weights[1] * 3)
    torch.testing.assert_close(weights[labels].mean(), torch.tensor(1.0))


@pytest.mark.parametrize("seed", range(5))
def test_uar_is_balanced_accuracy(seed):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, 50)
    probabilities = rng.random((50, 4))
    expected = balanced_accuracy_score(labels, probabilities.argmax(1))
    assert uar(probabilities, labels) == pytest.approx(expected, abs=1e-12)


def test_devel_images_are_made_once_where_they_are_few_and_change_no_probability(
    quick, tmp_path, monkeypatch
):
    task, waveforms = quick
    curves, made = [], []
    for most in (0, 2**27):
        monkeypatch.setattr("runners.evaluation.KEPT_BYTES", most)
        training = Training(job(tmp_path, recipe()), task, waveforms, CPU)
        front_end = training.model.front_end
        calls = []
        front_end.register_forward_hook(lambda *_, calls=calls: calls.append(1))
        list(training.epochs())
        curves.append(np.stack(training.curves.devel))
        made.append(len(calls))
    assert np.array_equal(*curves)
    assert made[0] - made[1] == 2  # of three evaluations, of one batch each


def test_images_of_a_front_end_that_learns_are_made_anew(quick, tmp_path):
    learning = recipe(amplitude={"kind": "pcen", "trainable": True})
    assert Training(job(tmp_path, learning), *quick, CPU).kept is None
