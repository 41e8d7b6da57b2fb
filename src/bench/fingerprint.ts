/** Two numbers that stand for a tensor, so that large ones can be compared across processes. */
import { arange, noGrad, scope, type Tensor } from "../torch/index.ts";

/** |g|, and g . (cos 1, cos 2, ...), which no other order of the entries has. */
export type Fingerprint = readonly [norm: number, projection: number];

export function fingerprint(values: Tensor): Fingerprint {
  return noGrad(() =>
    scope(() => {
      const flat = values.detach().to("float64").reshape(-1);
      const direction = arange(1, flat.numel + 1, 1, { dtype: "float64" }).cos();
      return [flat.square().sum().sqrt().item(), flat.mul(direction).sum().item()];
    }),
  );
}

/** |a - b| / |b|. */
export function relativeDifference(a: number, b: number): number {
  return Math.abs(a - b) / Math.max(Math.abs(b), Number.MIN_VALUE);
}

/**
 * The largest difference of two fingerprints over the norm of that gradient, or over 1/1000 of the largest norm where
 * that is more: what cancels to nothing has no relative error of its own. A name that one side lacks is infinitely far.
 */
export function compareGradients(
  ours: ReadonlyMap<string, Fingerprint>,
  theirs: ReadonlyMap<string, Fingerprint>,
): { readonly difference: number; readonly worst: string } {
  for (const name of new Set([...ours.keys(), ...theirs.keys()])) {
    if (!ours.has(name) || !theirs.has(name)) return { difference: Number.POSITIVE_INFINITY, worst: name };
  }
  const floor = 1e-3 * Math.max(...[...theirs.values()].map(([norm]) => norm));
  let largest = { difference: 0, worst: "" };
  for (const [name, [norm, projection]] of theirs) {
    const own = ours.get(name) as Fingerprint;
    const apart = Math.max(Math.abs(own[0] - norm), Math.abs(own[1] - projection)) / Math.max(norm, floor);
    if (Number.isNaN(apart)) return { difference: apart, worst: name };
    if (apart > largest.difference) largest = { difference: apart, worst: name };
  }
  return largest;
}
