# SPDX-License-Identifier: Apache-2.0
"""The ready-made sets of cases."""

from __future__ import annotations

from benchmarks.operators.cases import Case, StepCase, make_case

# name: data (N, C, H, W), filters, pad = dilate. 3x3 kernels, stride 1.
SHAPES = {
    "A": ((1, 512, 64, 128), 512, 2),  # res5 of DeepLab at 1024x2048
    "B": ((1, 256, 50, 84), 256, 1),  # a detector's stage at stride 16
    "C": ((32, 128, 28, 28), 128, 1),  # a classifier's stage, many small maps
}
# name: operator, num_offset_group (0: one per filter)
VARIANTS = {
    "v1": ("DeformableConvolution", None),
    "v2": ("ModulatedDeformableConvolution", None),
    "active": ("ActiveConvolution", 1),
    "active4": ("ActiveConvolution", 4),
    "active-each": ("ActiveConvolution", 0),
}
BOUNDARIES = ("inside", "zero", "border")
PASSES = {"forward": False, "training": True}
# The ratios to the plain convolution aimed at: (shape, training) -> (kernels alone, through MXNet).
_DEFORMABLE_GOALS = {
    ("A", False): (1.05, 1.08), ("A", True): (1.12, 1.15),
    ("B", False): (1.09, 1.13), ("B", True): (1.16, 1.20),
    ("C", False): (1.20, 1.25), ("C", True): (1.40, 1.50),
}  # fmt: skip
_ACTIVE_GOALS = {
    ("A", False): 1.08, ("A", True): 1.12,
    ("B", False): 1.12, ("B", True): 1.16,
    ("C", False): 1.20, ("C", True): 1.35,
}  # fmt: skip
_MEMORY_GOALS = {("A", True): 64}  # (shape, training) -> MiB beyond the output and gradients
GROUPS_GOAL = 1.5  # of active convolution with offset groups, over the form with one, at stride 1
ROI_GOAL = 0.2  # of the poolings, forward and backward, over stock's

COPY_GOALS = {False: 2.0, True: 3.0}  # of the dynamic filter, over what memory takes for its inputs and results


def conv_suite(shapes, variants, boundaries, passes, **settings) -> list:
    """Every combination. boundaries : names, or "default" for each operator's own. settings : fields of Case."""
    cases = []
    for shape in shapes:
        for variant in variants:
            for boundary in boundaries:
                for training in (PASSES[name] for name in passes):
                    cases.append(_conv_case(shape, variant, boundary, training, settings))
    return cases


def _conv_case(shape: str, variant: str, boundary: str, training: bool, settings: dict) -> Case:
    data, filters, reach = SHAPES[shape]
    operator, groups = VARIANTS[variant]
    attributes, suffix = _geometry(filters, reach), pass_name(training)
    if groups is not None:
        attributes["num_offset_group"] = groups or filters
    if boundary != "default":
        attributes["boundary"], suffix = boundary, f"{boundary} {suffix}"
    return make_case(
        f"{shape} {variant} {suffix}",
        operator,
        data,
        attributes,
        training=training,
        own_boundary=boundary == "default",
        goals=_goals(shape, variant, training, settings),
        memory_goal=_MEMORY_GOALS.get((shape, training), 0),
        ungrouped=f"{shape} active {suffix}" if groups not in (None, 1) else "",
        **settings,
    )


def _goals(shape: str, variant: str, training: bool, settings: dict) -> dict:
    if settings.get("dtype") == "float64":  # has no goal, nor the yardstick's fast code
        return {}
    if variant in ("v1", "v2"):
        return dict(zip(("numpy", "mxnet"), _DEFORMABLE_GOALS[shape, training]))
    return {"mxnet": _ACTIVE_GOALS[shape, training]} if variant == "active" else {}


def cost_suite(threads: tuple, passes, **settings) -> list:
    """(threads, case) pairs: shape B, then everything that cost may grow with, one at a time.

    threads : shape B is run with each; the rest with the last.
    """
    size, channels = (50, 84), 256
    changes = {
        "C=64": {"channels": 64},
        "C=128": {"channels": 128},
        "C=512": {"channels": 512},
        "K=64": {"filters": 64},
        "K=128": {"filters": 128},
        "K=512": {"filters": 512},
        "HxW=25x42": {"size": (25, 42)},
        "HxW=100x168": {"size": (100, 168)},
        "N=2": {"batch": 2},
        "N=4": {"batch": 4},
        "N=8": {"batch": 8},
        "std=8": {"offset_std": 8.0},
    }
    jobs = []
    for name in passes:

        def case(title, batch=1, channels=channels, filters=256, size=size, name=name, **others):
            fields = {**settings, **others, "training": PASSES[name]}
            data = (batch, channels, *size)
            full = f"{title} {pass_name(PASSES[name])}"
            return make_case(full, "DeformableConvolution", data, _geometry(filters, 1), **fields)

        jobs += [(count, case("base")) for count in threads]
        jobs += [(threads[-1], case(title, **change)) for title, change in changes.items()]
    return jobs


def roi_suite(passes, **settings) -> list:
    """R-FCN's poolings of 300 regions, 21 classes and 7 x 7 bins; the deformable one with 4 x 4 samples."""
    data, sizes = (1, 21 * 49, 38, 63), {"spatial_scale": 1 / 16, "output_dim": 21, "group_size": 7, "pooled_size": 7}
    cases = [("plain", "PSROIPooling", {}, 0)]
    for title, classes in (("still", 0), ("shared", 1), ("class-aware", 21)):
        moves = {"part_size": 7, "sample_per_part": 4, "trans_std": 0.1, "no_trans": classes == 0}
        cases.append((f"deformable, {title}", "DeformablePSROIPooling", moves, classes))
    return [
        make_case(
            f"{title} {pass_name(PASSES[name])}",
            operator,
            data,
            {**sizes, **attributes},
            {"rois": (300, 5), **({"trans": (300, 2 * classes, 7, 7)} if classes else {})},
            training=PASSES[name],
            goals={"numpy": ROI_GOAL, "mxnet": ROI_GOAL} if PASSES[name] else {},
            **settings,
        )
        for title, operator, attributes, classes in cases
        for name in passes
    ]


def dynamic_suite(passes, **settings) -> list:
    """The dynamic filter of the LS-DFN paper's segmentation: 24 filters, 5 x 5 samples 3 pixels from one another."""
    attributes = {"num_filter": 24, "kernel": (3, 3), "samples": (5, 5), "sample_stride": (3, 3)}
    return [
        make_case(
            f"64x64 {pass_name(PASSES[name])}",
            "DynamicFilter",
            (1, 256, 64, 64),
            attributes,
            training=PASSES[name],
            yardstick="copy",
            goals={"numpy": COPY_GOALS[PASSES[name]]},
            **settings,
        )
        for name in passes
    ]


def step_suite(config: str, overrides, **settings) -> list:
    return [StepCase("training step", config, tuple(overrides), **settings)]


def pass_name(training: bool) -> str:
    return "fwd+bwd" if training else "fwd"


def _geometry(filters: int, reach: int) -> dict:
    return {"kernel": (3, 3), "pad": (reach, reach), "dilate": (reach, reach), "num_filter": filters}
