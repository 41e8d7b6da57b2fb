/** What riverrun computes for a case, in the terms in which the peer states it. */
import type { PreparedText, TextFlow } from "../../src/flow/index.ts";
import { grad, type Tensor } from "../../src/torch/index.ts";
import { noiseTensor } from "./cases.ts";

/** The parts of the bound and the log-determinant, each (B), in nats. */
export const rowParts = ["negLogDensity", "logDet", "lengthNats", "logNoise", "decodeNats"] as const;

/** Figures of a batch of texts under a model. */
export interface OurFigures {
  readonly rows: Readonly<Record<(typeof rowParts)[number], Tensor>>;
  /** (B, T, D), zero at the pads. */
  readonly latents: Tensor;
  /** Gradients of the sum of -log p(x~) over the texts, by the parameter's name. */
  readonly gradients: ReadonlyMap<string, Tensor>;
}

/** Density, latents and gradients of texts with the given noise. Call it inside a scope. */
export function ourFigures(
  model: TextFlow,
  texts: readonly PreparedText[],
  noise: readonly Float64Array[],
): OurFigures {
  const batch = model.batch(texts);
  const added = noiseTensor(model, batch, noise);
  const { y, logDet } = model.flow.encode(model.points(batch, added), batch.context);
  const likelihood = model.likelihood(batch, added);
  const parameters = model.namedParameters();
  const gradients = grad([likelihood.negLogDensity.sum()], [...parameters.values()]);
  return {
    rows: { ...likelihood, logDet: logDet.detach(), negLogDensity: likelihood.negLogDensity.detach() },
    latents: y.detach(),
    gradients: new Map([...parameters.keys()].map((name, index) => [name, gradients[index]])),
  };
}
