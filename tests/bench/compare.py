#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares Tenon's latency with ONNX Runtime's, interleaved in one run.

usage: compare.py [--threads N] [--rounds N] [--seconds S] [--fusion] [--json FILE] TENON FOLDER...

Each FOLDER has model.onnx and test_data_set_0/input_N.pb, as ONNX's own tests. In every round the
contenders run one after the other on the same inputs, pinned to the same processors; a round's ratio
is Tenon's median latency over ONNX Runtime's (less is better), and the median of the rounds is
printed. --fusion adds Tenon without fusion (-O1: one kernel for each compute, what passes between them
in memory, each scheduled as well as it can be alone) as a third contender. Needs onnx and
onnxruntime."""
import argparse
import glob
import json
import os
import platform
import statistics
import subprocess
import time


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


def peer(folder, inputs, threads):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(os.path.join(folder, "model.onnx"), options,
                                           providers=["CPUExecutionProvider"])
    feeds = {name: value for name, _, value in inputs}

    def measure(seconds):
        session.run(None, feeds)
        times, start = [], time.perf_counter()
        while time.perf_counter() - start < seconds or len(times) < 3:
            begin = time.perf_counter()
            session.run(None, feeds)
            times.append((time.perf_counter() - begin) * 1e3)
        return statistics.median(times)
    return measure


def tenon(binary, folder, inputs, threads, level):
    command = [binary, "bench", os.path.join(folder, "model.onnx"), "--threads", str(threads), "--json", f"-O{level}"]
    for name, path, _ in inputs:
        command += ["-i", f"{name}={path}"]
    details = {}

    def measure(seconds):
        done = subprocess.run(command + ["--min-time", str(seconds)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr.strip().split("\n")[-1])
        details.update(json.loads(done.stdout))
        return details["median_ms"]
    return measure, details


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--fusion", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("tenon")
    parser.add_argument("folders", nargs="+")
    a = parser.parse_args()
    processors = sorted(os.sched_getaffinity(0))[: a.threads]
    os.sched_setaffinity(0, processors)
    print(f"{processor()}, {a.threads} thread(s), {a.rounds} rounds; ms are medians, ratio is tenon / onnxruntime")
    results = {}
    for folder in a.folders:
        name = os.path.basename(os.path.normpath(folder))
        try:
            inputs = read_inputs(folder)
            theirs = peer(folder, inputs, a.threads)
            ours, details = tenon(a.tenon, folder, inputs, a.threads, 2)
            plain, _ = tenon(a.tenon, folder, inputs, a.threads, 1)
            ratios, gains, ms = [], [], {"tenon": [], "onnxruntime": [], "without fusion": []}
            for _ in range(a.rounds):
                ms["tenon"].append(ours(a.seconds))
                ms["onnxruntime"].append(theirs(a.seconds))
                ratios.append(ms["tenon"][-1] / ms["onnxruntime"][-1])
                if a.fusion:
                    ms["without fusion"].append(plain(a.seconds))
                    gains.append(ms["without fusion"][-1] / ms["tenon"][-1])
            results[name] = {"ratio": statistics.median(ratios), "gflops": details["gflops"],
                             "compile_ms": details["compile_ms"], "peak_rss_bytes": details["peak_rss_bytes"],
                             "fusion": statistics.median(gains) if gains else None,
                             **{k: statistics.median(v) for k, v in ms.items() if v}}
            r = results[name]
            print(f"{name:24s} ratio {r['ratio']:6.2f}   tenon {r['tenon']:8.3f} ms   onnxruntime {r['onnxruntime']:8.3f} ms   "
                  f"{r['gflops']:6.1f} GFLOP/s   compile {r['compile_ms']:.0f} ms" +
                  (f"   fusion {r['fusion']:.2f}x" if gains else ""), flush=True)
        except Exception as error:
            results[name] = {"error": str(error)}
            print(f"{name:24s} fails: {str(error)[:150]}", flush=True)
    if a.json:
        json.dump({"cpu": processor(), "threads": a.threads, "models": results}, open(a.json, "w"), indent=1)


if __name__ == "__main__":
    main()
