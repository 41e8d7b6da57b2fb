"""Compares what riverrun wrote for its cases with this implementation, and writes the golden files.

Usage: check.py [--golden FOLDER --command TEXT] CASE_FOLDER...
A case folder holds model/ (a saved model), case.json (ids, digest of the weights), noise.safetensors (one (n, D) tensor
a text) and ours-float64.safetensors, ours-float32.safetensors (riverrun's figures). Prints a line for each comparison
and exits with 1 where one is beyond its tolerance.
"""

import argparse
import json
import math
import platform
import sys
from pathlib import Path

import numpy
import safetensors
import torch
from model import Model
from safetensors.torch import load_file

PARTS = ("negLogDensity", "logDet", "lengthNats", "logNoise", "decodeNats")
TOLERANCE = {"float64": 1e-9, "float32": 1e-5}
# The Jacobian of n D numbers costs as many backward passes.
LARGEST_JACOBIAN = 192


def largest_difference(ours, theirs, floor=0.0):
    """max |a - b| over the largest |b|, or over `floor` where that is larger."""
    if ours.shape != theirs.shape:
        raise ValueError(f"shape {tuple(ours.shape)} of riverrun, {tuple(theirs.shape)} here")
    ours, theirs = ours.double(), theirs.double()
    difference = (ours - theirs).abs().max().item()
    scale = max(theirs.abs().max().item(), floor)
    return difference / scale if scale > 0 else difference


def elementwise_difference(ours, theirs):
    scale = theirs.double().abs().clamp(min=1)
    return ((ours.double() - theirs.double()).abs() / scale).max().item()


class Case:
    def __init__(self, folder):
        self.folder = Path(folder)
        self.about = json.loads((self.folder / "case.json").read_text())
        self.texts = self.about["texts"]
        noise = load_file(self.folder / "noise.safetensors")
        self.noise = [noise[str(row)] for row in range(len(self.texts))]

    def model(self, dtype):
        return Model(self.folder / "model", dtype)


def compare(case, name):
    """The differences of one precision by what is compared, each relative, with the name of the worst gradient."""
    ours = load_file(case.folder / f"ours-{name}.safetensors")
    rows, gradients = case.model(getattr(torch, name)).evaluate(case.texts, case.noise)
    differences = {
        part: elementwise_difference(ours[part], torch.stack([row[part] for row in rows])) for part in PARTS
    }
    latents = [
        largest_difference(ours["latents"][row, : len(ids)], rows[row]["latents"]) for row, ids in enumerate(case.texts)
    ]
    pads = [ours["latents"][row, len(ids) :].abs().sum().item() for row, ids in enumerate(case.texts)]
    if any(pads):
        raise ValueError("riverrun's latents are not zero at the pads")
    differences["latents"] = max(latents)
    names = {key.removeprefix("gradient.") for key in ours if key.startswith("gradient.")}
    if names != set(gradients):
        raise ValueError(f"parameters differ: {sorted(names ^ set(gradients))}")
    # Entries that cancel to nothing have no relative error of their own: see docs/oracles.md.
    floor = 1e-3 * max(gradient.abs().max().item() for gradient in gradients.values())
    by_name = {key: largest_difference(ours["gradient." + key], gradients[key], floor) for key in gradients}
    worst = max(by_name, key=by_name.get)
    differences["gradients"] = by_name[worst]
    return differences, worst


def check_jacobian(case):
    """The sum of our log-determinants against the determinant of the whole Jacobian, of the shortest text; or None."""
    model = case.model(torch.float64)
    row = min(range(len(case.texts)), key=lambda index: len(case.texts[index]))
    if len(case.texts[row]) * model.config["data"]["dimensions"] > LARGEST_JACOBIAN:
        return None
    stated = load_file(case.folder / "ours-float64.safetensors")["logDet"][row]
    return elementwise_difference(stated, model.numeric_log_det(case.texts[row], case.noise[row]))


def rounded(value):
    """13 digits: a ten-thousandth of what the golden files are compared to."""
    return float(f"{value:.13g}")


def golden(case, command):
    rows, gradients = case.model(torch.float64).evaluate(case.texts, case.noise)

    def fingerprint(gradient):
        flat = gradient.flatten()
        # The projection onto a vector that treats no two entries alike: a gradient in another order does not pass.
        direction = torch.cos(torch.arange(1, flat.numel() + 1, dtype=torch.float64))
        largest = int(flat.abs().argmax())
        return {
            "norm": rounded(flat.norm().item()),
            "projection": rounded((flat @ direction).item()),
            "largest": [largest, rounded(flat[largest].item())],
        }

    return {
        "command": command,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "safetensors": safetensors.__version__,
            "numpy": numpy.__version__,
        },
        **{key: case.about[key] for key in ("about", "weights", "data", "flow", "texts")},
        **{part: [rounded(row[part].item()) for row in rows] for part in PARTS},
        "latents": [[rounded(value) for value in row["latents"].flatten().tolist()] for row in rows],
        "gradients": {name: fingerprint(gradient) for name, gradient in gradients.items()},
    }


def write_golden(folder, case, command):
    value = golden(case, command)
    lines = [f"  {json.dumps(key)}: {json.dumps(part)}" for key, part in value.items()]
    path = Path(folder) / f"{case.folder.name}.json"
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{path}: {path.stat().st_size} bytes")


def report(case):
    """Prints the case's lines and returns whether all of it is within the tolerances."""
    try:
        return report_differences(case)
    except (ValueError, KeyError, IndexError, RuntimeError) as error:
        # Other tensors, names or shapes than this implementation expects: a disagreement like any other.
        print(f"FAIL {case.folder.name}: cannot be compared: {type(error).__name__}: {error}")
        return False


def report_differences(case):
    good = True
    for name, tolerance in TOLERANCE.items():
        differences, worst = compare(case, name)
        text = ", ".join(f"{part} {value:.1e}" for part, value in differences.items())
        largest = max(differences.values())
        within = largest <= tolerance and not math.isnan(sum(differences.values()))
        good = good and within
        print(
            f"{'ok  ' if within else 'FAIL'} {case.folder.name} {name}: largest difference {largest:.1e} "
            f"(at most {tolerance:.0e}): {text} (worst: {worst})"
        )
    difference = check_jacobian(case)
    if difference is not None:
        within = difference <= 1e-8
        good = good and within
        print(
            f"{'ok  ' if within else 'FAIL'} {case.folder.name} Jacobian: log-det against the determinant of the whole "
            f"Jacobian differs by {difference:.1e} (at most 1e-08)"
        )
    return good


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--golden", help="write golden files into this folder instead of comparing")
    parser.add_argument("--command", default="", help="what the golden files say they were made with")
    parser.add_argument("folders", nargs="+")
    options = parser.parse_args()
    torch.set_num_threads(1)
    cases = [Case(folder) for folder in options.folders]
    if options.golden:
        for case in cases:
            write_golden(options.golden, case, options.command)
        return 0
    # Not all(...) over a generator: every case is reported, also after one that failed.
    return 0 if all([report(case) for case in cases]) else 1


if __name__ == "__main__":
    sys.exit(main())
