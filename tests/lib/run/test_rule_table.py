# SPDX-License-Identifier: Apache-2.0
"""How a table becomes a rule for every parameter: the first row that fits, by what a parameter steers, not its name."""

from __future__ import annotations

import pytest

from lib.run.rules import Row, Rule, rules

TABLE = (
    Row(r".*_bias", 2.0, "zeros", steers="deformable"),
    Row(r".*", 1.0, "zeros", steers="deformable"),
    Row(r"a_weight", 3.0, "msra", pretrained=True),
    Row(r"frozen.*", 0.0, "ones"),
    Row(r".*_(weight|bias|gamma|beta|moving_mean|moving_var)", 1.0, "normal"),
)


def made(*names, steers=None, fixed=()):
    return rules(TABLE, names, steers or {}, fixed, "the file")


def test_the_first_row_that_fits_the_whole_name_counts():
    found = made("a_weight", "aa_weight")
    assert found == {
        "a_weight": Rule(3.0, 1.0, "write", "msra", True),
        "aa_weight": Rule(1.0, 1.0, "write", "normal", False),
    }


def test_what_steers_a_layer_follows_the_rows_of_its_kind_however_it_is_called():
    for name in ("rfcn_cls_offset_t_weight", "a_weight", "x"):
        assert made(name, steers={name: "deformable"})[name].init == "zeros"
    assert made("t_bias", steers={"t_bias": "deformable"})["t_bias"].lr_mult == 2.0
    assert made("res5a_branch2b_offset_bias")["res5a_branch2b_offset_bias"].init == "normal"  # it steers nothing


def test_only_weights_and_gammas_decay_and_statistics_are_not_trained():
    found = made("b_weight", "b_gamma", "b_beta", "b_bias", "b_moving_mean", "b_moving_var")
    assert {name: rule.wd_mult for name, rule in found.items()} == {
        "b_weight": 1, "b_gamma": 1, "b_beta": 0, "b_bias": 0, "b_moving_mean": 0, "b_moving_var": 0
    }  # fmt: skip
    assert [name for name, rule in found.items() if rule.grad_req == "null"] == ["b_moving_mean", "b_moving_var"]


def test_fixed_and_a_multiplier_of_0_stop_the_training():
    found = made("frozen1", "b_weight", "c_weight", fixed=["b_w"])
    assert [rule.grad_req for rule in found.values()] == ["null", "null", "write"]


def test_a_name_that_no_row_knows_is_an_error_that_lists_the_forms():
    with pytest.raises(
        ValueError, match=r"parameter 'b_scale': no row of the table in the file matches; known forms: a"
    ):
        made("b_scale")
    with pytest.raises(ValueError, match=r"'p' \(it steers a layer of kind shift\): no row .*; known forms: none"):
        made("p", steers={"p": "shift"})
