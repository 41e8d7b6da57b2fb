/** Sinusoidal position encodings. */
import { type DType, type Tensor, tensor } from "../torch/index.ts";

/** How a table of positions is laid out. */
export interface PositionOptions {
  /** true (default): channels 2i and 2i + 1 are sin and cos; false: all sines, then all cosines. */
  readonly interleaved?: boolean;
  /** Position of the first row; 0 unless said otherwise. */
  readonly start?: number;
}

/**
 * Row t holds sin and cos of (start + t) / 10000^(2i / C) for i = 0, 1, ...; (T, C) (Vaswani et al., 2017, section 3.5).
 */
export function sinusoidalPositions(
  place: { readonly dtype: DType; readonly device: string },
  positions: number,
  channels: number,
  options: PositionOptions = {},
): Tensor {
  const { interleaved = true, start = 0 } = options;
  const half = Math.ceil(channels / 2);
  const values = new Float64Array(positions * channels);
  for (let t = 0; t < positions; t++) {
    for (let channel = 0; channel < channels; channel++) {
      const pair = interleaved ? Math.floor(channel / 2) : channel % half;
      const isSine = interleaved ? channel % 2 === 0 : channel < half;
      const angle = (start + t) / 10000 ** ((2 * pair) / channels);
      values[t * channels + channel] = isSine ? Math.sin(angle) : Math.cos(angle);
    }
  }
  const wide = tensor(values, [positions, channels], { dtype: "float64" });
  const table = wide.to(place.dtype, place.device);
  wide.dispose();
  return table;
}
