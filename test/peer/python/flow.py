"""The non-autoregressive flow of one text: x (n, C) to latents (n, C), log p(x) and ln|det dy/dx|.

Each text is computed alone with exactly its own positions, so there are no pads, no masks and no batch. log p is the
sum of the steps' log-determinants and of the log-densities of the split and final latents under their own Gaussians,
as the change of variables reads; that the checked program writes its priors as whitening maps plays no part here.
"""

import math
from typing import NamedTuple

import torch
from layers import bidirectional_lstm, layer_norm, linear, paper_norm, sinusoidal, transformer_block, zero_linear

# Bound of ln u_ii of the prefix-invertible maps.
DIAGONAL_BOUND = 2


class Encoded(NamedTuple):
    """What a block makes of its input."""

    latents: torch.Tensor
    """(n, C), standard normal under the model."""
    log_density: torch.Tensor
    """log-determinants of the steps plus log-densities of the latents, nats."""
    log_det: torch.Tensor
    """ln|det d latents / d x|, nats."""


def total(values):
    """A sum in float64, whatever the values are."""
    return values.double().sum()


def soft_clip(a, bound):
    return bound * torch.tanh(a / bound)


def normal_log_density(z, mean, log_sd):
    """log N(z; mean, e^(2 log_sd)) summed over all entries."""
    return total(-0.5 * math.log(2 * math.pi) - log_sd - 0.5 * ((z - mean) / torch.exp(log_sd)) ** 2)


def squeeze(x):
    """(n, C) to (n/2, 2C), channels c0 of t even, c0 of t odd, c1 of t even, ..."""
    pairs = torch.stack([x[0::2], x[1::2]], dim=2)
    return pairs.flatten(1)


def unsqueeze(y):
    return interleave(y[:, 0::2], y[:, 1::2])


def interleave(even, odd):
    """Rows of `even` and `odd` in turn; `even` may have one row more."""
    x = even.new_empty(even.shape[0] + odd.shape[0], even.shape[1])
    x[0::2] = even
    x[1::2] = odd
    return x


class Flow:
    """The flow that `config.json` describes, on the parameters of `model.safetensors`."""

    def __init__(self, config, tensors, dtype):
        self.settings = config["flow"]
        self.paper = self.settings["family"] == "paper"
        self.p = Recorder(tensors, dtype)

    def encode(self, x):
        return self._block(x, 1, "flow.")

    def _block(self, x, level, at):
        settings = self.settings
        log_dets = []
        for step in range(settings["steps"]):
            for part, apply in enumerate((self._actnorm, self._linear_map, self._coupling)):
                x, log_det = apply(x, f"{at}{3 * step + part}.", step)
                log_dets.append(log_det)
        steps = torch.stack(log_dets).sum()
        after = 3 * settings["steps"]
        if level == settings["levels"]:
            bias, gain = self.p[f"{at}{after}.bias"], self.p[f"{at}{after}.gain"]
            mean, log_sd = (bias * torch.exp(3 * gain)).expand(x.shape[0], -1).chunk(2, dim=1)
            white = (x - mean) / torch.exp(log_sd)
            return Encoded(white, steps + normal_log_density(x, mean, log_sd), steps - total(log_sd))
        if settings["layout"] == "wide" and level == 1:
            rest = self._block(squeeze(x), level + 1, f"{at}{after}.inner.")
            return Encoded(unsqueeze(rest.latents), steps + rest.log_density, steps + rest.log_det)
        kept, z = x.chunk(2, dim=1)
        mean, log_sd = zero_linear(kept, self.p, f"{at}{after}.prior.").chunk(2, dim=1)
        rest = self._block(squeeze(kept), level + 1, f"{at}{after + 1}.inner.inner.")
        return Encoded(
            torch.cat([unsqueeze(rest.latents), (z - mean) / torch.exp(log_sd)], dim=1),
            steps + normal_log_density(z, mean, log_sd) + rest.log_density,
            steps - total(log_sd) + rest.log_det,
        )

    def _over_time(self, step):
        kind = self.settings["couplings"]
        return step % 2 == 0 if kind == "alternating" else kind == "time"

    def _actnorm(self, x, at, _step):
        bias = self.p[at + "bias"]
        if self.paper:
            scale = self.p[at + "scale"]
            return scale * (x + bias), x.shape[0] * total(torch.log(torch.abs(scale)))
        log_scale = self.p[at + "logScale"]
        return torch.exp(log_scale) * (x + bias), x.shape[0] * total(log_scale)

    def _linear_map(self, x, at, step):
        over_time = self._over_time(step)
        size = x.shape[0] if over_time else x.shape[1]
        weight, log_diagonal = self._matrix(at + "map.", size)
        log_det = total(log_diagonal) * (x.shape[1] if over_time else x.shape[0])
        return (weight @ x if over_time else x @ weight.T), log_det

    def _matrix(self, at, size):
        """The map and ln|u_ii|: P L U in the paper's family, in ours the leading block L_n U_n."""
        raw = self.p[at + "logDiagonal"][:size]
        lower = torch.tril(self.p[at + "lower"][:size, :size], -1) + torch.eye(size, dtype=raw.dtype)
        strictly_upper = torch.triu(self.p[at + "upper"][:size, :size], 1)
        if not self.paper:
            log_diagonal = soft_clip(raw, DIAGONAL_BOUND)
            return lower @ (strictly_upper + torch.diag(torch.exp(log_diagonal))), log_diagonal
        upper = strictly_upper + torch.diag(self.p[at + "sign"] * torch.exp(raw))
        # (P v)_i = v_order(i)
        permutation = torch.eye(size, dtype=raw.dtype)[self.p[at + "order"]]
        return permutation @ lower @ upper, raw

    def _coupling(self, x, at, step):
        """The half that is seen decides s and t of the other: y = s (x + t)."""
        over_time = self._over_time(step)
        count = step // 2 if self.settings["couplings"] == "alternating" else step
        sees_second = not self.paper and count % 2 == 1
        if not over_time:
            halves = x.chunk(2, dim=1)
        elif self.paper:
            halves = x.chunk(2, dim=0)
        else:
            halves = (x[0::2], x[1::2])
        seen, changed = reversed(halves) if sees_second else halves
        raw, shift = self._network(seen, changed.shape[0], at + "network.").chunk(2, dim=1)
        if self.paper:
            log_s = -torch.log1p(torch.exp(-(raw + self.settings["alpha"])))
        else:
            log_s = soft_clip(raw, self.settings["softClip"])
        changed = torch.exp(log_s) * (changed + shift)
        first, second = (changed, seen) if sees_second else (seen, changed)
        if not over_time:
            y = torch.cat([first, second], dim=1)
        elif self.paper:
            y = torch.cat([first, second], dim=0)
        else:
            y = interleave(first, second)
        return y, total(log_s)

    def _network(self, seen, rows, at):
        """(l, t) for `rows` positions, (rows, 2 C'). A text of odd length has one more changed position than seen ones:
        it gets the network's answer at an empty position, which sees the others and is seen by none."""
        return self._paper_network(seen, at) if self.paper else self._masked_network(seen, rows, at)

    def _paper_network(self, seen, at):
        settings = self.settings
        if settings["positionEncoding"] == "sinusoidal":
            seen = seen + self._sinusoids(at + "positions")[: seen.shape[0]]
        if settings["network"] == "attention":
            hidden = transformer_block(seen, self.p, at + "block.", settings["heads"], paper_norm, seen.shape[0])
        else:
            hidden = bidirectional_lstm(seen, self.p, at + "lstm.", settings["layers"], seen.shape[0])
        return zero_linear(hidden, self.p, at + "head.")

    def _masked_network(self, seen, rows, at):
        settings = self.settings
        real = seen.shape[0]
        empty = seen.new_zeros(max(rows - real, 0), seen.shape[1])
        hidden = linear(torch.cat([seen, empty]), self.p, at + "input.")
        count = hidden.shape[0]
        if settings["positionEncoding"] == "sinusoidal":
            hidden = hidden + self._sinusoids(at + "fromStart")[:count]
        elif settings["positionEncoding"] == "learned":
            following = [max(real - 1 - position, 0) for position in range(count)]
            hidden = hidden + self.p[at + "fromStart"][:count] + self.p[at + "fromEnd"][following]
        if settings["network"] == "attention":
            for layer in range(settings["layers"]):
                hidden = transformer_block(hidden, self.p, f"{at}block{layer}.", settings["heads"], layer_norm, real)
        else:
            hidden = bidirectional_lstm(hidden, self.p, at + "lstm.", settings["layers"], real)
        return zero_linear(layer_norm(hidden, self.p, at + "norm."), self.p, at + "head.")[:rows]

    def _sinusoids(self, name):
        """The file's table, which must be the formula's up to the file's precision."""
        table = self.p[name]
        wrong = (table.double() - sinusoidal(*table.shape)).abs().max().item()
        if wrong > 1e-6:
            raise ValueError(f"{name} differs from the sinusoidal formula by {wrong:.1e}")
        return table


class Recorder:
    """Tensors by name in one precision, and which of them were asked for: a tensor nobody uses is a wrong reading."""

    def __init__(self, tensors, dtype):
        self._tensors = {}
        self.used = set()
        for name, value in tensors.items():
            self._tensors[name] = value.to(dtype) if value.is_floating_point() else value

    def __getitem__(self, name):
        self.used.add(name)
        return self._tensors[name]

    def parameters(self, sinusoidal_positions):
        """Names and tensors that are trained: all floating ones but the signs and the tables of sinusoids."""
        fixed = (".sign", ".positions", ".fromStart") if sinusoidal_positions else (".sign",)
        return {
            name: value
            for name, value in self._tensors.items()
            if name.startswith("flow.") and value.is_floating_point() and not name.endswith(fixed)
        }

    def unused(self):
        return sorted(name for name in self._tensors if name.startswith("flow.") and name not in self.used)
