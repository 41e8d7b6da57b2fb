"""Layers that both flows are made of, on PyTorch's fused kernels.

Attributes bear the names of the tensors in riverrun's files, so that a state dict fits as it is.
"""

import contextlib
import math

import torch
from torch import nn
from torch.nn import functional as F


def network_precision(precision):
    """Where networks run in bfloat16: autocast for them alone; the flow's own path stays in float32."""
    if precision == "bf16":
        return lambda: torch.autocast("cpu", torch.bfloat16)
    return contextlib.nullcontext


class LayerNorm(nn.Module):
    """a (x - mean) / sqrt(var + 1e-5) + b; `unbiased`: a (x - mean) / std + b with the deviation over n - 1."""

    def __init__(self, width, unbiased=False):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.factor = math.sqrt((width - 1) / width) if unbiased else None

    def forward(self, x):
        if self.factor is None:
            return F.layer_norm(x, self.weight.shape, self.weight, self.bias)
        return F.layer_norm(x, self.weight.shape, self.weight * self.factor, self.bias, 1e-24)


class ZeroLinear(nn.Module):
    """(x W^T + b) exp(3 g)."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(outputs, inputs))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.gain = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        factor = torch.exp(3 * self.gain)
        # The factor goes to where there are fewer numbers: into the weight, or into the output.
        if self.weight.shape[1] <= x.numel() // x.shape[-1]:
            return F.linear(x, self.weight * factor[:, None], self.bias * factor)
        return F.linear(x, self.weight, self.bias) * factor


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.projection = nn.Linear(width, 3 * width)
        self.output = nn.Linear(width, width)

    def split(self, x):
        """(B, T, C) to queries, keys and values, each (B, heads, T, C / heads)."""
        batch, positions, width = x.shape
        packed = self.projection(x).view(batch, positions, 3, self.heads, width // self.heads)
        return packed.permute(2, 0, 3, 1, 4).unbind(0)

    def joined(self, mixed):
        batch, _, positions, _ = mixed.shape
        return self.output(mixed.transpose(1, 2).reshape(batch, positions, -1))

    def forward(self, x, causal):
        return self.joined(F.scaled_dot_product_attention(*self.split(x), is_causal=causal))

    def cached(self, x, keys, values, position):
        """One position (B, 1, C) that sees those before it; keys and values (B, heads, T, C / heads) are filled."""
        query, key, value = self.split(x)
        keys[:, :, position] = key[:, :, 0]
        values[:, :, position] = value[:, :, 0]
        seen = slice(0, position + 1)
        return self.joined(F.scaled_dot_product_attention(query, keys[:, :, seen], values[:, :, seen]))


class FeedForward(nn.Module):
    def __init__(self, width, inner):
        super().__init__()
        self.inner = nn.Linear(width, inner)
        self.outer = nn.Linear(inner, width)

    def forward(self, x):
        return self.outer(F.gelu(self.inner(x), approximate="tanh"))


class TransformerBlock(nn.Module):
    """x + MHA(LN x), then x + FFN(LN x)."""

    def __init__(self, width, heads, inner, unbiased):
        super().__init__()
        self.attentionNorm = LayerNorm(width, unbiased)
        self.attention = Attention(width, heads)
        self.feedForwardNorm = LayerNorm(width, unbiased)
        self.feedForward = FeedForward(width, inner)

    def forward(self, x, causal=False):
        x = x + self.attention(self.attentionNorm(x), causal)
        return x + self.feedForward(self.feedForwardNorm(x))

    def cached(self, x, keys, values, position):
        x = x + self.attention.cached(self.attentionNorm(x), keys, values, position)
        return x + self.feedForward(self.feedForwardNorm(x))
