#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
#
# Coefficients of codegen/math.c's polynomials: minimax by Remez's exchange, weighted so that the
# relative error of the function at hand is what is minimised. Needs mpmath.
#
#     python3 tools/minimax.py > codegen/math_coefficients.inc
import sys

import mpmath as mp

mp.mp.dps = 80


def solve(g, w, nodes, degree):
    n = degree + 2
    a = mp.matrix(n, n)
    b = mp.matrix(n, 1)
    for i, z in enumerate(nodes):
        for j in range(degree + 1):
            a[i, j] = z ** j
        a[i, degree + 1] = (-1) ** i / w(z)
        b[i] = g(z)
    x = mp.lu_solve(a, b)
    return [x[i] for i in range(degree + 1)]


def extrema(error, low, high, count):
    steps = 40 * (count + 2)
    grid = [low + (high - low) * (1 - mp.cos(mp.pi * k / steps)) / 2 for k in range(steps + 1)]
    values = [error(z) for z in grid]
    found = []
    for k in range(steps + 1):
        here = values[k]
        left = values[k - 1] if k else None
        right = values[k + 1] if k < steps else None
        sign = 1 if here > 0 else -1
        if (left is None or sign * here >= sign * left) and (right is None or sign * here >= sign * right):
            if found and (found[-1][1] > 0) == (here > 0):
                if abs(here) > abs(found[-1][1]):
                    found[-1] = (grid[k], here)
            else:
                found.append((grid[k], here))
    while len(found) > count:
        found.pop(0 if abs(found[0][1]) < abs(found[-1][1]) else -1)
    return found


def minimax(g, w, low, high, degree):
    low, high = mp.mpf(low), mp.mpf(high)
    n = degree + 2
    nodes = [low + (high - low) * (1 - mp.cos(mp.pi * (k + mp.mpf(1) / 2) / n)) / 2 for k in range(n)]
    for _ in range(30):
        p = solve(g, w, nodes, degree)
        found = extrema(lambda z: w(z) * (mp.polyval(p[::-1], z) - g(z)), low, high, n)
        if len(found) < n:
            sys.exit(f'{len(found)} extrema of {n}')
        nodes = [z for z, _ in found]
        sizes = [abs(e) for _, e in found]
        if max(sizes) < min(sizes) * mp.mpf("1.01"):
            break
    worst = max(abs(e) for _, e in found)
    return p, worst


def series(f, z, small=mp.mpf("1e-20")):
    """f at z, or near 0 where f cancels: f at a tiny argument instead (80 digits bear that)."""
    return f(z if abs(z) > small else small)


def emit(name, comment, g, w, low, high, degree):
    p, worst = minimax(g, w, low, high, degree)
    print(f"/* {comment}; relative error 2^{float(mp.log(worst, 2)):.1f} */")
    print(f"static const double {name}[] = {{")
    for c in p:
        print(f"    {float(c)!r},")
    print("};\n")


print("/* SPDX-License-Identifier: Apache-2.0")
print(" *")
print(" * Minimax polynomials for codegen/math*.c, lowest degree first; written by tools/minimax.py.")
print(" */")
half_ln2 = mp.log(2) / 2 * mp.mpf("1.001")
for name, degree in (("exp_single", 4), ("exp_double", 9)):
    emit(name, "(exp(r) - 1 - r) / r^2, |r| <= ln 2 / 2",
         lambda r: series(lambda t: (mp.exp(t) - 1 - t) / t ** 2, r),
         lambda r: max(r ** 2, mp.mpf("1e-20")) / mp.exp(r), -half_ln2, half_ln2, degree)

low, high = 1 / mp.sqrt(2) - 1, mp.sqrt(2) - 1
emit("log_single", "(log(1 + f) - f + f^2 / 2) / f^3, 1 + f within a factor of sqrt(2) of 1",
     lambda f: series(lambda t: (mp.log(1 + t) - t + t ** 2 / 2) / t ** 3, f),
     lambda f: abs(series(lambda t: t ** 3 / mp.log(1 + t), f)), low, high, 8)


def atanh_of_root(z):
    s = mp.sqrt(z)
    return mp.atanh(s) / s


z_high = (mp.sqrt(2) - 1) ** 2 / (1 + mp.sqrt(2)) ** 2 * mp.mpf("1.001")
emit("log_double", "(2 atanh(s) / s - 2) / z, z = s^2, s = f / (2 + f)",
     lambda z: series(lambda t: (2 * atanh_of_root(t) - 2) / t, z),
     lambda z: max(z, mp.mpf("1e-20")) / 2, 0, z_high, 6)
emit("log_extended", "(atanh(s) / s - 1 - z / 3) / z^2, z = s^2",
     lambda z: series(lambda t: (atanh_of_root(t) - 1 - t / 3) / t ** 2, z),
     lambda z: max(z, mp.mpf("1e-20")) ** 2, 0, z_high, 7)


def of_root(f):
    """(f(x) / x - 1) / z as a function of z = x^2."""
    return lambda z: series(lambda t: (f(mp.sqrt(t)) / mp.sqrt(t) - 1) / t, z)


def odd_weight(f):
    return lambda z: max(z, mp.mpf("1e-20")) / series(lambda t: abs(f(mp.sqrt(t)) / mp.sqrt(t)), z)


quarter = (mp.pi / 4 * mp.mpf("1.001")) ** 2
for name, degree in (("sin_single", 3), ("sin_double", 5)):
    emit(name, "(sin(x) / x - 1) / z, z = x^2, |x| <= pi / 4", of_root(mp.sin), odd_weight(mp.sin), 0, quarter, degree)
for name, degree in (("cos_single", 2), ("cos_double", 5)):
    emit(name, "(cos(x) - 1 + z / 2) / z^2, z = x^2, |x| <= pi / 4",
         lambda z: series(lambda t: (mp.cos(mp.sqrt(t)) - 1 + t / 2) / t ** 2, z),
         lambda z: max(z, mp.mpf("1e-20")) ** 2 / mp.cos(mp.sqrt(z)), 0, quarter, degree)
for name, degree in (("atan_single", 5), ("atan_double", 11)):
    emit(name, "(atan(x) / x - 1) / z, z = x^2, |x| <= tan(pi / 8)", of_root(mp.atan), odd_weight(mp.atan),
         0, (mp.tan(mp.pi / 8) * mp.mpf("1.001")) ** 2, degree)
for name, degree in (("asin_single", 5), ("asin_double", 13)):
    emit(name, "(asin(x) / x - 1) / z, z = x^2, |x| <= 1 / 2", of_root(mp.asin), odd_weight(mp.asin),
         0, (mp.mpf("0.5005")) ** 2, degree)
emit("tanh_single", "(tanh(x) / x - 1) / z, z = x^2, |x| <= 5 / 8", of_root(mp.tanh), odd_weight(mp.tanh),
     0, mp.mpf("0.626") ** 2, 5)
for name, degree, end in (("erf_single", 6, "0.93"), ("erf_double", 12, "1.01")):
    emit(name, "erf(x) / x - 1 in z = x^2, |x| <= " + end,
         lambda z: series(lambda t: mp.erf(mp.sqrt(t)) / mp.sqrt(t) - 1, z),
         lambda z: 1 / series(lambda t: mp.erf(mp.sqrt(t)) / mp.sqrt(t), z), 0, mp.mpf(end) ** 2, degree)
for name, degree, low, high in (("erfc_single", 6, "0.91", "4.0"), ("erfc_double", 18, "0.99", "6.0")):
    emit(name, f"log(erfc(t)) / t, {low} <= t <= {high}, beyond which erf(t) rounds to 1",
         lambda t: mp.log(mp.erfc(t)) / t, lambda t: t * mp.erfc(t), low, high, degree)
