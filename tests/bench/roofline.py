#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws where a model's kernels stand under the roof of this machine.

usage: roofline.py [--threads N] [--seconds S] [--peak GFLOPS,GBYTES] [--json FILE] -o FILE.svg TENON MODEL [OPTION...]

Each kernel that computes with floats is a dot: to the right of others if it does more operations for each byte
of the memory that it touches (each buffer counted whole, once), above them if it does more in a second; the larger,
the more of the model's time it takes. The roof is what peak.c measures on one core, times the threads for
arithmetic: GFLOP/s of multiply-adds, and GB/s of memory. A dot over the slope works on what the caches hold.

OPTIONs go to `tenon bench`: -i NAME=FILE, --dim N=8, ... Needs a compiler (CC) unless --peak says what the machine
does. Prints the kernels that would gain most under the roof."""
import argparse
import html
import json
import math
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from compare import measure_peak, processor

WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 860, 520, 70, 50, 30, 60


def bench(tenon, model, threads, seconds, options):
    command = [tenon, "bench", model, "--per-kernel", "--json", "--threads", str(threads), "--min-time", str(seconds), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr.strip() or f"{command[0]} failed")
    return json.loads(done.stdout)


def dots(report):
    """Kernels with operations and bytes, of which alone a roofline can speak."""
    total = sum(step["ms"] for step in report["steps"]) or 1
    found = []
    for step in report["steps"]:
        if step["kind"] != "kernel" or step["gflops"] <= 0 or step["bytes"] <= 0 or step["ms"] <= 0:
            continue
        flops = step["gflops"] * step["ms"] * 1e6
        found.append({"name": step["name"], "ms": step["ms"], "gflops": step["gflops"], "bytes": step["bytes"],
                      "intensity": flops / step["bytes"], "share": step["ms"] / total})
    return found


def roof(intensity, peak):
    return min(peak["gflops"], peak["gbytes"] * intensity)


def lost_ms(dot, peak):
    """What is above the time that the roof allows."""
    return dot["ms"] * max(0.0, 1 - dot["gflops"] / roof(dot["intensity"], peak))


def axis_range(values):
    """Whole decades around all values, as powers of ten."""
    return math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)) + 1e-9)


def draw(found, peak, title):
    ridge = peak["gflops"] / peak["gbytes"]
    x0, x1 = axis_range([d["intensity"] for d in found] + [ridge / 2, ridge * 2])
    y0, y1 = axis_range([d["gflops"] for d in found] + [peak["gflops"] / 20, peak["gflops"] * 1.1])
    at_x = lambda v: LEFT + (math.log10(v) - x0) / (x1 - x0) * (WIDTH - LEFT - RIGHT)
    at_y = lambda v: HEIGHT - BOTTOM - (math.log10(v) - y0) / (y1 - y0) * (HEIGHT - TOP - BOTTOM)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
           f'<text x="{LEFT}" y="22" font-size="14">{html.escape(title)}</text>',
           f'<text x="{WIDTH / 2}" y="{HEIGHT - 16}" text-anchor="middle">operations for each byte</text>',
           f'<text x="18" y="{HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 18 {HEIGHT / 2})">GFLOP/s</text>']
    for power in range(x0, x1 + 1):
        x = at_x(10.0**power)
        out.append(f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/>'
                   f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{10.0**power:g}</text>')
    for power in range(y0, y1 + 1):
        y = at_y(10.0**power)
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
                   f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    start = max(10.0**x0, 10.0**y0 / peak["gbytes"])
    corners = [(start, roof(start, peak)), (ridge, peak["gflops"]), (10.0**x1, peak["gflops"])]
    points = " ".join(f"{at_x(x):.1f},{at_y(y):.1f}" for x, y in corners)
    out.append(f'<polyline points="{points}" fill="none" stroke="#333" stroke-width="2"/>'
               f'<text x="{WIDTH - RIGHT}" y="{at_y(peak["gflops"]) - 6:.1f}" text-anchor="end">{peak["gflops"]:.0f} GFLOP/s</text>'
               f'<text x="{at_x(start) + 8:.1f}" y="{at_y(roof(start, peak)) - 10:.1f}">{peak["gbytes"]:.0f} GB/s</text>')
    for dot in sorted(found, key=lambda d: -d["share"]):
        radius = 3 + 30 * math.sqrt(dot["share"])
        part = dot["gflops"] / roof(dot["intensity"], peak)
        label = f'{dot["name"]}: {dot["ms"]:.3g} ms, {dot["gflops"]:.3g} GFLOP/s, {part:.0%} of the roof'
        out.append(f'<circle cx="{at_x(dot["intensity"]):.1f}" cy="{at_y(dot["gflops"]):.1f}" r="{radius:.1f}" '
                   f'fill="{"#2a7" if part >= 0.7 else "#c64"}" fill-opacity="0.5" stroke="#555">'
                   f"<title>{html.escape(label)}</title></circle>")
    return "\n".join(out + ["</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1)
    parser.add_argument("--peak", help="GFLOP/s,GB/s of one core, instead of measuring them")
    parser.add_argument("--json", help="write the dots, too")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("tenon")
    parser.add_argument("model")
    a, options = parser.parse_known_args()
    if a.peak:
        one = dict(zip(("gflops", "gbytes"), map(float, a.peak.split(","))))
    else:
        one = measure_peak()
    if not one or one.get("gflops", 0) <= 0 or one.get("gbytes", 0) <= 0:
        sys.exit("no peak: there is no compiler (CC), and --peak does not say it")
    peak = {"gflops": one["gflops"] * a.threads, "gbytes": one["gbytes"]}
    found = dots(bench(a.tenon, a.model, a.threads, a.seconds, options))
    if not found:
        sys.exit("no kernel of this model computes with floats")
    for dot in found:
        dot["of_roof"], dot["lost_ms"] = dot["gflops"] / roof(dot["intensity"], peak), lost_ms(dot, peak)
    title = f"{a.model}, {a.threads} thread(s), {processor()}"
    with open(a.output, "w") as file:
        file.write(draw(found, peak, title))
    if a.json:
        with open(a.json, "w") as file:
            json.dump({"model": a.model, "cpu": processor(), "threads": a.threads, "peak": peak, "kernels": found}, file, indent=1)
    print(f"{title}: {peak['gflops']:.0f} GFLOP/s, {peak['gbytes']:.0f} GB/s; {len(found)} kernels")
    for dot in sorted(found, key=lambda d: -d["lost_ms"])[:10]:
        print(f"{dot['ms']:9.4f} ms  {dot['gflops']:7.1f} GFLOP/s  {dot['intensity']:7.1f} a byte  {dot['of_roof']:4.0%} of the roof  {dot['name']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
