/** Token ids to points and points to token probabilities: the frozen table, its scale, its noise. */
import { UsageError } from "../base/errors.ts";
import { type DType, Generator, randn, type Tensor, tensor } from "../torch/index.ts";

/** How a table of vectors becomes a codebook. */
export interface CodebookOptions {
  /** Standard deviation of all entries after scaling. */
  readonly scale: number;
  /** Entries are clipped to [-clip, clip] after scaling; null: not at all. */
  readonly clip: number | null;
  /** The row of `<pad>` becomes zero (fixed-length presets). */
  readonly zeroPad: boolean;
}

/** A codebook and the factor that its table was multiplied by. */
export interface Codebook {
  readonly values: Float32Array;
  readonly factor: number;
}

/**
 * Scales a table (V x D, row-major) by one factor so that its entries have standard deviation `scale`, then clips. One
 * factor for all keeps the geometry; multiplying x by s adds log2(s) to every bits-per-dimension figure, which is why
 * the factor is kept with the model.
 *
 * @throws UsageError where the table has no spread or a value that is not finite.
 */
export function codebookOf(table: Float32Array, dimensions: number, options: CodebookOptions): Codebook {
  let sum = 0;
  let squares = 0;
  for (const value of table) {
    sum += value;
    squares += value * value;
  }
  const mean = sum / table.length;
  const std = Math.sqrt(squares / table.length - mean * mean);
  if (!(std > 0) || !Number.isFinite(std)) {
    throw new UsageError(
      `the table of word vectors has standard deviation ${std}: expected finite vectors that differ`,
    );
  }
  const factor = options.scale / std;
  const bound = options.clip ?? Number.POSITIVE_INFINITY;
  const values = table.map((value) => Math.max(-bound, Math.min(bound, value * factor)));
  if (options.zeroPad) values.fill(0, 0, dimensions);
  return { values, factor };
}

/**
 * The continuous input: x~ = e_w + sigma u with u ~ N(0, I), e the rows of a frozen codebook (V, D).
 * Gradients never reach the codebook: the density would be unbounded if points could collapse onto each other.
 */
export class Embedder {
  readonly sigma: number;
  readonly #codebook: Tensor;
  readonly #logPrior: Tensor;

  /**
   * @param codebook (V, D)
   * @param logPrior log pi_w of every row, (V), used by the Bayes rule
   */
  constructor(codebook: Tensor, logPrior: Tensor, sigma: number) {
    this.#codebook = codebook;
    this.#logPrior = logPrior;
    this.sigma = sigma;
  }

  get dimensions(): number {
    return this.#codebook.size(1);
  }

  /** Rows of the codebook: ids (B, T) int64 to (B, T, D). */
  lookUp(ids: Tensor): Tensor {
    return this.#codebook.indexSelect(0, ids.reshape(-1)).reshape(...ids.shape, this.dimensions);
  }

  /**
   * sigma * N(0, I) of shape (B, T, D): row i has `lengths[i]` positions from its own stream `seeds[i]` and zeros after
   * them, so a text's noise does not depend on its batch.
   */
  noise(lengths: readonly number[], positions: number, seeds: readonly bigint[], dtype: DType): Tensor {
    const values = new Float64Array(lengths.length * positions * this.dimensions);
    const generator = new Generator(0);
    lengths.forEach((length, row) => {
      generator.reseed(seeds[row]);
      const drawn = randn([length, this.dimensions], generator, { dtype: "float64" });
      values.set(drawn.data() as Float64Array, row * positions * this.dimensions);
      drawn.dispose();
    });
    generator.dispose();
    const shape = [lengths.length, positions, this.dimensions];
    return tensor(values, shape, { dtype: "float64" }).mul(this.sigma).to(dtype, this.#codebook.device);
  }

  /**
   * log p(w | x) of the Bayes rule for every word, (B, T, V): log pi_w - |x - e_w|^2 / (2 sigma^2), normalised.
   */
  bayesLogProbabilities(x: Tensor): Tensor {
    return this.bayesScores(x).logSoftmax(-1);
  }

  /** The same before normalising and without the term |x|^2, which no word depends on. */
  bayesScores(x: Tensor): Tensor {
    return this.nearness(x)
      .div(this.sigma * this.sigma)
      .add(this.#logPrior);
  }

  /** -|x - e_w|^2 / 2 + |x|^2 / 2 for every word, (..., V): largest for the nearest one. */
  nearness(x: Tensor): Tensor {
    return x.matmul(this.#codebook.transpose()).sub(this.#codebook.square().sum(1).div(2));
  }

  /** cos(x, e_w) for every word, (B, T, V); norms get 1e-12 added, as in the paper's code. */
  cosines(x: Tensor): Tensor {
    const unit = (rows: Tensor): Tensor => rows.div(rows.square().sum(-1, true).sqrt().add(1e-12));
    return unit(x).matmul(unit(this.#codebook).transpose());
  }
}
