#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares Tenon's latency with other runtimes', interleaved in one run.

usage: compare.py [--threads N] [--rounds N] [--seconds S] [--fusion] [--json FILE] [--svg FILE] TENON FOLDER...

Each FOLDER has model.onnx and test_data_set_0/input_N.pb, as ONNX's own tests. The peers are those of
ONNX Runtime and OpenVINO that Python finds, each in a process of its own that keeps the model loaded. In
every round the contenders run one after the other on the same inputs, pinned to the same processors;
a figure is the median of the rounds' medians.

  ratio    Tenon's latency over ONNX Runtime's: less is better
  speed    the best peer's latency over Tenon's: more is better
  peak     Tenon's GFLOP/s, of what peak.c measures on one core with as many threads; needs a compiler (CC)
  memory   resident at the most, MiB: Tenon's, and the leanest peer's with its Python

--fusion adds Tenon without fusion (-O1: one kernel for each compute, what passes between them in memory,
each scheduled as well as it can be alone) as a contender. --svg draws the speeds."""
import argparse
import glob
import html
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def read_inputs(folder):
    import onnx
    from onnx import numpy_helper
    model = onnx.load(os.path.join(folder, "model.onnx"), load_external_data=False)
    constant = {t.name for t in model.graph.initializer}
    names = [i.name for i in model.graph.input if i.name not in constant]
    inputs = []
    for i, name in enumerate(names):
        path = os.path.join(folder, "test_data_set_0", f"input_{i}.pb")
        tensor = onnx.TensorProto()
        tensor.ParseFromString(open(path, "rb").read())
        inputs.append((name, path, numpy_helper.to_array(tensor)))
    return inputs


# ---- Peers: a process reads a number of seconds a line and answers with {"ms", "rss_bytes"} ----------


def onnxruntime_runner(model, feeds, threads):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, feeds)


def openvino_runner(model, feeds, threads):
    import openvino
    core = openvino.Core()
    network = core.read_model(model)
    network.reshape({i.any_name: list(feeds[i.any_name].shape) for i in network.inputs})
    settings = {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(network, "CPU", settings).create_infer_request()
    return lambda: request.infer(feeds)


PEERS = {"onnxruntime": onnxruntime_runner, "openvino": openvino_runner}


def peak_memory():
    """Bytes resident at the most; getrusage() would count the process before exec(), too."""
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def serve(name, folder, threads):
    feeds = {name: value for name, _, value in read_inputs(folder)}
    run = PEERS[name](os.path.join(folder, "model.onnx"), feeds, threads)
    run()
    for line in sys.stdin:
        run()
        times, start = [], time.perf_counter()
        while time.perf_counter() - start < float(line) or len(times) < 3:
            begin = time.perf_counter()
            run()
            times.append((time.perf_counter() - begin) * 1e3)
        print(json.dumps({"ms": statistics.median(times), "rss_bytes": peak_memory()}), flush=True)


class Peer:
    def __init__(self, name, folder, threads):
        self.process = subprocess.Popen([sys.executable, __file__, "--serve", name, str(threads), folder],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def measure(self, seconds):
        try:
            self.process.stdin.write(f"{seconds}\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError((self.process.stderr.read().strip().split("\n") or ["ended"])[-1])
        return json.loads(line)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


class Tenon:
    def __init__(self, binary, folder, threads, level):
        self.command = [binary, "bench", os.path.join(folder, "model.onnx"), "--threads", str(threads), "--json",
                        f"-O{level}"]
        for name, path, value in read_inputs(folder):
            self.command += ["-i", f"{name}={path}", "--shape", f"{name}:{'x'.join(map(str, value.shape)) or 'scalar'}"]

    def measure(self, seconds):
        done = subprocess.run(self.command + ["--min-time", str(seconds)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().split("\n")[-1])
        found = json.loads(done.stdout)
        return {**found, "ms": found["median_ms"], "rss_bytes": found["peak_rss_bytes"]}

    def end(self):
        pass


# ---- Measuring and reporting ------------------------------------------------------------------------


def measure_peak():
    """GFLOP/s and GB/s of one core, or None without a compiler."""
    with tempfile.TemporaryDirectory() as folder:
        program = os.path.join(folder, "peak")
        try:
            subprocess.run([os.environ.get("CC", "cc"), "-O3", "-march=native", "-o", program,
                            os.path.join(HERE, "peak.c")], check=True, capture_output=True)
            return json.loads(subprocess.run([program], check=True, capture_output=True, text=True).stdout)
        except (OSError, subprocess.CalledProcessError):
            return None


def compare(contenders, rounds, seconds):
    figures = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, contender in contenders.items():
            figures[name].append(contender.measure(seconds))
    result = {"compile_ms": figures["tenon"][-1]["compile_ms"]}
    for name, found in figures.items():
        result[name] = {"ms": statistics.median(f["ms"] for f in found), "rss_bytes": max(f["rss_bytes"] for f in found)}
    pairs = list(zip(*(figures[name] for name in figures)))
    position = {name: i for i, name in enumerate(figures)}
    peers = [position[name] for name in PEERS if name in position]
    median_of = lambda ratio: statistics.median(ratio(p) for p in pairs)
    if "onnxruntime" in position:
        result["ratio"] = median_of(lambda p: p[0]["ms"] / p[position["onnxruntime"]]["ms"])
    if peers:
        result["speed"] = median_of(lambda p: min(p[i]["ms"] for i in peers) / p[0]["ms"])
    if "unfused" in position:
        result["fusion"] = median_of(lambda p: p[position["unfused"]]["ms"] / p[0]["ms"])
    result["gflops"] = statistics.median(f["gflops"] for f in figures["tenon"])
    return result


def line_of(name, r, peak, threads):
    text = f"{name:22s}"
    if "ratio" in r:
        text += f" ratio {r['ratio']:5.2f}"
    if "speed" in r:
        text += f"  speed {r['speed']:5.2f}"
    for who in ("tenon", *PEERS):
        if who in r:
            text += f"  {who} {r[who]['ms']:.4g} ms"
    text += f"  {r['gflops']:.1f} GFLOP/s"
    if peak:
        text += f" ({r['gflops'] / (peak['gflops'] * threads):.0%} of peak)"
    text += f"  compile {r['compile_ms']:.0f} ms  memory {r['tenon']['rss_bytes'] / 2**20:.0f}"
    leanest = min((r[p]["rss_bytes"] for p in PEERS if p in r), default=None)
    if leanest:
        text += f" beside {leanest / 2**20:.0f}"
    if "fusion" in r:
        text += f"  fusion {r['fusion']:.2f}x"
    return text


def draw(path, report):
    """A bar for each model: how many times as fast as the best peer, on a logarithmic axis."""
    rows = [(name, r["speed"]) for name, r in report["models"].items() if "speed" in r]
    left, width, height, low, high = 170, 420, 20, 0.25, 4.0
    at = lambda v: left + width * (math.log2(min(max(v, low), high)) - math.log2(low)) / math.log2(high / low)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 70}" height="{height * len(rows) + 70}" '
           'font-family="sans-serif" font-size="12">',
           f'<text x="8" y="18">Speed beside the best peer, {report["threads"]} thread(s), {html.escape(report["cpu"])}</text>']
    bottom = 30 + height * len(rows)
    for tick in (0.25, 0.5, 1, 2, 4):
        out.append(f'<line x1="{at(tick):.1f}" x2="{at(tick):.1f}" y1="28" y2="{bottom}" stroke="{"#444" if tick == 1 else "#ccc"}"/>'
                   f'<text x="{at(tick):.1f}" y="{bottom + 16}" text-anchor="middle">{tick:g}</text>')
    for i, (name, speed) in enumerate(rows):
        y, (begin, end) = 30 + height * i, sorted((at(1), at(speed)))
        out.append(f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{html.escape(name)}</text>'
                   f'<rect x="{begin:.1f}" y="{y + 3}" width="{max(end - begin, 1):.1f}" height="{height - 6}" '
                   f'fill="{"#2a7" if speed >= 1 else "#c64"}"/>'
                   f'<text x="{left + width + 10}" y="{y + 14}">{speed:.2f}</text>')
    with open(path, "w") as file:
        file.write("\n".join(out + ["</svg>", ""]))


def add_peer(contenders, name, folder, threads):
    """A peer that cannot run the model is left out, and that said."""
    peer = Peer(name, folder, threads)
    try:
        peer.measure(0)
        contenders[name] = peer
    except RuntimeError as error:
        print(f"{os.path.basename(os.path.normpath(folder)):22s} without {name}: {str(error)[:120]}", flush=True)


def installed(name):
    return subprocess.run([sys.executable, "-c", f"import {name}"], capture_output=True).returncode == 0


def main():
    if sys.argv[1:2] == ["--serve"]:
        return serve(sys.argv[2], sys.argv[4], int(sys.argv[3]))
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--fusion", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--svg")
    parser.add_argument("tenon")
    parser.add_argument("folders", nargs="+")
    a = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: a.threads])
    peers, peak = [name for name in PEERS if installed(name)], measure_peak()
    print(f"{processor()}, {a.threads} thread(s), {a.rounds} rounds, beside {', '.join(peers) or 'nobody'}" +
          (f"; one core: {peak['gflops']:.0f} GFLOP/s, {peak['gbytes']:.0f} GB/s" if peak else ""), flush=True)
    report = {"cpu": processor(), "threads": a.threads, "peak": peak, "models": {}}
    for folder in a.folders:
        name, contenders = os.path.basename(os.path.normpath(folder)), {}
        try:
            contenders["tenon"] = Tenon(a.tenon, folder, a.threads, 2)
            for peer in peers:
                add_peer(contenders, peer, folder, a.threads)
            if a.fusion:
                contenders["unfused"] = Tenon(a.tenon, folder, a.threads, 1)
            report["models"][name] = compare(contenders, a.rounds, a.seconds)
            print(line_of(name, report["models"][name], peak, a.threads), flush=True)
        except Exception as error:
            report["models"][name] = {"error": str(error)}
            print(f"{name:22s} fails: {str(error)[:150]}", flush=True)
        for contender in contenders.values():
            contender.end()
    speeds = [r["speed"] for r in report["models"].values() if "speed" in r]
    if speeds:
        mean = math.exp(statistics.fmean(map(math.log, speeds)))
        print(f"geometric mean of {len(speeds)} speeds: {mean:.2f}")
    if a.json:
        json.dump(report, open(a.json, "w"), indent=1)
    if a.svg:
        draw(a.svg, report)
    return 1 if any("error" in r for r in report["models"].values()) else 0


if __name__ == "__main__":
    sys.exit(main())
