/** Sinusoidal position encodings. */
import { type Tensor, tensor } from "../torch/index.ts";
import type { InitContext } from "./initContext.ts";

/**
 * Row t, channels 2i and 2i + 1: sin and cos of t / 10000^(2i / C), (T, C) (Vaswani et al., 2017).
 */
export function sinusoidalPositions(init: InitContext, positions: number, channels: number): Tensor {
  const values = Array.from({ length: positions * channels }, (_, index) => {
    const channel = index % channels;
    const angle = Math.floor(index / channels) / 10000 ** ((2 * Math.floor(channel / 2)) / channels);
    return channel % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
  });
  return tensor(values, [positions, channels], { dtype: "float64" }).to(init.dtype, init.device);
}
