"""Which tensor of a foreign file is which: by name, else by order, shape and role."""

from __future__ import annotations

import pytest

from search_spaces.grammar.errors import InputError
from study.weights.key_map import match_keys

WANTED = {
    "stem.weight": (4, 3),
    "bn.weight": (4,),
    "bn.bias": (4,),
    "bn.running_mean": (4,),
    "bn.num_batches_tracked": (),
    "fc.weight": (10, 4),
    "fc.bias": (10,),
}
HEAD = {"fc.weight", "fc.bias"}
BODY = [name for name in WANTED if name not in HEAD and not name.endswith("tracked")]


def named(prefix: str = "", **changes) -> dict[str, tuple[int, ...]]:
    return {prefix + name: shape for name, shape in {**WANTED, **changes}.items()}


def foreign(*, classes: int = 10) -> dict[str, tuple[int, ...]]:
    return {
        "a.weight": (4, 3), "b.weight": (4,), "b.bias": (4,), "b.running_mean": (4,),
        "b.num_batches_tracked": (), "z.weight": (classes, 4), "z.bias": (classes,),
    }  # fmt: skip


def match(given, *, ordered=True):
    return match_keys(WANTED, given, head=HEAD, ordered=ordered)


@pytest.mark.parametrize("prefix", ["", "module.", "encoder.model."])
@pytest.mark.parametrize("ordered", [True, False])
def test_names_that_fit_are_taken_in_any_order_and_behind_any_prefix(prefix, ordered):
    given = dict(reversed(named(prefix).items())) | {"other.weight": (4, 3)}
    names, how = match(given, ordered=ordered)
    assert names == {name: prefix + name for name in [*BODY, "fc.weight", "fc.bias"]}
    assert how.startswith("6 tensors matched by name (stem.weight")
    assert "1 of the file's tensors left out, 1 counters num_batches_tracked left out" in how


def test_names_that_do_not_fit_are_matched_by_order_and_shape():
    names, how = match(foreign())
    assert list(names) == [*BODY, "fc.weight", "fc.bias"]
    assert list(names.values()) == [n for n in foreign() if not n.endswith("tracked")]
    assert how.startswith("6 tensors matched by order and shape (stem.weight from a.weight)")


def test_a_classifier_of_other_classes_is_left_out_and_one_that_is_missing_not_missed():
    names, how = match(foreign(classes=7))
    assert list(names) == BODY
    assert "the classifier (fc.weight, fc.bias) not taken" in how
    headless = {name: shape for name, shape in foreign().items() if name[0] != "z"}
    assert list(match(headless).names) == BODY
    assert list(match(named(**{"fc.weight": (7, 4), "fc.bias": (7,)})).names) == BODY


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"b.weight": (5,)},
            "its tensor 2 is b.weight of shape 5, where the network has bn.weight of shape 4",
        ),
        (
            {"z.weight": (10, 5)},
            "2 tensors after the network's body, the first z.weight of shape 10 x 5",
        ),
        ({"more": (1,)}, "3 tensors after the network's body"),
    ],
)
def test_shapes_that_do_not_fit_are_refused_with_the_first(change, sentence):
    with pytest.raises(InputError, match=sentence):
        match(foreign() | change)


def test_tensors_of_one_shape_are_told_apart_by_their_role():
    """Weight and bias of a norm have one shape: another order would be taken in silence."""
    given = foreign()
    swapped = {name: given[name] for name in ["a.weight", "b.bias", "b.weight", *list(given)[3:]]}
    with pytest.raises(
        InputError, match=r"its tensor 2 is b\.bias of shape 4, where the network has bn\.weight"
    ):
        match(swapped)


def test_too_few_tensors_and_files_without_an_order_are_refused():
    with pytest.raises(InputError, match="it holds 1 tensors, the network's body has 4"):
        match({"a.weight": (4, 3)})
    with pytest.raises(InputError, match=r"4 tensors of the network are .* the first stem"):
        match(foreign(), ordered=False)
