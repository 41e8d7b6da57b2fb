"""Times a hand-written PyTorch version of a riverrun flow.

    python bench/peer/main.py nar --precision bf16 --runs 10
    python bench/peer/main.py causal

prints one JSON object: the parameters, the median milliseconds of every kind of work, the peak memory after the
training steps. `--serve` is for `riverrun bench ... --peer`: requests on stdin and answers on stdout, a JSON object a
line, so that blocks of both programs can take turns. A request that fails is answered with {"error": ...}.
"""

import argparse
import gc
import json
import os
import resource
import statistics
import sys
import time

import torch
from causal import CausalFlow
from distributed import share
from nar import NarFlow
from safetensors.torch import load_file

DEFAULTS = {
    "nar": {
        "layout": "wide",
        "steps": 8,
        "levels": 3,
        "batch": 32,
        "positions": 64,
        "channels": 300,
        "heads": 6,
        "alpha": 2.0,
        "clipNorm": None,
        "learningRate": 1e-5,
    },
    "causal": {
        "width": 96,
        "layers": 2,
        "heads": 4,
        "channels": 32,
        "positions": 32,
        "batch": 64,
        "decodeBatch": 16,
        "decodePositions": 4,
        "words": 5000,
        "sigma": 0.25,
        "impossible": [0, 3],
        "learningRate": 1e-5,
    },
}
MODELS = {"nar": NarFlow, "causal": CausalFlow}


def peak_rss_mb():
    """The largest resident memory of this program. ru_maxrss would count the parent's, out of which it was started."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024
    except (OSError, StopIteration):
        largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return largest / (1024**2 if sys.platform == "darwin" else 1024)


def fingerprint(gradient):
    """The norm, and the product with cos 1, cos 2, ..., which another order of the entries does not have."""
    flat = gradient.double().flatten()
    direction = torch.cos(torch.arange(1, flat.numel() + 1, dtype=torch.float64))
    return [flat.norm().item(), (flat @ direction).item()]


class Subject:
    """A model that is asked for work."""

    def __init__(self, name, settings, weights=None, inputs=None, group=None):
        self.model = MODELS[name](settings)
        if weights:
            tensors = load_file(weights)
            # Weights in float64 make a float64 model, which is how the mathematics is compared.
            if any(value.dtype == torch.float64 for value in tensors.values()):
                self.model.flow.double()
            self.model.load(tensors, load_file(inputs))
            del tensors
        if group:
            share(self.model, **group)
        self.model.prepare()

    def parameters(self):
        return sum(parameter.numel() for parameter in self.model.flow.parameters())

    def gradients(self):
        loss = self.model.loss()
        named = dict(self.model.flow.named_parameters())
        gradients = torch.autograd.grad(loss, list(named.values()))
        fingerprints = {name: fingerprint(value) for name, value in zip(named, gradients, strict=True)}
        return {"loss": loss.item(), "gradients": fingerprints}

    def output(self, work):
        """What a kind of work gives, as [sum, norm, product with cosines]."""
        values = getattr(self.model, work)()
        return {"output": [values.double().sum().item(), *fingerprint(values)]}

    def times(self, work, runs):
        body = getattr(self.model, work)
        milliseconds = []
        for _ in range(runs):
            start = time.perf_counter()
            body()
            milliseconds.append((time.perf_counter() - start) * 1e3)
        return milliseconds


def operator_microseconds():
    """One addition of 4 numbers, the best of five runs of 50,000 calls."""
    x = torch.ones(4)
    best = float("inf")
    with torch.no_grad():
        for _ in range(5):
            start = time.perf_counter()
            for _ in range(50_000):
                x + x
            best = min(best, (time.perf_counter() - start) / 50_000 * 1e6)
    return best


class Server:
    def __init__(self):
        self.subject = None

    def answer(self, request):
        work = request["do"]
        if work == "open":
            torch.manual_seed(1)
            torch.set_num_threads(request["threads"])
            if "model" not in request:
                return {"torch": torch.__version__, "threads": torch.get_num_threads()}
            name = request["model"]
            settings = {**DEFAULTS[name], **request["settings"]}
            given = [request.get(key) for key in ("weights", "inputs", "group")]
            self.subject = Subject(name, settings, *given)
            return {
                "torch": torch.__version__,
                "threads": torch.get_num_threads(),
                "parameters": self.subject.parameters(),
            }
        if work == "operator":
            return {"microseconds": operator_microseconds()}
        if work == "gradients":
            return self.subject.gradients()
        if work == "output":
            return self.subject.output(request["work"])
        if work == "losses":
            return {"losses": self.subject.model.losses}
        if work == "memory":
            return {"peakRssMb": peak_rss_mb()}
        if work == "time":
            return {"milliseconds": self.subject.times(request["work"], request["runs"])}
        raise ValueError(f"unknown request {work!r}")


def serve():
    # Whatever prints to stdout does not get between the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    server = Server()
    for line in sys.stdin:
        try:
            answer = server.answer(json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main():
    parser = argparse.ArgumentParser(description="Times a PyTorch version of a riverrun flow.")
    parser.add_argument("model", nargs="?", choices=sorted(MODELS))
    parser.add_argument("--serve", action="store_true", help="answer requests on stdin")
    parser.add_argument("--precision", choices=("float32", "bf16"), default="float32")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="a setting, as in batch=8")
    options = parser.parse_args()
    if options.serve:
        return serve()
    if options.model is None:
        parser.error(f"expected one of {', '.join(sorted(MODELS))}, or --serve")
    settings = {**DEFAULTS[options.model], "precision": options.precision}
    for key, value in (pair.split("=", 1) for pair in options.set):
        if key not in settings:
            parser.error(f"unknown setting {key}: expected one of {', '.join(settings)}")
        settings[key] = json.loads(value) if not isinstance(settings[key], str) else value
    torch.manual_seed(1)
    torch.set_num_threads(options.threads)
    subject = Subject(options.model, settings)
    result = {
        "model": options.model,
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "precision": options.precision,
        "parameters": subject.parameters(),
    }
    for work in subject.model.works:
        subject.times(work, 2)
        gc.collect()
        result[f"{work}Ms"] = statistics.median(subject.times(work, options.runs))
        if work == "step":
            result["peakRssMb"] = peak_rss_mb()
    print(json.dumps(result))
    return None


if __name__ == "__main__":
    main()
