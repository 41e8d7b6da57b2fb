/** Finding where numbers stopped being finite, and saying so. */
import { RiverrunError } from "../base/errors.ts";
import type { TextFlow } from "../flow/index.ts";
import { noGrad, scope, type Tensor } from "../torch/index.ts";
import { forStepParts, negLogWords, type StepBatch } from "./gradients.ts";

/** The training met a number that is not finite; nothing was stepped or written since the last checkpoint. */
export class NonFiniteError extends RiverrunError {
  override name = "NonFiniteError";
  readonly step: number;
  /** The first layer whose output is not finite, or what else was not. */
  readonly where: string;
  /** Numbers of the training texts for which it is not; the whole batch where they cannot be told apart. */
  readonly examples: readonly number[];

  constructor(message: string, step: number, where: string, examples: readonly number[]) {
    super(message);
    this.step = step;
    this.where = where;
    this.examples = examples;
  }
}

/** The names of the tensors that hold a number that is not finite. */
export function nonFiniteNames(tensors: ReadonlyMap<string, Tensor>): string[] {
  return noGrad(() =>
    [...tensors].filter(([, value]) => scope(() => !value.isFinite().all().item())).map(([name]) => name),
  );
}

/** Rows of (B, ...) that hold a number that is not finite: 0 * x is 0 for all others. */
function nonFiniteRows(values: Tensor): number[] {
  const marks = scope(() => values.detach().mul(0).reshape(values.size(0), -1).sum(1).isFinite().toNumbers());
  return marks.flatMap((finite, row) => (finite ? [] : [row]));
}

/** Where a step's numbers stop being finite, going forward through the flow; undefined where all are. */
function firstNonFinite(model: TextFlow, step: StepBatch): { where: string; examples: readonly number[] } | undefined {
  let found: { where: string; examples: readonly number[] } | undefined;
  let seen = 0;
  noGrad(() =>
    forStepParts(model, step, (part) => {
      const { batch, noise, dropout } = part;
      const examples = step.indices.slice(seen, seen + batch.texts.length);
      seen += examples.length;
      const look = (where: string, values: Tensor): void => {
        if (found) return;
        const rows = nonFiniteRows(values);
        if (rows.length > 0) found = { where, examples: rows.map((row) => examples[row]) };
      };
      look("the input", model.points(batch, noise));
      // A frozen flow knows no dropout; the streams are its decoder's.
      const own = model.attentionDecoder ? undefined : dropout;
      const { negLogDensity } = model.likelihood(batch, noise, { dropout: own, trace: look });
      look("the log-determinant, every layer's output being finite", negLogDensity);
      if (model.attentionDecoder) look("the attention decoder", negLogWords(model, part));
    }),
  );
  return found;
}

/**
 * Runs a step's batch again and names the first layer whose output is not finite, the step, the examples and a text.
 *
 * @param gradients of the step, in the order of the model's trainable parameters
 */
export function explainNonFinite(model: TextFlow, step: StepBatch, gradients: readonly Tensor[]): NonFiniteError {
  const names = [...model.trainableParameters().keys()];
  const broken = nonFiniteNames(model.namedParameters());
  let where: string;
  let examples: readonly number[] = step.indices;
  const forward = firstNonFinite(model, step);
  if (forward) {
    examples = forward.examples;
    where = forward.where;
    if (broken.length > 0) where += ` (parameter ${broken[0]} was no longer finite before this step)`;
  } else {
    const of = nonFiniteNames(new Map(gradients.map((gradient, index) => [names[index], gradient])));
    where = of.length > 0 ? `the gradient of ${of.slice(0, 3).join(", ")}` : "the norm of the gradient";
  }
  const row = step.indices.indexOf(examples[0]);
  const text = step.texts[Math.max(0, row)].text;
  const excerpt = text.length > 80 ? `${text.slice(0, 80)}...` : text;
  const listed = `${examples.slice(0, 8).join(", ")}${examples.length > 8 ? `, and ${examples.length - 8} more` : ""}`;
  return new NonFiniteError(
    `step ${step.step}: a number is not finite, first in ${where}; training texts ${listed}, the first "${excerpt}". ` +
      "Nothing was written since the last checkpoint, which is whole: go on from it with --resume and a lower " +
      "train.learningRate, a longer train.warmupSteps or a lower train.clipNorm",
    step.step,
    where,
    examples,
  );
}
