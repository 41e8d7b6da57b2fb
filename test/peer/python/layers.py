"""Layers of the couplings' networks, one text at a time: x is (n, C), nothing is padded and nothing is masked.

Written from the formulas with elementary operations, so that no kernel is shared with what is checked.
`p` maps parameter names to tensors; `at` is the prefix of the layer's own names.
"""

import math

import torch


def linear(x, p, at):
    """x W^T + b, W (out, in)."""
    return x @ p[at + "weight"].T + p[at + "bias"]


def zero_linear(x, p, at):
    """(x W^T + b) exp(3 g), one gain g an output."""
    return linear(x, p, at) * torch.exp(3 * p[at + "gain"])


def layer_norm(x, p, at):
    """a (x - mean) / sqrt(var + 1e-5) + b with the biased variance."""
    centred = x - x.mean(-1, keepdim=True)
    variance = (centred * centred).mean(-1, keepdim=True)
    return p[at + "weight"] * centred / torch.sqrt(variance + 1e-5) + p[at + "bias"]


def paper_norm(x, p, at):
    """a (x - mean) / (std + 1e-12) + b with the unbiased deviation."""
    centred = x - x.mean(-1, keepdim=True)
    deviation = torch.sqrt((centred * centred).sum(-1, keepdim=True) / (x.shape[-1] - 1))
    return p[at + "weight"] * centred / (deviation + 1e-12) + p[at + "bias"]


def gelu(x):
    """x Phi(x) in its tanh form."""
    return x / 2 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def attention(x, p, at, heads, real):
    """Every row asks, the first `real` rows are seen; with nothing to see the mixture is zero."""
    width = x.shape[1]
    size = width // heads
    queries, keys, values = linear(x, p, at + "projection.").split(width, dim=1)
    mixed = []
    for head in range(heads):
        own = slice(head * size, (head + 1) * size)
        if real == 0:
            mixed.append(torch.zeros_like(queries[:, own]))
            continue
        scores = queries[:, own] @ keys[:real, own].T / math.sqrt(size)
        weights = torch.exp(scores - scores.max(1, keepdim=True).values)
        mixed.append(weights / weights.sum(1, keepdim=True) @ values[:real, own])
    return linear(torch.cat(mixed, 1), p, at + "output.")


def transformer_block(x, p, at, heads, norm, real):
    """x + MHA(LN x), then x + FFN(LN x) with the tanh GELU."""
    x = x + attention(norm(x, p, at + "attentionNorm."), p, at + "attention.", heads, real)
    inner = gelu(linear(norm(x, p, at + "feedForwardNorm."), p, at + "feedForward.inner."))
    return x + linear(inner, p, at + "feedForward.outer.")


def lstm_direction(rows, p, at, suffix):
    """Gates (i, f, g, o) = W x + b + U h + c; c' = sig(f) c + sig(i) tanh(g); h' = sig(o) tanh(c'); from zero states."""
    recurrent = p[f"{at}hiddenWeight{suffix}"]
    hidden = recurrent.new_zeros(recurrent.shape[1])
    cell = hidden
    outputs = []
    for row in rows:
        gates = p[f"{at}inputWeight{suffix}"] @ row + p[f"{at}inputBias{suffix}"]
        gates = gates + recurrent @ hidden + p[f"{at}hiddenBias{suffix}"]
        i, f, g, o = gates.chunk(4)
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        hidden = torch.sigmoid(o) * torch.tanh(cell)
        outputs.append(hidden)
    return outputs


def bidirectional_lstm(x, p, at, layers, real):
    """Both directions over the first `real` rows, side by side in the channels; the rows after them come out as zeros."""
    rows = list(x[:real])
    for layer in range(layers):
        forward = lstm_direction(rows, p, at, f"{layer}")
        backward = lstm_direction(rows[::-1], p, at, f"{layer}Reverse")[::-1]
        rows = [torch.cat(pair) for pair in zip(forward, backward, strict=True)]
    width = 2 * p[at + "hiddenWeight0"].shape[1]
    zeros = [x.new_zeros(width)] * (x.shape[0] - real)
    return torch.stack(rows + zeros)


def sinusoidal(positions, channels):
    """Channels 2i and 2i + 1 of row t: sin and cos of t / 10000^(2i / C)."""
    rows = [
        [
            (math.sin if channel % 2 == 0 else math.cos)(t / 10000 ** ((channel - channel % 2) / channels))
            for channel in range(channels)
        ]
        for t in range(positions)
    ]
    return torch.tensor(rows, dtype=torch.float64)
