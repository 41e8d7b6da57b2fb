"""The paper's non-autoregressive flow with couplings over time (Att-S), written as one would for speed in PyTorch."""

import math

import torch
from layers import TransformerBlock, ZeroLinear, network_precision
from torch import nn
from torch.nn import functional as F


def squeeze(x):
    """(B, T, C) to (B, T/2, 2C), channels c0 of t even, c0 of t odd, c1 of t even, ..."""
    batch, positions, channels = x.shape
    return x.view(batch, positions // 2, 2, channels).transpose(2, 3).reshape(batch, positions // 2, 2 * channels)


def unsqueeze(y):
    batch, positions, channels = y.shape
    return y.view(batch, positions, channels // 2, 2).transpose(2, 3).reshape(batch, positions * 2, channels // 2)


class ActNorm(nn.Module):
    """y = s (x + b)."""

    def __init__(self, channels):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def encode(self, x):
        y = torch.addcmul(self.scale * self.bias, x, self.scale)
        return y, x.shape[1] * self.scale.abs().log().sum()

    def decode(self, y):
        return torch.addcmul(-self.bias, y, self.scale.reciprocal())


class PermutedLu(nn.Module):
    """W = P L U with P and the signs of U's diagonal fixed."""

    def __init__(self, size):
        super().__init__()
        permutation, lower, upper = torch.linalg.lu(torch.linalg.qr(torch.randn(size, size)).Q)
        diagonal = upper.diagonal()
        self.register_buffer("order", permutation.argmax(1))
        self.register_buffer("sign", diagonal.sign())
        self.lower = nn.Parameter(lower.tril(-1))
        self.upper = nn.Parameter(upper.triu(1))
        self.logDiagonal = nn.Parameter(diagonal.abs().log())

    def factors(self):
        unit = torch.eye(self.lower.shape[0], dtype=self.lower.dtype)
        diagonal = torch.diag(self.sign * self.logDiagonal.exp())
        return self.lower.tril(-1) + unit, self.upper.triu(1) + diagonal

    def matrix(self):
        lower, upper = self.factors()
        return (lower @ upper)[self.order]

    def inverse(self):
        lower, upper = self.factors()
        transposed = torch.eye(lower.shape[0], dtype=lower.dtype)[self.order].T
        below = torch.linalg.solve_triangular(lower, transposed, upper=False, unitriangular=True)
        return torch.linalg.solve_triangular(upper, below, upper=True)


class TimePermutation(nn.Module):
    """y = W x over time."""

    def __init__(self, positions):
        super().__init__()
        self.map = PermutedLu(positions)

    def encode(self, x):
        return over_time(self.map.matrix(), x), x.shape[2] * self.map.logDiagonal.sum()

    def decode(self, y):
        return over_time(self.map.inverse(), y)


def over_time(matrix, x):
    return torch.bmm(matrix.expand(x.shape[0], -1, -1), x)


class PaperNetwork(nn.Module):
    def __init__(self, channels, heads):
        super().__init__()
        self.block = TransformerBlock(channels, heads, 2 * channels, unbiased=True)
        self.head = ZeroLinear(channels, 2 * channels)

    def forward(self, x):
        return self.head(self.block(x))


class HalfTimeCoupling(nn.Module):
    """The first half of the positions is seen, the second becomes s (x + t) with s = sigmoid(l + alpha)."""

    def __init__(self, channels, settings):
        super().__init__()
        self.alpha = settings["alpha"]
        self.network = PaperNetwork(channels, settings["heads"])
        self.autocast = network_precision(settings["precision"])

    def moments(self, seen):
        with self.autocast():
            output = self.network(seen)
        raw, shift = output.to(seen.dtype).chunk(2, dim=2)
        return F.logsigmoid(raw + self.alpha), shift

    def encode(self, x):
        seen, changed = x.chunk(2, dim=1)
        log_scale, shift = self.moments(seen)
        return torch.cat([seen, (changed + shift) * log_scale.exp()], dim=1), log_scale.sum((1, 2))

    def decode(self, y):
        seen, changed = y.chunk(2, dim=1)
        log_scale, shift = self.moments(seen)
        return torch.cat([seen, changed * torch.exp(-log_scale) - shift], dim=1)


class SplitPrior(nn.Module):
    """The second half of the channels is N(m, e^2s) given the first, which goes on."""

    def __init__(self, channels):
        super().__init__()
        self.prior = ZeroLinear(channels // 2, channels)

    def encode(self, x):
        kept, z = x.chunk(2, dim=2)
        mean, log_sd = self.prior(kept).chunk(2, dim=2)
        return torch.cat([kept, (z - mean) * torch.exp(-log_sd)], dim=2), -log_sd.sum((1, 2))

    def decode(self, y):
        kept, white = y.chunk(2, dim=2)
        mean, log_sd = self.prior(kept).chunk(2, dim=2)
        return torch.cat([kept, torch.addcmul(mean, white, log_sd.exp())], dim=2)


class FinalPrior(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(2 * channels))
        self.gain = nn.Parameter(torch.zeros(2 * channels))

    def moments(self):
        return (self.bias * torch.exp(3 * self.gain)).chunk(2)

    def encode(self, x):
        mean, log_sd = self.moments()
        return (x - mean) * torch.exp(-log_sd), -x.shape[1] * log_sd.sum()

    def decode(self, y):
        mean, log_sd = self.moments()
        return torch.addcmul(mean, y, log_sd.exp())


class Squeezed(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def encode(self, x):
        y, log_det = self.inner.encode(squeeze(x))
        return unsqueeze(y), log_det

    def decode(self, y):
        return unsqueeze(self.inner.decode(squeeze(y)))


class OnFirstHalf(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def encode(self, x):
        first, second = x.chunk(2, dim=2)
        y, log_det = self.inner.encode(first.contiguous())
        return torch.cat([y, second], dim=2), log_det

    def decode(self, y):
        first, second = y.chunk(2, dim=2)
        return torch.cat([self.inner.decode(first.contiguous()), second], dim=2)


class Chain(nn.ModuleList):
    def encode(self, x):
        total = 0
        for part in self:
            x, log_det = part.encode(x)
            total = total + log_det
        return x, total

    def decode(self, y):
        for part in reversed(self):
            y = part.decode(y)
        return y


def blocks(positions, channels, settings, level):
    """Block `level` (from 1) and all that follow it."""
    parts = []
    for _ in range(settings["steps"]):
        parts += [ActNorm(channels), TimePermutation(positions), HalfTimeCoupling(channels, settings)]
    if level == settings["levels"]:
        return Chain([*parts, FinalPrior(channels)])
    splits = settings["layout"] == "paper" or level > 1
    kept = channels // 2 if splits else channels
    later = Squeezed(blocks(positions // 2, 2 * kept, settings, level + 1))
    return Chain([*parts, SplitPrior(channels), OnFirstHalf(later)] if splits else [*parts, later])


class NarFlow:
    """What is measured: an Adam step on the density of fixed points, and the inverse."""

    def __init__(self, settings):
        self.flow = blocks(settings["positions"], settings["channels"], settings, 1)
        self.learning_rate = settings["learningRate"]
        self.clip_norm = settings["clipNorm"]
        self.x = 0.4 * torch.randn(settings["batch"], settings["positions"], settings["channels"])
        # What a step goes backward from; a group of processes puts its own in this place (distributed.py).
        self.objective = self.loss
        self.losses = []

    def load(self, weights, inputs):
        self.flow.load_state_dict(weights)
        self.x = inputs["x"]

    def prepare(self):
        self.optimiser = torch.optim.Adam(self.flow.parameters(), lr=self.learning_rate, fused=True)

    def loss(self):
        """-log p(x) in bits a dimension."""
        y, log_det = self.flow.encode(self.x)
        log_density = (-0.5 * math.log(2 * math.pi) - 0.5 * y.square()).sum((1, 2)) + log_det
        return -log_density.sum() / (self.x.numel() * math.log(2))

    def step(self):
        loss = self.objective()
        loss.backward()
        self.losses.append(loss.item())
        if self.clip_norm is not None:
            torch.nn.utils.clip_grad_norm_(self.flow.parameters(), self.clip_norm)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)

    def inverse(self):
        with torch.inference_mode():
            return self.flow.decode(self.x)

    works = ("step", "inverse")
