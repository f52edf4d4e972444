# SPDX-License-Identifier: Apache-2.0
"""How random nodes are proposed: a function for each family of operators, which picks operands of a growing
graph (growth.py) and attributes over all of their range, and adds a node. An illegal one is dropped there.

`@proposal(weight, operators...)` registers a function for operators that it gives in turn.
"""
import numpy as np

from growth import EVERY, FLOATS, INTEGERS, NUMBERS, SIGNED, UNSIGNED, Dropped

PROPOSALS = {}  # operator -> (weight, function)


def proposal(weight, *operators):
    def register(function):
        for operator in operators:
            PROPOSALS[operator] = (weight / len(operators), function)
        return function

    return register


def maybe(g, probability, value):
    return value if g.chance(probability) else None


# ---- Element by element -----------------------------------------------------------------------

ROUGH = ("Sqrt", "Exp", "Log", "Sin", "Cos", "Tan", "Tanh", "Sigmoid", "Erf", "Elu", "Selu", "Celu", "HardSigmoid",
         "HardSwish", "Softplus", "Softsign", "Gelu", "Mish", "Reciprocal", "Atan", "Asinh", "Sinh", "Cosh")


@proposal(6, *ROUGH)
def rough(g, operator):
    x = g.pick(FLOATS)
    attributes = {}
    if operator in ("Elu", "Celu"):
        attributes["alpha"] = maybe(g, 0.5, g.choice([0.5, 2.0, 1.5]))
    if operator == "HardSigmoid":
        attributes = {"alpha": maybe(g, 0.5, 0.3), "beta": maybe(g, 0.5, 0.25)}
    if operator == "Gelu":
        attributes["approximate"] = maybe(g, 0.5, "tanh")
    if operator in ("Sqrt", "Log"):
        x, = g.add("Abs", [x])
    g.add(operator, [x], exact=False, **attributes)


@proposal(5, "Abs", "Neg", "Sign", "Relu", "LeakyRelu", "ThresholdedRelu", "Identity", "Shrink", "Clip")
def smooth(g, operator):
    x = g.pick(FLOATS if "Relu" in operator or operator == "Shrink" else
               FLOATS + SIGNED if operator == "Neg" else NUMBERS)
    attributes, inputs = {}, [x]
    if operator == "LeakyRelu":
        attributes["alpha"] = maybe(g, 0.5, g.choice([0.25, -0.5, 2.0]))
    if operator == "ThresholdedRelu":
        attributes["alpha"] = maybe(g, 0.5, 0.5)
    if operator == "Shrink":
        attributes = {"lambd": maybe(g, 0.6, g.choice([0.25, 1.0])), "bias": maybe(g, 0.6, 0.25)}
    if operator == "Clip":
        low = maybe(g, 0.7, g.constant(1 if x.dtype.kind == "u" else -2, x.dtype))
        inputs += [low, maybe(g, 0.7, g.constant(3, x.dtype))]
    g.add(operator, inputs, exact=operator != "LeakyRelu", **attributes)


@proposal(2, "Floor", "Ceil", "Round", "IsNaN", "IsInf", "Not", "BitwiseNot")
def jumping(g, operator):
    kinds = {"Not": ("bool",), "BitwiseNot": INTEGERS, "IsInf": ("float32", "float64")}
    g.add(operator, [g.pick(kinds.get(operator, FLOATS))])


@proposal(10, "Add", "Sub", "Mul", "Div", "Max", "Min", "Pow", "Mod", "PRelu", "Sum", "Mean")
def binary(g, operator):
    x = g.pick(FLOATS if operator in ("PRelu", "Sum", "Mean") else NUMBERS)
    if operator in ("Div", "Mod"):  # a division of integers by zero means nothing
        whole = x.dtype.kind != "f"
        y = g.partner(x, 1, 5)
        g.add(operator, [x, y], exact=whole or operator == "Mod",
              fmod=1 if operator == "Mod" and (not whole or g.chance(0.3)) else None)
    elif operator == "Pow":
        if x.dtype.name not in ("float32", "float64", "int32", "int64"):
            raise Dropped("no Pow of this type")
        y = g.partner(x, 0, 3, g.choice([x.dtype.name, "int64", "float32"]))
        g.add(operator, [x, y], exact=False)
    elif operator == "PRelu":
        slope = g.broadcastable(x.shape)
        if np.broadcast_shapes(slope, x.shape) != x.shape:
            raise Dropped("PRelu broadcasts one way")
        g.add(operator, [x, g.fresh(slope, x.dtype)])
    elif operator in ("Max", "Min", "Sum", "Mean"):
        others = [g.partner(x) for _ in range(g.choice([0, 1, 1, 1, 2, 3]))]
        g.add(operator, [x] + others, exact=operator != "Mean")
    else:
        y = g.partner(x)
        g.add(operator, [x, y] if g.chance(0.5) else [y, x])


@proposal(4, "Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "And", "Or", "Xor", "BitwiseAnd",
          "BitwiseOr", "BitwiseXor", "BitShift")
def deciding(g, operator):
    if operator in ("And", "Or", "Xor"):
        x = g.pick(("bool",))
    else:
        x = g.pick(UNSIGNED if operator == "BitShift" else INTEGERS if operator.startswith("Bitwise") else NUMBERS)
    y = g.partner(x, *((0, 7) if operator == "BitShift" else ()))
    g.add(operator, [x, y], direction=g.choice(["LEFT", "RIGHT"]) if operator == "BitShift" else None)


@proposal(2, "Where")
def where(g, operator):
    x = g.pick(EVERY)
    y, condition = g.partner(x), g.partner(x, 0, 1, "bool")
    g.add(operator, [condition, x, y])


@proposal(3, "Cast", "CastLike")
def cast(g, operator):
    import onnx
    x = g.pick(EVERY)
    to = g.choice(EVERY)
    if np.dtype(to).kind == "u" and x.array.size and np.any(x.array.astype(np.float64) < 0):
        to = "float32" if x.dtype.kind == "f" else "int64"
    if operator == "CastLike":
        g.add(operator, [x, g.fresh(g.shape(), to)])
    else:
        g.add(operator, [x], to=onnx.helper.np_dtype_to_tensor_dtype(np.dtype(to)))


# ---- Along axes -------------------------------------------------------------------------------


@proposal(9, "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2",
          "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare")
def reduction(g, operator):
    x = g.pick(FLOATS if "Log" in operator else ("float32", "float32", "float64", "float16", "int32", "int64"))
    if operator == "ReduceLogSum":
        x, = g.add("Abs", [x])
    axes = maybe(g, 0.85, g.axes(x.rank))
    rough = "Log" in operator or operator in ("ReduceMean", "ReduceL2", "ReduceProd")
    if operator == "ReduceMean" and 0 in x.shape:
        raise Dropped("the mean of nothing")
    # ONNX Runtime multiplies integers as floats, and has its own idea of what nothing reduces to
    own = 0 in x.shape or (operator == "ReduceProd" and x.dtype.kind != "f")
    g.add(operator, [x, None if axes is None else g.constant(axes, np.int64)], keepdims=maybe(g, 0.7, g.integer(0, 1)),
          noop_with_empty_axes=maybe(g, 0.3, g.integer(0, 1)), exact=not rough, engine="reference" if own else None)


@proposal(3, "ArgMax", "ArgMin")
def arg(g, operator):
    x = g.pick(NUMBERS, ranks=(1, 4), least=1)
    g.add(operator, [x], axis=maybe(g, 0.8, g.axis(x.rank)), keepdims=maybe(g, 0.7, g.integer(0, 1)),
          select_last_index=maybe(g, 0.5, g.integer(0, 1)))


@proposal(2, "CumSum")
def cumulative(g, operator):
    x = g.pick(("float32", "float64", "int32", "int64"), ranks=(1, 4))
    g.add(operator, [x, g.constant(g.axis(x.rank), g.choice(["int32", "int64"]))],
          exclusive=maybe(g, 0.5, g.integer(0, 1)), reverse=maybe(g, 0.5, g.integer(0, 1)))


@proposal(2, "TopK")
def top_k(g, operator):
    x = g.pick(NUMBERS, ranks=(1, 4))
    axis = g.axis(x.rank)
    distinct = np.unique(x.array).size == x.array.size  # ties: the standard prefers the lower index
    g.add(operator, [x, g.constant([g.integer(0, x.shape[axis])], np.int64)], outputs=2, axis=axis,
          largest=maybe(g, 0.7, g.integer(0, 1)), sorted=1, engine=None if distinct else "reference")


@proposal(5, "Softmax", "LogSoftmax", "Hardmax")
def softmax(g, operator):
    x = g.pick(FLOATS, ranks=(1, 4))
    g.add(operator, [x], axis=maybe(g, 0.8, g.axis(x.rank)), exact=operator == "Hardmax")


@proposal(6, "LayerNormalization", "InstanceNormalization", "GroupNormalization", "BatchNormalization", "LRN",
          "LpNormalization", "MeanVarianceNormalization")
def normalization(g, operator):
    channelled = operator not in ("LayerNormalization", "LpNormalization")
    # these two compute in float32 (stash_type), whatever the operand
    stashed = operator in ("LayerNormalization", "GroupNormalization")
    x = g.pick(("float32", "float32", "float16") + (() if stashed else ("float64",)),
               ranks=(2 if channelled else 1, 5), least=1)
    epsilon = maybe(g, 0.5, 0.125)
    if operator == "LayerNormalization":
        axis = g.axis(x.rank)
        tail = x.shape[axis:]
        scale = g.fresh(tail, x.dtype)
        bias = maybe(g, 0.7, g.fresh(tail, x.dtype))
        g.add(operator, [x, scale, bias], axis=axis, epsilon=epsilon, exact=False)
    elif operator == "LpNormalization":
        g.add(operator, [x], axis=maybe(g, 0.8, g.axis(x.rank)), p=maybe(g, 0.7, g.integer(1, 2)), exact=False)
    elif operator == "LRN":
        g.add(operator, [x], size=g.choice([1, 2, 3, 4, 5]), alpha=maybe(g, 0.5, 0.5), beta=maybe(g, 0.5, 0.5),
              bias=maybe(g, 0.5, 2.0), exact=False)
    elif operator == "MeanVarianceNormalization":
        g.add(operator, [x], axes=g.axes(x.rank, 1) if x.rank != 4 or g.chance(0.5) else None, exact=False)
    else:
        channels = x.shape[1]
        vector = lambda low: g.fresh((channels,), x.dtype, low, 3)
        if operator == "GroupNormalization":
            groups = g.choice([d for d in range(1, channels + 1) if channels % d == 0])
            g.add(operator, [x, vector(-3), vector(-3)], num_groups=groups, epsilon=epsilon, exact=False)
        elif operator == "InstanceNormalization":
            if x.rank < 3:
                raise Dropped("no spatial axes")
            g.add(operator, [x, vector(-3), vector(-3)], epsilon=epsilon, exact=False)
        else:
            g.add(operator, [x, vector(-3), vector(-3), vector(-3), vector(1)], epsilon=epsilon, exact=False)


# ---- Contractions and windows -----------------------------------------------------------------


@proposal(8, "MatMul")
def matmul(g, operator):
    a = g.pick(("float32", "float32", "float32", "float64", "int32", "float16"), ranks=(1, 4))
    k = a.shape[-1]
    rank = g.integer(1, 4)
    if rank == 1:
        shape = (k,)
    else:
        batch = g.broadcastable(a.shape[:-2])[-(rank - 2):] if rank > 2 else ()
        shape = batch + (k, g.size())
    b = g.fresh(shape, a.dtype)
    g.add(operator, [a, b])


@proposal(4, "Gemm")
def gemm(g, operator):
    a = g.pick(("float32", "float32", "float64"), rank=2)
    ta, tb, n = g.integer(0, 1), g.integer(0, 1), g.size()
    m, k = a.shape[::-1] if ta else a.shape
    if k == 0:
        raise Dropped("where ONNX Runtime forgets beta")
    b = g.fresh((n, k) if tb else (k, n), a.dtype)
    c = maybe(g, 0.7, g.fresh(g.choice([(m, n), (n,), (1, n), (m, 1), (1, 1), (), (1,)]), a.dtype))
    g.add(operator, [a, b, c], transA=ta or None, transB=tb or None, alpha=maybe(g, 0.4, 0.5), beta=maybe(g, 0.4, -2.0))


@proposal(4, "Einsum")
def einsum(g, operator):
    """Random labels: repeated within an operand, summed, batched; now and then with an ellipsis."""
    sizes = {label: g.choice([1, 2, 3, 4, 5, 7]) for label in "ijklm"}
    count = g.choice([1, 2, 2, 2, 3])
    dtype = g.choice(("float32", "float32", "float64", "int32"))
    terms, operands = [], []
    ellipsis = g.shape(g.integer(0, 2), 1) if g.chance(0.3) else None
    for _ in range(count):
        labels = [g.choice(sizes) for _ in range(g.integer(0 if ellipsis else 1, 3))]
        shape = tuple(sizes[label] for label in labels)  # all of one label equal: sizes left open are not broadcast
        term = "".join(labels)
        if ellipsis is not None and g.chance(0.8):
            dropped = g.integer(0, len(ellipsis))
            shape = ellipsis[dropped:] + shape
            term = "..." + term
        terms.append(term)
        operands.append(g.fresh(shape, dtype))
    equation = ",".join(terms)
    used = sorted(set("".join(terms)) - {"."})
    if g.chance(0.75):
        result = g.random.sample(used, g.integer(0, len(used)))
        equation += "->" + ("..." if "..." in equation else "") + "".join(result)
    # ONNX Runtime refuses labels that repeat within an operand and some ellipses
    g.add(operator, operands, equation=equation, engine="reference")


def spatial(g, shape, kernel, transposed=False):
    """Attributes of a window: pads, strides, dilations, auto_pad."""
    n = len(shape)
    attributes = {"strides": maybe(g, 0.6, [g.choice([1, 1, 2, 3]) for _ in range(n)]),
                  "dilations": maybe(g, 0.4, [g.choice([1, 2, 3]) for _ in range(n)])}
    if g.chance(0.3):
        attributes["auto_pad"] = g.choice(["VALID", "SAME_UPPER", "SAME_LOWER", "NOTSET"])
    else:
        attributes["pads"] = maybe(g, 0.7, [g.integer(0, max(k - 1, 0)) for k in list(kernel) * 2])
    return attributes


def image(g, dtypes=("float32", "float32", "float32", "float64"), least=1):
    return g.pick(dtypes, ranks=(3, 5), least=least)


@proposal(8, "Conv")
def conv(g, operator):
    x = image(g)
    channels = x.shape[1]
    groups = g.choice([d for d in range(1, channels + 1) if channels % d == 0])
    kernel = tuple(g.choice([1, 2, 3, 3, 4]) for _ in x.shape[2:])
    filters = groups * g.choice([1, 1, 2, 3])
    w = g.fresh((filters, channels // groups) + kernel, x.dtype)
    b = maybe(g, 0.5, g.fresh((filters,), x.dtype))
    g.add(operator, [x, w, b], group=groups if groups > 1 or g.chance(0.5) else None,
          kernel_shape=maybe(g, 0.6, kernel), **spatial(g, x.shape[2:], kernel))


@proposal(4, "ConvTranspose")
def conv_transpose(g, operator):
    x = image(g, ("float32",))
    channels = x.shape[1]
    groups = g.choice([d for d in range(1, channels + 1) if channels % d == 0])
    kernel = tuple(g.choice([1, 2, 3, 4]) for _ in x.shape[2:])
    filters = g.choice([1, 2, 3])
    w = g.fresh((channels, filters) + kernel, x.dtype)
    b = maybe(g, 0.5, g.fresh((filters * groups,), x.dtype))
    attributes = spatial(g, x.shape[2:], kernel)
    strides = attributes.get("strides") or [1] * len(kernel)
    attributes["output_padding"] = maybe(g, 0.3, [g.integer(0, max(s - 1, 0)) for s in strides])
    if attributes.get("auto_pad") in ("SAME_UPPER", "SAME_LOWER"):
        attributes["output_padding"] = None
        dilations = attributes["dilations"] or [1] * len(kernel)
        if any((k - 1) * d + 1 < s for k, d, s in zip(kernel, dilations, strides)):
            raise Dropped("ONNX Runtime makes the output smaller than the standard says")
    g.add(operator, [x, w, b], group=groups if groups > 1 else None, kernel_shape=maybe(g, 0.6, kernel), **attributes)


@proposal(6, "MaxPool", "AveragePool", "LpPool")
def pool(g, operator):
    x = image(g, ("float32", "float32", "float64", "float16", "int8", "uint8") if operator == "MaxPool" else
              ("float32", "float32", "float16"))
    kernel = [g.choice([1, 2, 3, 4]) for _ in x.shape[2:]]
    attributes = spatial(g, x.shape[2:], kernel)
    attributes["ceil_mode"] = maybe(g, 0.5, g.integer(0, 1))
    if operator == "AveragePool":
        attributes["count_include_pad"] = maybe(g, 0.5, g.integer(0, 1))
    if operator == "LpPool":
        attributes["p"] = maybe(g, 0.6, g.choice([1, 2, 3]))
    indices = operator == "MaxPool" and g.chance(0.3)
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, attributes["dilations"] or [1] * len(kernel))]
    if any(s < r for s, r in zip(x.shape[2:], reach)):
        raise Dropped("ONNX Runtime rounds a negative quotient up")
    if operator != "MaxPool" and (attributes.get("auto_pad") or "NOTSET").startswith("SAME"):
        attributes["dilations"] = None  # which ONNX Runtime forgets there
    g.add(operator, [x], outputs=2 if indices else 1, kernel_shape=kernel, exact=operator == "MaxPool", **attributes)


@proposal(2, "GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool")
def global_pool(g, operator):
    g.add(operator, [image(g, ("float32", "float16"))], exact=operator == "GlobalMaxPool")


# ---- Moving data ------------------------------------------------------------------------------


@proposal(8, "Reshape")
def reshape(g, operator):
    x = g.pick(EVERY)
    count = x.array.size
    if count == 0:
        shape = [0 if g.chance(0.5) else g.size() for _ in range(g.integer(1, 4))] + [0]
        g.random.shuffle(shape)
        g.add(operator, [x, g.constant(shape, np.int64)], allowzero=1)
        return
    shape, left = [], count
    for _ in range(g.integer(0, 4)):
        divisor = g.choice([d for d in range(1, min(left, 64) + 1) if left % d == 0])
        shape.append(divisor)
        left //= divisor
    if left > 1 or not shape and count > 1:
        shape.append(left)
    g.random.shuffle(shape)
    for i, size in enumerate(shape):
        if i < x.rank and x.shape[i] == size and g.chance(0.4):
            shape[i] = 0
    if shape and g.chance(0.5):
        shape[g.integer(0, len(shape) - 1)] = -1
    g.add(operator, [x, g.constant(shape, np.int64)], allowzero=0 if g.chance(0.2) else None)


@proposal(8, "Transpose")
def transpose(g, operator):
    x = g.pick(EVERY)
    g.add(operator, [x], perm=maybe(g, 0.9, g.random.sample(range(x.rank), x.rank)))


@proposal(8, "Slice")
def slice_(g, operator):
    x = g.pick(EVERY, ranks=(1, 5))
    axes = g.axes(x.rank, 1)
    far = 2**63 - 1
    starts, ends, steps = [], [], []
    for axis in axes:
        size, step = x.shape[axis], g.choice([1, 1, 1, 2, 3, 7, -1, -1, -2, -5, far, -far])
        bound = lambda: g.choice([0, 1, -1, size, -size, size - 1, -size - 1, far, -far, g.integer(-size - 1, size + 1)])
        starts.append(bound())
        ends.append(bound())
        steps.append(step)
    dtype = np.int64
    if g.chance(0.3) and all(abs(v) < 2**31 for v in starts + ends + steps):
        dtype = np.int32
    inputs = [x, g.constant(starts, dtype), g.constant(ends, dtype)]
    if len(axes) == x.rank and sorted(a % x.rank for a in axes) == [a for a in axes] and g.chance(0.5):
        inputs.append(None)
    else:
        inputs.append(g.constant(axes, dtype))
    if g.chance(0.8):
        inputs.append(g.constant(steps, dtype))
    g.add(operator, inputs, engine="reference")  # ONNX Runtime goes backward to the end of time: to the beginning


@proposal(5, "Pad")
def pad(g, operator):
    x = g.pick(("float32", "float32", "float64", "int32", "int64", "bool", "uint8", "int8"), ranks=(1, 5))
    mode = g.choice(["constant", "constant", "reflect", "edge", "wrap", None])
    axes = g.axes(x.rank, 1) if g.chance(0.4) else None
    chosen = range(x.rank) if axes is None else axes
    amount = lambda a: g.integer(-min(2, x.shape[a]), 3 if mode in ("constant", None, "edge") else max(x.shape[a] - 1, 0))
    pads = [amount(a) for a in chosen] + [amount(a) for a in chosen]
    if mode in ("reflect", "wrap"):
        pads = [max(p, 0) for p in pads]
    if mode not in ("constant", None) and 0 in x.shape:
        raise Dropped("nothing to repeat")
    value = maybe(g, 0.6, g.constant(1, x.dtype)) if mode in ("constant", None) else None
    inputs = [x, g.constant(pads, np.int64), value]
    if axes is not None:
        inputs.append(g.constant(axes, np.int64))
    g.add(operator, inputs, mode=mode)


@proposal(6, "Concat")
def concat(g, operator):
    x = g.pick(EVERY, ranks=(1, 5))
    axis = g.axis(x.rank)
    parts = [x]
    for _ in range(g.choice([0, 1, 1, 2, 3])):
        same = [v for v in g.values if v.dtype == x.dtype and v.rank == x.rank and
                all(s == t or i == axis % x.rank for i, (s, t) in enumerate(zip(v.shape, x.shape)))]
        shape = list(x.shape)
        shape[axis] = g.size()
        parts.append(g.choice(same) if g.chance(0.5) else g.fresh(tuple(shape), x.dtype))
    g.random.shuffle(parts)
    g.add(operator, parts, axis=axis)


@proposal(4, "Split")
def split(g, operator):
    x = g.pick(EVERY, ranks=(1, 4))
    axis = g.axis(x.rank)
    size = x.shape[axis]
    if g.chance(0.5):
        count = g.integer(1, max(min(size, 4), 1))
        g.add(operator, [x], outputs=count, axis=axis, num_outputs=count)
    else:
        cuts = sorted(g.integer(0, size) for _ in range(g.integer(0, 3)))
        parts = np.diff([0] + cuts + [size])
        g.add(operator, [x, g.constant(parts, np.int64)], outputs=len(parts), axis=axis)


@proposal(4, "Squeeze", "Unsqueeze", "Flatten")
def dimensions(g, operator):
    x = g.pick(EVERY, ranks=(0, 4))
    if operator == "Flatten":
        g.add(operator, [x], axis=maybe(g, 0.8, g.integer(-x.rank, x.rank)))
    elif operator == "Unsqueeze":
        count = g.integer(1, 2)
        rank = x.rank + count
        axes = [a - rank if g.chance(0.3) else a for a in g.random.sample(range(rank), count)]
        g.add(operator, [x, g.constant(axes, np.int64)])
    else:
        ones = [a - x.rank if g.chance(0.3) else a for a in range(x.rank) if x.shape[a] == 1]
        axes = g.random.sample(ones, g.integer(0, len(ones)))  # an empty list is none for ONNX Runtime
        g.add(operator, [x, g.constant(axes, np.int64) if axes else None])


@proposal(4, "Expand", "Tile")
def repetition(g, operator):
    x = g.pick(EVERY, ranks=(0, 4))
    if operator == "Tile":
        g.add(operator, [x, g.constant([g.integer(0, 3) for _ in x.shape], np.int64)])
    else:
        shape = [max(g.size(), 1) if s == 1 else g.choice([1, s]) for s in x.shape]
        shape = shape[g.integer(0, len(shape)):] if g.chance(0.2) else [g.size() for _ in range(g.integer(0, 2))] + shape
        g.add(operator, [x, g.constant(shape, np.int64)])


@proposal(3, "DepthToSpace", "SpaceToDepth")
def blocks(g, operator):
    block = g.integer(1, 3)
    n, c, h, w = g.shape(4, 1)
    if operator == "DepthToSpace":
        x = g.fresh((n, min(c, 5) * block * block, h, w), "float32", constant=False)
        g.add(operator, [x], blocksize=block, mode=maybe(g, 0.7, g.choice(["DCR", "CRD"])))
    else:
        g.add(operator, [g.fresh((n, c, h * block, w * block), "float32", constant=False)], blocksize=block)


@proposal(2, "Trilu", "EyeLike")
def diagonal(g, operator):
    x = g.pick(("float32", "float64", "int32", "int64", "bool"), ranks=(2, 2 if operator == "EyeLike" else 4))
    if operator == "EyeLike":
        g.add(operator, [x], k=maybe(g, 0.6, g.integer(-3, 3)), dtype=maybe(g, 0.4, g.choice([1, 6, 7, 11])))
    else:
        g.add(operator, [x, maybe(g, 0.7, g.constant(g.integer(-4, 4), np.int64))], upper=maybe(g, 0.7, g.integer(0, 1)))


@proposal(3, "Shape", "Size", "ConstantOfShape", "Range", "OneHot")
def shapes(g, operator):
    import onnx
    if operator == "Shape":
        x = g.pick(EVERY)
        g.add(operator, [x], start=maybe(g, 0.5, g.integer(-5, 5)), end=maybe(g, 0.5, g.integer(-5, 5)))
    elif operator == "Size":
        g.add(operator, [g.pick(EVERY)])
    elif operator == "ConstantOfShape":
        value = maybe(g, 0.7, onnx.numpy_helper.from_array(g.elements((1,), g.choice(EVERY))))
        g.add(operator, [g.constant(g.shape(), np.int64)], value=value)
    elif operator == "Range":
        dtype = g.choice(("float32", "float64", "int32", "int64", "int16"))
        step = g.choice([1, 2, 3, -1, -2])
        inputs = [g.fresh((), dtype, -5, 5), g.fresh((), dtype, -9, 9), g.constant(step, dtype)]
        g.add(operator, inputs)
    else:
        x = g.pick(("int64", "int32"), ranks=(0, 3))
        depth = g.integer(1, 6)
        g.add(operator, [x, g.constant(depth if g.chance(0.5) else [depth], np.int64), g.fresh((2,), "float32")],
              axis=maybe(g, 0.7, g.integer(-x.rank - 1, x.rank)))


@proposal(1, "NonZero", "Unique", "Compress")
def data_sized(g, operator):
    x = g.pick(("float32", "int64", "int32", "bool") if operator == "NonZero" else
               ("float32", "int64") if operator == "Unique" else EVERY, ranks=(1, 3), least=1)
    if operator == "NonZero":
        g.add(operator, [x])
    elif operator == "Unique":
        g.add(operator, [x], outputs=g.integer(1, 4), axis=maybe(g, 0.5, g.axis(x.rank)), sorted=1)
    else:
        axis = maybe(g, 0.6, g.axis(x.rank))
        size = x.array.size if axis is None else x.shape[axis]
        g.add(operator, [x, g.fresh((g.integer(0, size),), "bool")], axis=axis)


@proposal(2, "ReverseSequence", "CenterCropPad")
def sequences(g, operator):
    x = g.pick(("float32", "float64", "int32", "int64"), ranks=(2, 4), least=1)
    if operator == "CenterCropPad":
        axes = maybe(g, 0.6, g.axes(x.rank, 1))
        g.add(operator, [x, g.constant([g.integer(1, 9) for _ in axes or x.shape], np.int64)], axes=axes)
    else:
        batch = g.integer(0, 1)
        lengths = [g.integer(0, x.shape[1 - batch]) for _ in range(x.shape[batch])]
        g.add(operator, [x, g.constant(lengths, np.int64)], batch_axis=batch, time_axis=1 - batch)


# ---- Gather and scatter -----------------------------------------------------------------------


def indices(g, shape, size, dtype=None, unsigned=False):
    if size == 0 and np.prod(shape):
        raise Dropped("nothing to point at")
    low = 0 if unsigned else -size
    array = g.numpy.integers(low, size, shape) if size else np.zeros(shape)
    return g.new(np.asarray(array).astype(dtype or g.choice(["int32", "int64"])))


@proposal(6, "Gather", "GatherElements", "GatherND")
def gather(g, operator):
    x = g.pick(EVERY, ranks=(1, 4))
    if operator == "Gather":
        axis = g.axis(x.rank)
        index = indices(g, g.shape(g.integer(0, 2)), x.shape[axis])
        g.add(operator, [x, index], axis=axis if axis or g.chance(0.5) else None)
    elif operator == "GatherElements":
        axis = g.axis(x.rank)
        shape = tuple(g.size() if i == axis % x.rank else g.integer(min(s, 1), s) for i, s in enumerate(x.shape))
        g.add(operator, [x, indices(g, shape, x.shape[axis])], axis=axis)
    else:
        batch = g.integer(0, x.rank - 1)
        depth = g.integer(1, x.rank - batch)
        shape = x.shape[:batch] + g.shape(g.integer(0, 1))
        limits = np.array(x.shape[batch:batch + depth])
        if np.any(limits == 0) or 0 in shape:
            raise Dropped("nothing to point at")
        index = g.numpy.integers(-limits, limits, shape + (depth,))
        g.add(operator, [x, g.new(index.astype(np.int64))], batch_dims=batch or None)


@proposal(5, "ScatterElements", "ScatterND")
def scatter(g, operator):
    x = g.pick(("float32", "float32", "float64", "int32", "int64"), ranks=(1, 4), least=1)
    how = g.choice([None, "none", "add", "mul", "max", "min"])
    if operator == "ScatterElements":
        axis = g.axis(x.rank)
        shape = [g.integer(1, s) for s in x.shape]
        index = np.stack([g.numpy.permutation(x.shape[axis])[: shape[axis]] for _ in
                          range(int(np.prod(shape)) // shape[axis])]) if how in (None, "none") else \
            g.numpy.integers(-x.shape[axis], x.shape[axis], (int(np.prod(shape)) // shape[axis], shape[axis]))
        rest = [s for i, s in enumerate(shape) if i != axis % x.rank]
        index = np.moveaxis(index.reshape(rest + [shape[axis]]), -1, axis)
        g.add(operator, [x, g.new(index.astype(np.int64)), g.fresh(tuple(shape), x.dtype)], axis=axis, reduction=how)
    else:
        depth = g.integer(1, x.rank)
        space = int(np.prod(x.shape[:depth]))
        count = g.integer(0, min(space, 6))
        flat = g.numpy.permutation(space)[:count] if how in (None, "none") else g.numpy.integers(0, space, count)
        index = np.stack(np.unravel_index(flat, x.shape[:depth]), -1).reshape(count, depth)
        index = np.where(g.numpy.integers(0, 2, index.shape) == 1, index, index - np.array(x.shape[:depth]))
        g.add(operator, [x, g.new(index.astype(np.int64)), g.fresh((count,) + x.shape[depth:], x.dtype)], reduction=how)


# ---- Images -----------------------------------------------------------------------------------


@proposal(5, "Resize")
def resize(g, operator):
    x = image(g, ("float32", "float32", "float32", "uint8", "int32"))
    mode = g.choice(["nearest", "linear", "cubic"])
    if x.dtype.kind != "f":
        mode = "nearest"
    if mode == "cubic" and x.rank != 4:
        raise Dropped("cubic is of two axes")
    axes = list(range(2, x.rank)) if g.chance(0.4) else None
    target = axes or list(range(x.rank))
    coordinates = g.choice(["half_pixel", "asymmetric", "align_corners", "pytorch_half_pixel", "half_pixel_symmetric",
                            None, "tf_crop_and_resize"])
    roi = None
    if coordinates == "tf_crop_and_resize":
        roi = g.constant([0.0 if a < 2 else 0.25 for a in target] + [1.0 if a < 2 else 0.75 for a in target], np.float32)
    attributes = {"mode": mode, "coordinate_transformation_mode": coordinates, "axes": axes}
    if mode == "nearest":
        attributes["nearest_mode"] = maybe(g, 0.7, g.choice(["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]))
    elif g.chance(0.3) and coordinates != "tf_crop_and_resize":
        attributes["antialias"] = 1
    if mode == "cubic":
        attributes["cubic_coeff_a"] = maybe(g, 0.4, -0.5)
        attributes["exclude_outside"] = maybe(g, 0.4, g.integer(0, 1))
    if coordinates != "tf_crop_and_resize" and g.chance(0.5):  # where ONNX Runtime forgets the region
        scales = [1.0 if a < 2 else g.choice([0.5, 2.0, 1.5, 3.0, 0.75, 1.0]) for a in target]
        inputs = [x, roi, g.constant(scales, np.float32)]
    else:
        sizes = [x.shape[a] if a < 2 else g.integer(1, 9) for a in target]
        inputs = [x, roi, None, g.constant(sizes, np.int64)]
    engine = "reference" if coordinates == "tf_crop_and_resize" else None  # ONNX Runtime keeps whole axes as they are
    g.add(operator, inputs, exact=mode == "nearest", engine=engine, **attributes)


@proposal(3, "GridSample")
def grid_sample(g, operator):
    n, c = g.integer(1, 2), g.integer(1, 3)
    d = g.choice([2, 2, 3])
    x = g.fresh((n, c) + g.shape(d, 1), "float32", constant=False)
    if x.array.size > 4000:
        raise Dropped("large")
    grid = g.numpy.uniform(-1.3, 1.3, (n,) + tuple(g.integer(1, 5) for _ in range(d)) + (d,)).astype(np.float32)
    g.add(operator, [x, g.new(grid, constant=False)], exact=False, mode=g.choice(["linear", "nearest"] + ["cubic"] * (d == 2)),
          padding_mode=g.choice(["zeros", "border", "reflection"]), align_corners=g.integer(0, 1))


# ---- Quantised --------------------------------------------------------------------------------


@proposal(4, "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear")
def quantise(g, operator):
    if operator == "DynamicQuantizeLinear":
        g.add(operator, [g.pick(("float32",), least=1)], outputs=3, exact=False, engine="reference")
        return
    quantised = g.choice(["int8", "uint8", "int16", "uint16"])
    x = g.pick(("float32",) if operator == "QuantizeLinear" else ("int8", "uint8", "int16", "uint16", "int32"), ranks=(1, 4),
               least=1)
    if operator == "DequantizeLinear":
        quantised = x.dtype.name
    attributes, shape = {}, ()
    if g.chance(0.5):
        attributes["axis"] = g.axis(x.rank)
        shape = (x.shape[attributes["axis"]],)
        if g.chance(0.3):
            size = shape[0]
            block = g.integer(1, size)
            attributes["block_size"] = block
            shape = list(x.shape)
            shape[attributes["axis"]] = -(-size // block)
    scale = g.constant(2.0 ** g.numpy.integers(-3, 2, shape), np.float32)
    zero = maybe(g, 0.7, g.constant(g.elements(tuple(shape), quantised, 0, 9), quantised))
    if quantised == "int32" and zero is not None:
        zero.array[...] = 0
    if operator == "QuantizeLinear":
        attributes["output_dtype"] = None
    g.add(operator, [x, scale, zero], **attributes)


@proposal(4, "MatMulInteger", "ConvInteger", "QLinearMatMul", "QLinearConv")
def integer_contractions(g, operator):
    kinds = ("int8", "uint8")
    scale = lambda shape=(): g.constant(2.0 ** g.numpy.integers(-3, 1, shape), np.float32)
    # even, because ONNX Runtime adds the zero point before it rounds halves to even, and the standard after
    zero = lambda dtype, shape=(): g.constant(g.elements(shape, dtype, 0, 2) * 2, dtype)
    if "Conv" in operator:
        x = g.pick(("uint8",), rank=4, least=1)
        channels = x.shape[1]
        groups = g.choice([d for d in range(1, channels + 1) if channels % d == 0])
        kernel = tuple(g.choice([1, 2, 3]) for _ in x.shape[2:])
        filters = groups * g.choice([1, 2])
        w = g.fresh((filters, channels // groups) + kernel, g.choice(kinds))
        attributes = dict(spatial(g, x.shape[2:], kernel), group=groups)
    else:
        x = g.pick(kinds, ranks=(2, 3), least=1)
        w = g.fresh((x.shape[-1], g.size()), g.choice(kinds))
        attributes = {}
    if operator == "MatMulInteger":
        g.add(operator, [x, w, maybe(g, 0.7, zero(x.dtype)), maybe(g, 0.5, zero(w.dtype))])
    elif operator == "ConvInteger":
        g.add(operator, [x, w, maybe(g, 0.7, zero(x.dtype)), maybe(g, 0.5, zero(w.dtype))], **attributes)
    elif operator == "QLinearMatMul":
        g.add(operator, [x, scale(), zero(x.dtype), w, scale(), zero(w.dtype), scale(), zero(x.dtype)])
    else:
        per_channel = (filters,) if g.chance(0.5) else ()
        bias = maybe(g, 0.5, g.fresh((filters,), "int32", constant=True))
        w_zero = g.constant(np.full(per_channel, 0 if w.dtype == np.int8 else 2), w.dtype)
        g.add(operator, [x, scale(), zero("uint8"), w, scale(per_channel), w_zero, scale(), zero("uint8"), bias],
              **attributes)


# ---- Recurrent and attention ------------------------------------------------------------------


@proposal(3, "LSTM", "GRU", "RNN")
def recurrent(g, operator):
    gates = {"LSTM": 4, "GRU": 3, "RNN": 1}[operator]
    direction = g.choice(["forward", "reverse", "bidirectional", None])
    d = 2 if direction == "bidirectional" else 1
    t, n, inputs, hidden = g.integer(1, 4), g.integer(1, 3), g.integer(1, 4), g.choice([1, 2, 3, 5, 8])
    layout = 0
    fresh = lambda *shape: g.fresh(shape, "float32", -1, 1)
    x = g.fresh((t, n, inputs), "float32", -1, 1, constant=False)
    operands = [x, fresh(d, gates * hidden, inputs), fresh(d, gates * hidden, hidden),
                maybe(g, 0.7, fresh(d, 2 * gates * hidden)),
                maybe(g, 0.5, g.new(g.numpy.integers(1, t + 1, n).astype(np.int32))), maybe(g, 0.5, fresh(d, n, hidden))]
    attributes = {"hidden_size": hidden, "direction": direction, "clip": maybe(g, 0.2, 0.75), "layout": layout or None}
    if operator == "LSTM":
        operands += [maybe(g, 0.5, fresh(d, n, hidden)), maybe(g, 0.3, fresh(d, 3 * hidden))]
        attributes["input_forget"] = maybe(g, 0.15, 1)
    if operator == "GRU":
        attributes["linear_before_reset"] = maybe(g, 0.6, g.integer(0, 1))
    if g.chance(0.2):
        per = {"LSTM": 3, "GRU": 2, "RNN": 1}[operator]
        attributes["activations"] = [g.choice(["Tanh", "Sigmoid", "Relu", "Softsign"]) for _ in range(per * d)]
    count = 3 if operator == "LSTM" else 2
    present = [g.chance(0.8) for _ in range(count)]
    if not any(present):
        present[0] = True
    while not present[-1]:
        present.pop()
    g.add(operator, operands, outputs=present, exact=False, **attributes)


# ---- Control flow -----------------------------------------------------------------------------


@proposal(3, "If", "Loop", "Scan")
def control(g, operator):
    from onnx import TensorProto, helper
    info = lambda name, dtype, shape=None: helper.make_tensor_value_info(name, dtype, shape)
    x = g.pick(("float32",), ranks=(1, 3), least=1)
    number = len(g.nodes)
    if operator == "If":
        branch = lambda name, inner: helper.make_graph(
            [helper.make_node(inner, [], [f"{name}{number}"], value_float=1.5) if inner == "Constant" else
             helper.make_node(inner, [], [f"{name}{number}"], value_floats=[1.0, -2.0])], name, [],
            [info(f"{name}{number}", TensorProto.FLOAT)])
        g.add("If", [g.fresh((), "bool", constant=False)], then_branch=branch("t", "Constant"),
              else_branch=branch("e", "Constant"))
    elif operator == "Loop":
        body = helper.make_graph(
            [helper.make_node("Add", ["s", "s"], ["d"]), helper.make_node("Cast", ["i"], ["f"], to=1),
             helper.make_node("Sub", ["d", "f"], ["n"]), helper.make_node("ReduceMean", ["n"], ["m"], keepdims=0),
             helper.make_node("Identity", ["c"], ["k"])],
            "body", [info("i", TensorProto.INT64, []), info("c", TensorProto.BOOL, []), info("s", 1, x.shape)],
            [info("k", TensorProto.BOOL, []), info("n", 1, x.shape), info("m", 1, [])])
        trips = maybe(g, 0.9, g.new(np.asarray(g.integer(0, 3), np.int64)))
        condition = maybe(g, 0.5, g.fresh((), "bool")) if trips else g.constant(False, bool)
        g.add("Loop", [trips, condition, x], outputs=2, exact=False, body=body)
    else:
        axis = g.axis(x.rank)
        shape = tuple(s for i, s in enumerate(x.shape) if i != axis % x.rank)
        body = helper.make_graph(
            [helper.make_node("Add", ["s", "e"], ["n"]), helper.make_node("Mul", ["n", "e"], ["y"])], "body",
            [info("s", 1, shape), info("e", 1, shape)], [info("n", 1, shape), info("y", 1, shape)])
        g.add("Scan", [g.fresh(shape, "float32"), x], outputs=2, body=body, num_scan_inputs=1,
              scan_input_axes=[axis], scan_input_directions=maybe(g, 0.5, [g.integer(0, 1)]),
              scan_output_axes=maybe(g, 0.5, [g.axis(x.rank)]), scan_output_directions=maybe(g, 0.5, [g.integer(0, 1)]))
