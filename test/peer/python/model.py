"""A model's folder (config.json, vocabulary.json, model.safetensors) and the bound on -log P of texts given as ids."""

import json
import math
from pathlib import Path

import torch
from flow import Flow
from safetensors.torch import load_file

PAD, SOS = 0, 3


class Model:
    def __init__(self, folder, dtype):
        folder = Path(folder)
        self.dtype = dtype
        self.config = json.loads((folder / "config.json").read_text())
        vocabulary = json.loads((folder / "vocabulary.json").read_text())
        tensors = load_file(folder / "model.safetensors")
        self.codebook = tensors["codebook"].to(dtype)
        self.log_prior = self._checked_prior(vocabulary["counts"], tensors["logPrior"]).to(dtype)
        self.length_log_probabilities = tensors["lengthLogProbabilities"]
        self.flow = Flow(self.config, tensors, dtype)
        sinusoidal = self.config["flow"]["positionEncoding"] == "sinusoidal"
        self.parameters = self.flow.p.parameters(sinusoidal)
        for parameter in self.parameters.values():
            parameter.requires_grad_(True)

    def _checked_prior(self, counts, stored):
        """ln (n_w + 1) / sum (n_v + 1) over the words that a text can hold; <sos> only where every text has one."""
        smoothed = torch.tensor([count + 1.0 for count in counts], dtype=torch.float64)
        if not self.config["data"]["fixedLength"]:
            smoothed[SOS] = 0
        expected = torch.log(smoothed / smoothed.sum())
        if not torch.allclose(stored.double(), expected, rtol=1e-6, atol=0):
            raise ValueError("logPrior does not follow from the counts of vocabulary.json")
        return stored

    def points(self, ids, noise):
        """x~ = e_w + u, (n, D)."""
        return self.codebook[torch.tensor(ids)] + noise.to(self.dtype)

    def parts(self, ids, noise):
        """The parts of the bound of one text in nats, and its latents (n, D)."""
        data = self.config["data"]
        sigma = data["sigma"]
        x = self.points(ids, noise)
        encoded = self.flow.encode(x)
        with torch.no_grad():
            noise = noise.double()
            constant = 0.5 * math.log(2 * math.pi * sigma**2)
            log_noise = -(constant + noise**2 / (2 * sigma**2)).sum()
            squares = ((x[:, None, :] - self.codebook[None, :, :]) ** 2).sum(2)
            scores = self.log_prior - squares / (2 * sigma**2)
            log_words = scores - torch.logsumexp(scores, 1, keepdim=True)
            decode = -log_words[torch.arange(len(ids)), torch.tensor(ids)].double().sum()
            unit = 2 ** (self.config["flow"]["levels"] - 1)
            length = torch.zeros((), dtype=torch.float64)
            if not data["fixedLength"]:
                length = -self.length_log_probabilities[len(ids) // unit - 1]
        return {
            "negLogDensity": -encoded.log_density,
            "logDet": encoded.log_det,
            "lengthNats": length,
            "logNoise": log_noise,
            "decodeNats": decode,
            "latents": encoded.latents,
        }

    def evaluate(self, texts, noises):
        """Parts of every text, and the gradients of the sum of -log p(x~) with respect to every parameter."""
        rows = [self.parts(ids, noise) for ids, noise in zip(texts, noises, strict=True)]
        unused = self.flow.p.unused()
        if unused:
            raise ValueError(f"tensors of model.safetensors that the flow does not use: {', '.join(unused)}")
        loss = torch.stack([row["negLogDensity"] for row in rows]).sum()
        gradients = torch.autograd.grad(loss, list(self.parameters.values()), allow_unused=True)
        named = {
            name: torch.zeros_like(parameter) if gradient is None else gradient
            for (name, parameter), gradient in zip(self.parameters.items(), gradients, strict=True)
        }
        detached = [{key: value.detach() for key, value in row.items()} for row in rows]
        return detached, named

    def numeric_log_det(self, ids, noise):
        """ln|det dy/dx| of one text from the whole Jacobian, which no formula of a log-determinant takes part in."""
        x = self.points(ids, noise).detach()
        jacobian = torch.autograd.functional.jacobian(lambda points: self.flow.encode(points).latents, x)
        return torch.linalg.slogdet(jacobian.reshape(x.numel(), x.numel())).logabsdet
