/** Reverse-mode differentiation. */
import { RiverrunError } from "../base/errors.ts";
import { native } from "./native.ts";
import { handlesOf, Tensor } from "./tensor.ts";

/**
 * Runs `body` without recording a graph. Restores the former state even when it throws. The body must be synchronous:
 * what follows an `await` would record again.
 *
 * @throws RiverrunError where the body returns a promise.
 */
export function noGrad<Result>(body: () => Result): Result {
  const before = native.setGradEnabled(false);
  try {
    const result = body();
    if (result instanceof Promise) {
      result.catch(() => undefined); // The refusal is the error to see, not what the orphaned promise rejects with.
      throw new RiverrunError("noGrad: the function must be synchronous, but it returned a promise");
    }
    return result;
  } finally {
    native.setGradEnabled(before);
  }
}

/** Choices of `grad` and `backward`. */
export interface GradOptions {
  /** The vector v of the vector-Jacobian product v^T J, one for each output; 1 for scalar outputs. */
  readonly gradOutputs?: readonly Tensor[];
  /** Keep the graph for a second pass. */
  readonly retainGraph?: boolean;
  /** Record the gradient itself, for second derivatives. */
  readonly createGraph?: boolean;
}

/**
 * Gradients of the outputs with respect to the inputs, v^T d(outputs)/d(inputs).
 *
 * @throws Error ("ERR_TORCH") where an input does not take part in the outputs and `allowUnused` is not set.
 */
export function grad(outputs: readonly Tensor[], inputs: readonly Tensor[], options?: GradOptions): Tensor[];
export function grad(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradOptions & { readonly allowUnused: true },
): (Tensor | null)[];
export function grad(
  outputs: readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradOptions & { readonly allowUnused?: boolean } = {},
): (Tensor | null)[] {
  const create = options.createGraph ?? false;
  return native
    .grad(
      handlesOf(outputs),
      handlesOf(inputs),
      options.gradOutputs && handlesOf(options.gradOutputs),
      options.retainGraph ?? create,
      create,
      options.allowUnused ?? false,
    )
    .map((handle) => (handle === null ? null : Tensor.adopt(handle)));
}

/** Adds the gradients of a loss to `grad` of every leaf that requires it. */
export function backward(loss: Tensor, options: GradOptions = {}): void {
  const create = options.createGraph ?? false;
  native.backward(
    [loss.handle],
    options.gradOutputs && handlesOf(options.gradOutputs),
    options.retainGraph ?? create,
    create,
  );
}
