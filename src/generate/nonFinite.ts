/** What is said of a model whose numbers say no word. */
import { NonFiniteOutputError } from "../base/finite.ts";
import type { TextFlow } from "../flow/index.ts";

/** An error that names the model, what of it is not finite, and what to do. */
export function nonFiniteError(model: TextFlow, what: string, options?: ErrorOptions): NonFiniteOutputError {
  const name = model.folder ?? `the ${model.config.preset} model`;
  return new NonFiniteOutputError(
    `${name}: ${what} are not finite: its weights, or latents that it was given, are far too large; take an earlier model, or train again with a lower train.learningRate`,
    options,
  );
}
