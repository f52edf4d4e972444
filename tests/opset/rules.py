#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Upgrade rules against numbers: rules.py TENON

Small models of old operator sets are converted to new ones, and what comes out is computed by ONNX
Runtime. What it should be is said by NumPy here, or by ONNX Runtime on the old model. Exit status 77:
skipped, with the reason.
"""
import itertools
import os
import subprocess
import sys
import tempfile

try:
    import numpy as np
    import onnx
    import onnxruntime
    from onnx import parser
    onnxruntime.set_default_logger_severity(4)
except ImportError as error:
    print(f"skipped: the Python package {error.name} is not installed")
    sys.exit(77)

RANDOM = np.random.default_rng(0)
CASES = []


def data(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def case(name, opset, text, feeds, expected=None):
    """expected: a function of the feeds, a list of results; None: ask ONNX Runtime."""
    CASES.append((name, opset, text, feeds, expected))


def spread(values):
    """One number a channel, for float[N, C, H, W]."""
    return values[None, :, None, None]


def broadcast_cases():
    x, rows, first, last, channel = data(2, 3, 4, 5), data(3, 4), data(2), data(4, 5), data(3)
    shape = "float[2, 3, 4, 5]"

    def one(name, attributes, operator, type_, b, result):
        case(name, 6, f"g ({shape} x, {type_} b) => ({shape} y) {{ y = {operator} {attributes} (x, b) }}",
             {"x": x, "b": b}, lambda: [result])
    one("add_axis_1", "<broadcast = 1, axis = 1>", "Add", "float[3, 4]", rows, x + rows[None, :, :, None])
    one("mul_axis_0", "<broadcast = 1, axis = 0>", "Mul", "float[2]", first, x * first[:, None, None, None])
    one("div_axis_-3", "<broadcast = 1, axis = -3>", "Div", "float[3]", channel, x / spread(channel))
    one("sub_suffix", "<broadcast = 1>", "Sub", "float[4, 5]", last, x - last)
    one("prelu", "", "PRelu", "float[3]", channel, np.where(x < 0, x * spread(channel), x))
    a, b = RANDOM.integers(0, 3, (2, 3, 4)).astype(np.int32), RANDOM.integers(0, 3, 3).astype(np.int32)
    case("equal_axis_1", 6, "g (int32[2, 3, 4] x, int32[3] b) => (bool[2, 3, 4] y) "
         "{ y = Equal <broadcast = 1, axis = 1> (x, b) }", {"x": a, "b": b}, lambda: [a == b[None, :, None]])
    left, right, row = data(2, 3), data(3, 4), data(4)
    case("gemm", 6, "g (float[2, 3] a, float[3, 4] b, float[4] c) => (float[2, 4] y) "
         "{ y = Gemm <broadcast = 1, alpha = 0.5> (a, b, c) }", {"a": left, "b": right, "c": row},
         lambda: [0.5 * left @ right + row])


def input_cases():
    x = data(4, 5)
    for name, opset, attributes, operator, result in [
            ("clip", 6, "<min = -0.5, max = 0.25>", "Clip", "float[4, 5] y"),
            ("clip_max", 9, "<max = 0.25>", "Clip", "float[4, 5] y"),
            ("pad", 2, "<pads = [1, 2, 1, 1], value = 1.5>", "Pad", "float[6, 8] y"),
            ("pad_reflect", 9, '<mode = "reflect", pads = [1, 2, 1, 1]>', "Pad", "float[6, 8] y"),
            ("pad_crop", 9, "<pads = [-1, 2, 1, -1]>", "Pad", "float[4, 6] y"),
            ("slice", 9, "<axes = [1, 0], starts = [1, -3], ends = [4, 1000]>", "Slice", "float[3, 3] y"),
            ("slice_in_order", 9, "<starts = [1, 1], ends = [3, 4]>", "Slice", "float[2, 3] y"),
            ("split_sizes", 11, "<axis = 0, split = [1, 3]>", "Split", "float[1, 5] y, float[3, 5] z"),
            ("split_equal", 2, "<axis = 0>", "Split", "float[2, 5] y, float[2, 5] z"),
            ("top_k", 9, "<k = 3>", "TopK", "float[4, 3] y, int64[4, 3] z"),
            ("unsqueeze", 11, "<axes = [0, 2]>", "Unsqueeze", "float[1, 4, 1, 5] y"),
    ]:
        names = "y, z" if "z" in result else "y"
        case(name, opset, f"g (float[4, 5] x) => ({result}) {{ {names} = {operator} {attributes} (x) }}", {"x": x})
    ones = data(1, 6, 1, 5)
    for attributes in ["<axes = [0, 2]>", ""]:
        case("squeeze" + attributes, 11, "g (float[1, 6, 1, 5] x) => (float[6, 5] y) "
             f"{{ y = Squeeze {attributes} (x) }}", {"x": ones})
    positive = np.abs(data(3, 4, 5))
    for operator in ["L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare"]:
        for attributes, result in [("<axes = [1], keepdims = 0>", "float[3, 5]"), ("", "float[1, 1, 1]")]:
            case(f"Reduce{operator}{attributes}", 11, f"g (float[3, 4, 5] x) => ({result} y) "
                 f"{{ y = Reduce{operator} {attributes} (x) }}", {"x": positive})
    case("reshape", 4, "g (float[4, 5] x) => (float[2, 10] y) { y = Reshape <shape = [2, -1]> (x) }", {"x": x},
         lambda: [x.reshape(2, 10)])
    case("tile", 5, "g (float[4, 5] x) => (float[4, 15] y) <int64 t = {3}, int64 a = {1}> { y = Tile (x, t, a) }",
         {"x": x}, lambda: [np.tile(x, (1, 3))])
    wave = data(1, 8, 6, 1)
    for attributes in ["", "<axis = 2>"]:
        case("dft" + attributes, 17, f"g (float[1, 8, 6, 1] x) => (float[1, 8, 6, 2] y) {{ y = DFT {attributes} (x) }}",
             {"x": wave})


def softmax_cases():
    x = data(2, 3, 4)
    for operator, axis in itertools.product(["Softmax", "LogSoftmax", "Hardmax"], ["", 0, 1, 2, -1, -2]):
        attributes = f"<axis = {axis}>" if axis != "" else ""
        case(f"{operator}{attributes}", 11, f"g (float[2, 3, 4] x) => (float[2, 3, 4] y) "
             f"{{ y = {operator} {attributes} (x) }}", {"x": x})


def normalization_cases():
    x, shape = data(2, 3, 4, 5), "float[2, 3, 4, 5]"

    def model(parameter, attributes, outputs="y", more=""):
        return (f"g ({shape} x, {parameter} s, {parameter} b, {parameter} m, {parameter} v) => ({shape} y{more}) "
                f"{{ {outputs} = BatchNormalization <{attributes}epsilon = 0.001> (x, s, b, m, v) }}")
    s, b, m, v = (np.abs(data(3)) + 0.1 for _ in range(4))
    feeds = {"x": x, "s": s, "b": b, "m": m, "v": v}
    for opset, attributes in [(9, ""), (7, "spatial = 1, "), (6, "is_test = 1, ")]:
        case(f"batch_normalization_{opset}", opset, model("float[3]", attributes), feeds,
             lambda: [(x - spread(m)) / np.sqrt(spread(v) + 0.001) * spread(s) + spread(b)])
    places = {name: np.abs(data(3, 4, 5)) + 0.1 for name in "sbmv"}
    case("batch_normalization_places", 7, model("float[3, 4, 5]", "spatial = 0, "), {"x": x, **places},
         lambda: [(x - places["m"]) / np.sqrt(places["v"] + 0.001) * places["s"] + places["b"]])
    mean, variance = x.mean((0, 2, 3)), x.var((0, 2, 3))
    case("batch_normalization_training", 9,
         model("float[3]", "momentum = 0.75, ", "y, p, q", ", float[3] p, float[3] q"), feeds,
         lambda: [(x - spread(mean)) / np.sqrt(spread(variance) + 0.001) * spread(s) + spread(b),
                  m * 0.75 + mean * 0.25, v * 0.75 + variance * 0.25])
    y, scale, bias = data(2, 4, 3, 3), data(2), data(2)

    def groups():
        rows = y.reshape(2, 2, -1)
        rows = (rows - rows.mean(-1, keepdims=True)) / np.sqrt(rows.var(-1, keepdims=True) + 1e-5)
        return [rows.reshape(y.shape) * spread(np.repeat(scale, 2)) + spread(np.repeat(bias, 2))]
    case("group_normalization", 18, "g (float[2, 4, 3, 3] x, float[2] s, float[2] b) => (float[2, 4, 3, 3] y) "
         "{ y = GroupNormalization <num_groups = 2> (x, s, b) }", {"x": y, "s": scale, "b": bias}, groups)
    z = data(5)
    for opset, attributes in [(7, "<ratio = 0.9>"), (6, "<is_test = 1>")]:
        case(f"dropout_{opset}", opset, f"g (float[5] x) => (float[5] y) {{ y = Dropout {attributes} (x) }}", {"x": z},
             lambda: [z])


def resize_cases():
    x, small = data(1, 1, 4, 6), data(1, 1, 2, 3)
    for scales, mode in itertools.product([(2, 3), (0.5, 0.6), (2, 0.5)], ["nearest", "linear"]):
        height, width = int(4 * scales[0]), int(np.floor(np.float32(6) * np.float32(scales[1])))
        case(f"resize_10_{mode}_{scales}", 10, f"g (float[1, 1, 4, 6] x) => (float[1, 1, {height}, {width}] y) "
             f"<float[4] s = {{1.0, 1.0, {scales[0]}, {scales[1]}}}> {{ y = Resize <mode = \"{mode}\"> (x, s) }}",
             {"x": x})
    head = "g (float[1, 1, 2, 3] x) => (float[1, 1, 4, 9] y)"
    case("upsample_1", 6, head + ' { y = Upsample <mode = "nearest", height_scale = 2.0, width_scale = 3.0> (x) }',
         {"x": small}, lambda: [small.repeat(2, 2).repeat(3, 3)])
    case("upsample_7", 7, head + ' { y = Upsample <mode = "nearest", scales = [1.0, 1.0, 2.0, 3.0]> (x) }', {"x": small})
    case("upsample_9", 9, head + ' <float[4] s = {1, 1, 2, 3}> { y = Upsample <mode = "linear"> (x, s) }', {"x": small})
    case("resize_11_sizes", 11, head + ' <float[0] r = {}, float[0] s = {}, int64[4] z = {1, 1, 4, 9}> { y = Resize '
         '<mode = "linear", coordinate_transformation_mode = "align_corners"> (x, r, s, z) }', {"x": small})
    for rounding in ["", ', nearest_mode = "floor"']:
        case("resize_11_half_pixel" + rounding, 11, "g (float[1, 1, 4, 6] x) => (float[1, 1, 6, 9] y) "
             "<float[0] r = {}, float[4] s = {1, 1, 1.5, 1.5}> { y = Resize <mode = \"nearest\", "
             f'coordinate_transformation_mode = "tf_half_pixel_for_nn"{rounding}> (x, r, s) }}', {"x": x})


def other_cases():
    x, y = data(2, 3), data(2, 1)
    case("cast", 4, "g (float[2, 3] x) => (int32[2, 3] y) { y = Cast <to = \"INT32\"> (x) }", {"x": x * 10},
         lambda: [(x * 10).astype(np.int32)])
    case("concat", 3, "g (float[2, 3] x, float[2, 1] z) => (float[2, 4] y) { y = Concat (x, z) }", {"x": x, "z": y},
         lambda: [np.concatenate([x, y], 1)])
    case("selu", 1, "g (float[2, 3] x) => (float[2, 3] y) { y = Selu (x) }", {"x": x},
         lambda: [1.0507 * np.where(x > 0, x, 1.6732 * np.exp(x) - 1.6732)])
    case("consumed_inputs", 5, "g (float[2, 3] x) => (float[2, 3] y) { y = Relu <consumed_inputs = [0]> (x) }", {"x": x},
         lambda: [np.maximum(x, 0)])
    square = np.abs(data(1, 1, 4, 4))
    case("lp_pool", 1, "g (float[1, 1, 4, 4] x) => (float[1, 1, 3, 3] y) { y = LpPool <kernel_shape = [2, 2], p = 2.0> (x) }",
         {"x": square}, lambda: [np.sqrt(sum(square[:, :, i:i + 3, j:j + 3] ** 2 for i in (0, 1) for j in (0, 1)))])
    case("global_lp_pool", 1, "g (float[1, 1, 4, 4] x) => (float[1, 1, 1, 1] y) { y = GlobalLpPool <p = 3.0> (x) }",
         {"x": square}, lambda: [((square ** 3).sum() ** (1 / 3)).reshape(1, 1, 1, 1)])
    grid = np.clip(data(1, 3, 3, 2), -1, 1)
    for mode in ["", '<mode = "bicubic">', '<mode = "nearest">']:
        case("grid_sample" + mode, 16, "g (float[1, 1, 4, 4] x, float[1, 3, 3, 2] z) => (float[1, 1, 3, 3] y) "
             f"{{ y = GridSample {mode} (x, z) }}", {"x": square, "z": grid})
    case("roi_align", 10, "g (float[1, 1, 8, 8] x, float[2, 4] r, int64[2] i) => (float[2, 1, 3, 3] y) "
         "{ y = RoiAlign <output_height = 3, output_width = 3, sampling_ratio = 2> (x, r, i) }",
         {"x": data(1, 1, 8, 8), "r": np.array([[0, 0, 5, 5], [1, 2, 6, 7]], np.float32), "i": np.zeros(2, np.int64)})
    case("scatter", 9, "g (float[3, 3] x, int64[2, 3] i, float[2, 3] u) => (float[3, 3] y) { y = Scatter (x, i, u) }",
         {"x": data(3, 3), "i": np.array([[1, 0, 2], [0, 2, 1]]), "u": data(2, 3)})
    for operator, gates in [("RNN", 1), ("GRU", 3), ("LSTM", 4)]:
        case(operator, 7, f"g (float[4, 2, 3] x, float[1, {gates * 5}, 3] w, float[1, {gates * 5}, 5] r) => "
             f"(float[1, 2, 5] h) {{ , h = {operator} <hidden_size = 5> (x, w, r) }}",
             {"x": data(4, 2, 3), "w": data(1, gates * 5, 3), "r": data(1, gates * 5, 5)})
    case("scan", 8, "g (float[1, 2] i, float[1, 3, 2] x) => (float[1, 2] y, float[1, 3, 2] z) { y, z = Scan "
         "<num_scan_inputs = 1, body = b (float[2] s, float[2] n) => (float[2] t, float[2] o) "
         "{ t = Add (s, n) o = Identity (t) }> (, i, x) }", {"i": data(1, 2), "x": data(1, 3, 2)})
    start, steps = data(3, 2), data(3, 4, 2)
    case("scan_batch", 8, "g (float[3, 2] i, float[3, 4, 2] x) => (float[3, 2] y, float[3, 4, 2] z) { y, z = Scan "
         "<num_scan_inputs = 1, body = b (float[2] s, float[2] n) => (float[2] t, float[2] o) "
         "{ t = Add (s, n) o = Identity (t) }> (, i, x) }", {"i": start, "x": steps},
         lambda: [start + steps.sum(1), start[:, None] + steps.cumsum(1)])
    case("affine", 1, "g (float[2, 3] x) => (float[2, 3] y) { y = Affine <alpha = 2.0, beta = 0.5> (x) }", {"x": x},
         lambda: [2 * x + 0.5])
    case("scaled_tanh", 1, "g (float[2, 3] x) => (float[2, 3] y) { y = ScaledTanh <alpha = 2.0, beta = 0.5> (x) }",
         {"x": x}, lambda: [2 * np.tanh(0.5 * x)])
    image = data(1, 3, 2, 2)
    case("image_scaler", 1, "g (float[1, 3, 2, 2] x) => (float[1, 3, 2, 2] y) "
         "{ y = ImageScaler <scale = 2.0, bias = [1.0, 2.0, 3.0]> (x) }", {"x": image},
         lambda: [2 * image + spread(np.array([1, 2, 3], np.float32))])


def compute(model, feeds):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return session.run(None, feeds)


def tree_cases():
    """Trees as ONNX Runtime walks them: several targets a leaf, a tree of one leaf, missing values."""
    x = data(64, 3)
    x[::7, 1] = np.nan
    nodes = ("nodes_treeids = [0, 0, 0, 0, 0, 1, 1, 1, 2], nodes_nodeids = [0, 1, 2, 3, 4, 7, 5, 6, 0], "
             'nodes_modes = ["BRANCH_LEQ", "BRANCH_GT", "LEAF", "LEAF", "LEAF", "BRANCH_LT", "LEAF", "LEAF", "LEAF"], '
             "nodes_featureids = [1, 0, 0, 0, 0, 2, 0, 0, 0], "
             "nodes_values = [0.1, -0.3, 0.0, 0.0, 0.0, 0.2, 0.0, 0.0, 0.0], "
             "nodes_truenodeids = [1, 2, 0, 0, 0, 5, 0, 0, 0], nodes_falsenodeids = [4, 3, 0, 0, 0, 6, 0, 0, 0]")
    single = ("target_treeids = [0, 0, 0, 1, 1, 2], target_nodeids = [2, 3, 4, 5, 6, 0], "
              "target_ids = [0, 0, 0, 0, 0, 0], target_weights = [1.5, -2.0, 0.25, 4.0, 8.0, 0.5]")
    several = ("target_treeids = [0, 0, 0, 0, 1, 1, 2, 2], target_nodeids = [2, 3, 3, 4, 5, 6, 0, 0], "
               "target_ids = [0, 0, 1, 1, 0, 1, 0, 1], target_weights = [1.5, -2.0, 3.0, 0.25, 4.0, 8.0, 0.5, 0.75]")
    tracks = "nodes_missing_value_tracks_true = [1, 0, 0, 0, 0, 0, 0, 0, 0]"

    def one(name, targets, attributes):
        case(name, 15, f"g (float[64, 3] x) => (float[64, {targets}] y) {{ y = ai.onnx.ml.TreeEnsembleRegressor "
             f"<n_targets = {targets}, {nodes}, {attributes}> (x) }}", {"x": x})
    one("trees", 1, single)
    one("trees_missing", 1, f"{single}, {tracks}")
    one("trees_base", 1, f"{single}, base_values = [10.0]")
    one("trees_targets", 2, several)
    one("trees_logistic", 2, f'{several}, base_values = [-4.0, 1.0], post_transform = "LOGISTIC"')
    for aggregate in ["AVERAGE", "MIN", "MAX"]:
        one("trees_" + aggregate, 1, f'{single}, aggregate_function = "{aggregate}"')


def judge(tenon, folder, name, opset, text, feeds, expected):
    """Words where something is wrong."""
    source, target = os.path.join(folder, "old.onnxtxt"), os.path.join(folder, "new.onnx")
    text = f'<ir_version: 7, opset_import: ["" : {opset}, "ai.onnx.ml" : 3]>\n{text}\n'
    with open(source, "w", encoding="utf-8") as file:
        file.write(text)
    done = subprocess.run([tenon, "convert", "--opset=21", source, target], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        return done.stderr
    wanted = expected() if expected else compute(parser.parse_model(text), feeds)
    for found, right in zip(compute(onnx.load(target), feeds), wanted, strict=True):
        if found.shape != right.shape or not np.allclose(found, right, rtol=1e-4, atol=1e-5, equal_nan=True):
            return f"expected\n{right}\nfound\n{found}"
    return ""


def main():
    for make in (broadcast_cases, input_cases, softmax_cases, normalization_cases, resize_cases, other_cases,
                 tree_cases):
        make()
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for name, *rest in CASES:
            try:
                wrong = judge(sys.argv[1], folder, name, *rest)
            except Exception as error:  # an engine's own exception types differ
                wrong = str(error)
            if wrong:
                failures += 1
                print(f"FAILED {name}: {wrong}")
    print(f"{len(CASES) - failures} of {len(CASES)} rules hold")
    return failures != 0


if __name__ == "__main__":
    sys.exit(main())
