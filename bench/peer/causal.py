"""The left-to-right flow whose head mixes over a codebook: training, sampling of words, decoding of latents."""

import math

import torch
from layers import LayerNorm, TransformerBlock, network_precision
from torch import nn
from torch.nn import functional as F

# Words that are this many nats behind the likeliest have no part in a root.
NEGLIGIBLE = 200
IMPOSSIBLE = -1e4


class CausalNetwork(nn.Module):
    """h_t from x_<t: projection, one position to the right behind a start vector, learned positions, causal blocks."""

    def __init__(self, settings):
        super().__init__()
        width = settings["width"]
        self.input = nn.Linear(settings["channels"], width)
        self.start = nn.Parameter(torch.randn(width))
        self.positions = nn.Parameter(0.02 * torch.randn(settings["positions"], width))
        self.layers = settings["layers"]
        for layer in range(self.layers):
            self.add_module(
                f"block{layer}", TransformerBlock(width, settings["heads"], 4 * width, unbiased=False)
            )
        self.norm = LayerNorm(width)

    def blocks(self):
        return [getattr(self, f"block{layer}") for layer in range(self.layers)]

    def forward(self, x):
        past = self.input(x[:, :-1])
        hidden = torch.cat([self.start.expand(x.shape[0], 1, -1), past], dim=1) + self.positions[: x.shape[1]]
        for block in self.blocks():
            hidden = block(hidden, causal=True)
        return self.norm(hidden)

    def reader(self, rows):
        """A function of (x_{t-1}, t) that gives h_t, with keys and values of the past in preallocated tensors."""
        positions, width = self.positions.shape
        heads = self.block0.attention.heads
        caches = [
            [torch.zeros(rows, heads, positions, width // heads, dtype=self.start.dtype) for _ in range(2)]
            for _ in range(self.layers)
        ]

        def following(previous, position):
            hidden = self.start.expand(rows, -1) if previous is None else self.input(previous)
            hidden = (hidden + self.positions[position])[:, None]
            for block, (keys, values) in zip(self.blocks(), caches, strict=True):
                hidden = block.cached(hidden, keys, values, position)
            return self.norm(hidden)[:, 0]

        return following


class CodebookHead(nn.Module):
    """p(x | h) = sum_w softmax(W h + b)_w N(x; e_w, sigma^2 I)."""

    def __init__(self, settings):
        super().__init__()
        self.logits = nn.Linear(settings["width"], settings["words"])
        self.sigma = settings["sigma"]
        self.codebook = torch.randn(settings["words"], settings["channels"])
        self.allowed = torch.zeros(settings["words"])
        self.allowed[settings["impossible"]] = IMPOSSIBLE

    def allowed_logits(self, hidden):
        return F.linear(hidden, self.logits.weight, self.logits.bias + self.allowed.to(self.logits.bias.dtype))

    def log_density(self, x, hidden, autocast):
        variance = self.sigma**2
        with autocast():
            logits = self.allowed_logits(hidden)
        logits = logits.to(x.dtype)
        # ln N(x; e_w, sigma^2 I) without the terms that no word depends on.
        near = F.linear(x / variance, self.codebook, self.codebook.square().sum(1) / (-2 * variance))
        constant = x.shape[1] * (0.5 * math.log(2 * math.pi) + math.log(self.sigma))
        mixed = torch.logsumexp(logits + near, 1) - torch.logsumexp(logits, 1)
        return mixed - x.square().sum(1) / (2 * variance) - constant

    def decode(self, y, hidden):
        """Points of latents (R, D): the inverse of the Rosenblatt map, channel after channel, in float64."""
        log_weights = self.allowed_logits(hidden).double().log_softmax(1)
        codebook = self.codebook.double()
        words = torch.arange(codebook.shape[0]).expand_as(log_weights)
        x = torch.empty_like(y)
        for channel in range(y.shape[1]):
            # The words that still matter to a row, as many for every row as the one with the most of them has.
            kept = int((log_weights > log_weights.amax(1, keepdim=True) - NEGLIGIBLE).sum(1).max())
            if kept < 0.8 * log_weights.shape[1]:
                log_weights, chosen = log_weights.topk(kept, dim=1, sorted=False)
                words = words.gather(1, chosen)
            means = codebook[:, channel][words]
            x[:, channel] = mixture_quantile(log_weights.softmax(1), means, self.sigma, y[:, channel])
            log_weights = log_weights - (x[:, channel, None] - means).square() / (2 * self.sigma**2)
        return x


def mixture_quantile(weights, means, sigma, y, most=100):
    """The x with sum_w weights_w Phi((x - m_w) / sigma) = Phi(y), of every row; Newton's steps inside a bracket.

    Both sides are taken as logarithms of the tail on y's side, so that no precision is lost far out."""
    side = torch.where(y <= 0, 1.0, -1.0)
    target = torch.special.log_ndtr(-y.abs())
    middle = (weights * means).sum(1)
    spread = torch.sqrt(sigma**2 + ((weights * means.square()).sum(1) - middle.square()).clamp(min=0))
    low, high = means.amin(1) + sigma * y, means.amax(1) + sigma * y
    x = torch.maximum(torch.minimum(middle + spread * y, high), low)
    for _ in range(most):
        standard = (x[:, None] - means) / sigma
        tail = (weights * torch.special.ndtr(side[:, None] * standard)).sum(1)
        density = (weights * torch.exp(-0.5 * standard.square())).sum(1) / (sigma * math.sqrt(2 * math.pi))
        excess = side * (torch.log(tail) - target)
        high = torch.where(excess > 0, x, high)
        low = torch.where(excess > 0, low, x)
        moved = x - excess * tail / density
        inside = (moved >= low) & (moved <= high)
        following = torch.where(inside, moved, (low + high) / 2)
        if ((following - x).abs() <= 1e-13 * (1 + x.abs())).all():
            return following
        x = following
    return x


class CausalFlow:
    """What is measured: a clipped AdamW step, words drawn one after the other, latents decoded."""

    def __init__(self, settings):
        self.flow = nn.ModuleDict({"network": CausalNetwork(settings), "head": CodebookHead(settings)})
        self.autocast = network_precision(settings["precision"])
        self.settings = settings
        shape = (settings["batch"], settings["positions"], settings["channels"])
        self.x = self.flow["head"].codebook[torch.randint(4, settings["words"], shape[:2])]
        self.x = self.x + settings["sigma"] * torch.randn(shape)
        # What a step goes backward from; a group of processes puts its own in this place (distributed.py).
        self.objective = self.loss
        self.losses = []
        latents = (settings["decodeBatch"], settings["decodePositions"], shape[2])
        self.z = torch.randn(latents, dtype=torch.float64)

    def load(self, weights, inputs):
        self.flow.load_state_dict(weights)
        self.flow["head"].codebook = inputs["codebook"]
        self.x, self.z = inputs["x"], inputs["z"]

    def prepare(self):
        settings = self.settings
        self.optimiser = torch.optim.AdamW(
            self.flow.parameters(),
            lr=settings["learningRate"],
            betas=(0.9, 0.98),
            weight_decay=1e-4,
            fused=True,
        )

    def loss(self):
        """-log p(x) in nats a position."""
        with self.autocast():
            hidden = self.flow["network"](self.x)
        rows = self.x.flatten(0, 1)
        return -self.flow["head"].log_density(rows, hidden.flatten(0, 1), self.autocast).mean()

    def step(self):
        loss = self.objective()
        loss.backward()
        self.losses.append(loss.item())
        torch.nn.utils.clip_grad_norm_(self.flow.parameters(), 1)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)

    def sample(self):
        """(R, T) words of R texts, none of which ends."""
        head = self.flow["head"]
        rows = self.z.shape[0]
        with torch.inference_mode():
            following = self.flow["network"].reader(rows)
            x, words = None, []
            for position in range(self.settings["positions"]):
                with self.autocast():
                    logits = head.allowed_logits(following(x, position))
                word = torch.multinomial(logits.float().softmax(1), 1)[:, 0]
                chosen = head.codebook[word]
                x = chosen + head.sigma * torch.randn_like(chosen)
                words.append(word)
            return torch.stack(words, 1)

    def decode(self):
        """(R, T, D) points of the latents."""
        with torch.inference_mode():
            following = self.flow["network"].reader(self.z.shape[0])
            points, x = [], None
            for position in range(self.z.shape[1]):
                point = self.flow["head"].decode(self.z[:, position], following(x, position))
                x = point.to(self.x.dtype)
                points.append(x)
            return torch.stack(points, 1)

    works = ("step", "sample", "decode")
