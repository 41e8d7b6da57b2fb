/** The objective of a step and its gradient. */
import { hashSeed } from "../base/random.ts";
import {
  type FlowTrace,
  type Likelihood,
  type PreparedText,
  spokenIds,
  type TextBatch,
  type TextFlow,
} from "../flow/index.ts";
import { Generator, type GradientReducer, grad, noGrad, scope, type Tensor, zeros } from "../torch/index.ts";

/** The texts of one step and their numbers in the training set, which key their noise and dropout. */
export interface StepBatch {
  readonly step: number;
  readonly indices: readonly number[];
  readonly texts: readonly PreparedText[];
  /** What their sum is divided by, where they are only some rows of a batch that several processes share. */
  readonly divisor?: number;
}

/** What a logged step says beside its loss. */
export interface StepFigures {
  /** NELBO of the step's texts with their training noise over their tokens, nats; not where the flow is frozen. */
  readonly nelboPerToken: number | undefined;
  /** Mean square of every whitened block of the latents; 1 is ideal. */
  readonly latents: Readonly<Record<string, number>>;
}

/** Loss and gradients of a step. */
export interface StepGradients {
  /** Of the whole batch, in the unit that `lossName` says. */
  readonly loss: number;
  /** In the order of the model's trainable parameters; the caller frees them. */
  readonly gradients: Tensor[];
  readonly figures: StepFigures | undefined;
}

/** A part of a step's batch with its noise and its dropout streams. */
export interface StepPart {
  readonly batch: TextBatch;
  readonly noise: Tensor;
  readonly dropout: readonly Generator[] | undefined;
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/**
 * Walks over the parts that a step's batch is computed in (`train.accumulate`). Noise and dropout are keyed by
 * (seed, step, example) and by nothing else, so that neither batch nor part nor process changes them.
 */
export function forStepParts<Result>(
  model: TextFlow,
  { step, indices, texts }: StepBatch,
  body: (part: StepPart) => Result,
): Result[] {
  const { seed, flow, train, attentionDecoder } = model.config;
  const share = attentionDecoder ? attentionDecoder.dropout : flow.dropout;
  const size = Math.ceil(texts.length / train.accumulate);
  const results: Result[] = [];
  for (let start = 0; start < texts.length; start += size) {
    const own = indices.slice(start, start + size);
    const seeds = (purpose: string): bigint[] => own.map((index) => hashSeed(seed, purpose, step, index));
    const dropout = share > 0 ? seeds("dropout").map((key) => new Generator(key, model.device)) : undefined;
    try {
      results.push(
        scope(() => {
          const batch = model.batch(texts.slice(start, start + size));
          try {
            const [isFirst, isLast] = [start === 0, start + size >= texts.length];
            return body({ batch, noise: model.drawNoise(batch, seeds("noise")), dropout, isFirst, isLast });
          } finally {
            batch.context.release();
          }
        }),
      );
    } finally {
      for (const generator of dropout ?? []) generator.dispose();
    }
  }
  return results;
}

/** What a model's loss is: bits per dimension, or nats per token of the attention decoder. */
export type LossName = "bitsPerDim" | "decoderNatsPerToken";

/** The loss that a model is trained by. */
export function lossNameOf(model: TextFlow): LossName {
  return model.attentionDecoder ? "decoderNatsPerToken" : "bitsPerDim";
}

/** How much a text counts in a step's divisor: its positions, or the tokens that the attention decoder says. */
export function weightOf(model: TextFlow, { ids, positions }: PreparedText): number {
  return model.attentionDecoder ? spokenIds(ids).length : positions;
}

/** What the sum over texts that count so much together is divided by: tokens, or positions * D * ln 2. */
export function divisorFor(model: TextFlow, weight: number): number {
  return model.attentionDecoder ? weight : weight * model.config.data.dimensions * Math.LN2;
}

function divisorOf(model: TextFlow, texts: readonly PreparedText[]): number {
  return divisorFor(
    model,
    texts.reduce((sum, text) => sum + weightOf(model, text), 0),
  );
}

/** -log p(w | f(e_w) + z_0) of each row, (B), z_0 the part's noise at the variance that the decoder is trained with. */
export function negLogWords(model: TextFlow, { batch, noise, dropout }: StepPart): Tensor {
  const std = Math.sqrt(model.config.attentionDecoder?.noiseVariance ?? 0);
  return model.decoderNats(batch, noise.mul(std / model.config.data.sigma), dropout);
}

/** -log p(x~ | N) of each row, (B): the only part of the bound that depends on the parameters. */
function negLogDensity(model: TextFlow, { batch, noise, dropout }: StepPart): Tensor {
  const context = batch.context.with({ dropout });
  return model.flow.logDensity(model.points(batch, noise), context).neg();
}

/** Sum of squares and number of entries of a block of the latents. */
export interface LatentSquares {
  squares: number;
  entries: number;
}

/** Adds up the latents that pass by, by block. */
function traceInto(sums: Map<string, LatentSquares>): FlowTrace {
  return (where, values, context) => {
    if (!where.startsWith("latent")) return;
    const sum = sums.get(where) ?? { squares: 0, entries: 0 };
    sum.squares += noGrad(() => scope(() => values.detach().to("float64").square().sum().item()));
    sum.entries += context.lengths.reduce((total, length) => total + length, 0) * values.size(2);
    sums.set(where, sum);
  };
}

function total(likelihood: Likelihood): number {
  return scope(() =>
    likelihood.negLogDensity
      .detach()
      .add(likelihood.lengthNats)
      .add(likelihood.logNoise)
      .add(likelihood.decodeNats)
      .sum()
      .item(),
  );
}

/** What the rows of a step add up to. */
export interface StepSums {
  /** Their part of the loss. */
  readonly loss: number;
  readonly tokens: number;
  /** Of NELBO, nats; where it was asked for and the flow is not frozen. */
  readonly nelbo: number;
  /** Where they were asked for. */
  readonly latents: ReadonlyMap<string, LatentSquares>;
}

/** What a log line shows of a step whose batch adds up to this. */
export function figuresOf(model: TextFlow, { nelbo, tokens, latents }: StepSums): StepFigures {
  return {
    nelboPerToken: model.attentionDecoder ? undefined : nelbo / tokens,
    latents: Object.fromEntries(
      [...latents].map(([name, { squares, entries }]): [string, number] => [name, squares / entries]),
    ),
  };
}

/**
 * Goes forward and backward through the parts of a step.
 *
 * @param take is given the objective of each part, and what the parts add up to so far, and takes its gradient
 */
function forObjectives(
  model: TextFlow,
  step: StepBatch,
  detailed: boolean,
  take: (objective: Tensor, part: StepPart, sums: StepSums) => void,
): StepSums {
  const divisor = step.divisor ?? divisorOf(model, step.texts);
  const words = model.attentionDecoder !== undefined;
  const latents = new Map<string, LatentSquares>();
  const trace = traceInto(latents);
  const tokens = step.texts.reduce((sum, text) => sum + text.tokensCounted, 0);
  let loss = 0;
  let nelbo = 0;
  forStepParts(model, step, (part) => {
    const likelihood =
      detailed && !words ? model.likelihood(part.batch, part.noise, { dropout: part.dropout, trace }) : undefined;
    const density = words ? negLogWords(model, part) : (likelihood?.negLogDensity ?? negLogDensity(model, part));
    if (likelihood) nelbo += total(likelihood);
    const objective = density.sum().div(divisor);
    loss += objective.item();
    take(objective, part, { loss, tokens, nelbo, latents });
  });
  return { loss, tokens, nelbo, latents };
}

/**
 * loss = sum of -log p(x~) / (sum of N * D * ln 2) over the whole batch of a step, and its gradient; in Language Flow+ the
 * sum of -log p(w | z) over the tokens. The divisor is the whole batch's in every part, so that accumulation gives the
 * same gradient as one batch.
 *
 * @param detailed also compute what a log line shows; does not change loss or gradients.
 */
export function stepGradients(model: TextFlow, step: StepBatch, detailed: boolean): StepGradients {
  const parameters = [...model.trainableParameters().values()];
  let gradients: Tensor[] = [];
  const sums = forObjectives(model, step, detailed, (objective) => {
    const own = scope(() =>
      grad([objective], parameters, { allowUnused: true }).map(
        (gradient, index) =>
          gradient ?? zeros(parameters[index].shape, { dtype: parameters[index].dtype, device: model.device }),
      ),
    );
    // Not in place: two gradients of one call may share their storage.
    const before = gradients;
    gradients = before.length === 0 ? own : noGrad(() => own.map((gradient, index) => gradient.add(before[index])));
    for (const gradient of gradients) gradient.keep();
    for (const gradient of before) gradient.dispose();
  });
  return { loss: sums.loss, gradients, figures: detailed ? figuresOf(model, sums) : undefined };
}

/**
 * The same for this process's rows of a batch that several processes share; `step.divisor` is the whole batch's. The
 * gradients go into the reducer, which has begun to sum them over the processes when this returns.
 *
 * @param known is told what the rows add up to before the last backward pass, so that it can be sent beside it
 */
export function shareGradients(
  model: TextFlow,
  step: StepBatch,
  detailed: boolean,
  reducer: GradientReducer,
  known: (sums: StepSums) => void,
): void {
  const parameters = [...model.trainableParameters().values()];
  forObjectives(model, step, detailed, (objective, { isFirst, isLast }, sums) => {
    reducer.arm(isFirst, isLast);
    if (isLast) known(sums);
    scope(() => {
      grad([objective], parameters, { allowUnused: true });
    });
  });
}
