#!/usr/bin/env python3
"""One file from one seeder to one leecher over the loopback, with and without TLS, in alternation.

Prints the wall time of the receiving program, the CPU seconds per GiB of both sides, and the ratio of the medians.

    tests/bench/tls_bench.py [--programs build/release/bin] [--mebibytes 1024] [--rounds 7] [--output DIR]

With --output the file is written there: a folder in memory (/dev/shm) leaves the disk out of it. The medians and the ratio
belong to this one run: do not compare across runs.
"""

import argparse
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

from programs import ShoalPair, cpu_of, run_sampled, sha256, write_random


def measure(pair, flags, output, wanted, file):
    folder = pathlib.Path(tempfile.mkdtemp(dir=output))
    os.sync()  # or this round would wait for the writes and removals of earlier ones
    sender_before = cpu_of(pair.seeder)
    wall, receiver_cpu = run_sampled(pair.get([file], folder, *flags), 0.005, lambda receiver: None)
    sender_cpu = cpu_of(pair.seeder) - sender_before
    if sha256(folder / file) != wanted:
        raise RuntimeError("wrong bytes arrived")
    shutil.rmtree(folder)
    return wall, receiver_cpu, sender_cpu


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", type=lambda text: pathlib.Path(text).resolve(), default="build/release/bin")
    parser.add_argument("--mebibytes", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=pathlib.Path)
    options = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="tls-bench-", dir=options.output) as folder:
        work = pathlib.Path(folder)
        source = work / "source" / "file"
        source.parent.mkdir()
        wanted = write_random(source, options.mebibytes)
        certificates = work / "certs"
        subprocess.run([options.programs / "shoal-leecher", "certs", certificates, "--quiet"], check=True)
        flags = [f"--tls-{kind}={certificates / name}" for kind, name in
                 (("cert", "cert.pem"), ("key", "key.pem"), ("ca", "ca.pem"))]
        samples = {"plain": [], "TLS": []}
        with ShoalPair(options.programs, source.parent) as plain, \
                ShoalPair(options.programs, source.parent, *flags) as encrypted:
            for at in range(options.rounds + 1):
                for name, pair, more in (("plain", plain, []), ("TLS", encrypted, flags)):
                    sample = measure(pair, more, work, wanted, source.name)
                    if at > 0:  # the first round warms up
                        samples[name].append(sample)

    gibibytes = options.mebibytes / 1024
    medians = {name: [statistics.median(column) for column in zip(*taken)] for name, taken in samples.items()}
    print(f"{options.mebibytes} MiB, medians of {options.rounds} rounds; CPU in seconds per GiB")
    print(f"{'':6} {'wall s':>7} {'min':>6} {'max':>6} {'MiB/s':>6} {'CPU in':>7} {'CPU out':>8}")
    for name, (wall, receiver_cpu, sender_cpu) in medians.items():
        walls = [sample[0] for sample in samples[name]]
        print(f"{name:6} {wall:7.2f} {min(walls):6.2f} {max(walls):6.2f} {options.mebibytes / wall:6.0f}"
              f" {receiver_cpu / gibibytes:7.2f} {sender_cpu / gibibytes:8.2f}")
    print(f"rate with TLS over plain: {medians['plain'][0] / medians['TLS'][0]:.2f}")


if __name__ == "__main__":
    main()
