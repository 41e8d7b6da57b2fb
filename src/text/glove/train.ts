/** GloVe vectors from the user's own text (Pennington, Socher and Manning, 2014). */
import { UsageError } from "../../base/errors.ts";
import { RandomStream } from "../../base/random.ts";
import { cooccurrences } from "./cooccurrence.ts";

/** Choices of `trainGlove`. */
export interface GloveOptions {
  readonly dimensions: number;
  readonly window: number;
  readonly iterations: number;
  /** Weight f(X) = min(1, (X / xMax)^0.75). */
  readonly xMax: number;
  readonly learningRate: number;
  readonly seed: number;
  readonly onProgress?: (progress: {
    readonly iteration: number;
    readonly iterations: number;
    readonly loss: number;
  }) => void;
}

/** Largest change that one component takes from one record, before the learning rate. */
const mostGradient = 100;

/**
 * Minimises J = sum f(X_ij) (w_i . c_j + b_i + d_j - ln X_ij)^2 by AdaGrad (accumulators start at 1; biases move
 * without the learning rate, as in the reference program), records shuffled once an iteration from `seed`. Yields to the
 * event loop between iterations. Bit-identical for a seed.
 *
 * @param texts ids of each text, below `vocabularySize`
 * @returns w + c of every id, vocabularySize x dimensions, row-major
 * @throws UsageError where no two words stand near each other or an option is out of range
 */
export async function trainGlove(
  texts: Iterable<readonly number[]>,
  vocabularySize: number,
  options: GloveOptions,
): Promise<Float32Array> {
  const { dimensions, iterations, xMax, learningRate } = options;
  for (const [name, value] of Object.entries({ dimensions, iterations, window: options.window })) {
    if (!Number.isInteger(value) || value < 1)
      throw new UsageError(`GloVe: ${name} must be a positive integer, got ${value}`);
  }
  const { rows, columns, values } = cooccurrences(texts, vocabularySize, options.window);
  if (values.length === 0) {
    throw new UsageError(
      "GloVe: no two words stand near each other; the training text is too short to make vectors from",
    );
  }
  const random = new RandomStream(options.seed);
  const size = vocabularySize * dimensions;
  // One array for words and contexts: word i at i * D, context j at size + j * D.
  const vectors = Float64Array.from({ length: 2 * size }, () => (random.uniform() - 0.5) / dimensions);
  const accumulators = new Float64Array(2 * size).fill(1);
  const biases = new Float64Array(2 * vocabularySize);
  const biasAccumulators = new Float64Array(2 * vocabularySize).fill(1);
  const order = Int32Array.from(values, (_, index) => index);
  const logs = values.map(Math.log);
  const weights = values.map((value) => Math.min(1, (value / xMax) ** 0.75));

  for (let iteration = 1; iteration <= iterations; iteration++) {
    for (let last = order.length - 1; last > 0; last--) {
      const other = random.integer(last + 1);
      const held = order[last];
      order[last] = order[other];
      order[other] = held;
    }
    let loss = 0;
    for (const record of order) {
      const word = rows[record] * dimensions;
      const context = size + columns[record] * dimensions;
      const wordBias = rows[record];
      const contextBias = vocabularySize + columns[record];
      let difference = biases[wordBias] + biases[contextBias] - logs[record];
      for (let d = 0; d < dimensions; d++) difference += vectors[word + d] * vectors[context + d];
      const weighted = weights[record] * difference;
      loss += 0.5 * weighted * difference;
      for (let d = 0; d < dimensions; d++) {
        const w = vectors[word + d];
        const c = vectors[context + d];
        const gradientW = Math.max(-mostGradient, Math.min(mostGradient, weighted * c)) * learningRate;
        const gradientC = Math.max(-mostGradient, Math.min(mostGradient, weighted * w)) * learningRate;
        vectors[word + d] = w - gradientW / Math.sqrt(accumulators[word + d]);
        vectors[context + d] = c - gradientC / Math.sqrt(accumulators[context + d]);
        accumulators[word + d] += gradientW * gradientW;
        accumulators[context + d] += gradientC * gradientC;
      }
      biases[wordBias] -= weighted / Math.sqrt(biasAccumulators[wordBias]);
      biases[contextBias] -= weighted / Math.sqrt(biasAccumulators[contextBias]);
      biasAccumulators[wordBias] += weighted * weighted;
      biasAccumulators[contextBias] += weighted * weighted;
    }
    options.onProgress?.({ iteration, iterations, loss: loss / values.length });
    await new Promise(setImmediate);
  }
  return Float32Array.from({ length: size }, (_, index) => vectors[index] + vectors[size + index]);
}
