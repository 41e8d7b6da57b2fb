/** The mixture head tied to the codebook: a softmax language model read as a density of points. */
import { type InitContext, Linear } from "../../nn/index.ts";
import { noGrad, scope, type Tensor, tensor } from "../../torch/index.ts";
import { type CodebookScores, codebookLogDensity, rowsAtOnce } from "./codebookDensity.ts";
import { CausalHead, type HeadInverse } from "./head.ts";
import { type Components, Rosenblatt } from "./rosenblatt.ts";

/** Rows e_w, (V, D), and the noise around them. */
export interface Codebook {
  readonly values: Tensor;
  readonly sigma: number;
  /** Rows that never stand in a text: their probability is 0. */
  readonly impossible?: readonly number[];
}

/**
 * p(x | h) = sum_w pi_w(h) N(x; e_w, sigma^2 I), pi = softmax(W h + b) over the vocabulary (Mix-d of arXiv:2507.00425
 * with the codebook as components). The density is computed directly; latents come from the Rosenblatt map, in float64
 * whatever the model's precision, because between two modes a float32 cannot tell where in the gap it stands.
 */
export class CodebookHead extends CausalHead {
  /** The components: words and the noise around them. */
  readonly codebook: Codebook;
  readonly #logits: Linear;
  /** (V): 0, or so low that e^it is 0, yet finite, so that 0 times it is 0. */
  readonly #allowed: Tensor;

  constructor(init: InitContext, codebook: Codebook, width: number) {
    super();
    this.codebook = codebook;
    this.#logits = this.child("logits", new Linear(init, width, codebook.values.size(0)));
    const words = codebook.values.size(0);
    const flags = new Float64Array(words);
    for (const word of codebook.impossible ?? []) flags[word] = -1e4;
    this.#allowed = tensor(flags, [words], { dtype: "float64" }).to(init.dtype, init.device).keep();
  }

  /** ln p(x | h) of N positions and, where words (N) are given, ln p(w, x | h). */
  score(x: Tensor, hidden: Tensor, words?: Tensor): CodebookScores {
    const { weight, bias } = this.#logits;
    const { values: codebook, sigma } = this.codebook;
    const allowed = bias ? bias.add(this.#allowed) : this.#allowed;
    return codebookLogDensity(x, hidden, { codebook, sigma, weight, bias: allowed }, words);
  }

  override logDensity(x: Tensor, hidden: Tensor): Tensor {
    return this.score(x, hidden).logDensity;
  }

  /** The logits of all words, (N, V). */
  logits(hidden: Tensor): Tensor {
    return this.#logits.forward(hidden).add(this.#allowed);
  }

  /** ln pi_w(h) of every word, (N, V) in float64. */
  logProbabilities(hidden: Tensor): Tensor {
    return this.logits(hidden).to("float64").logSoftmax(1);
  }

  /** ln p(w | x, h) = ln pi_w(h) - |x - e_w|^2 / (2 sigma^2), normalised; x (N, D), h (N, width), (N, V). */
  logPosterior(x: Tensor, hidden: Tensor): Tensor {
    const { values, sigma } = this.codebook;
    // |x|^2 is the same for all words.
    const near = x.matmul(values.transpose()).sub(values.square().sum(1).div(2));
    return this.logits(hidden)
      .add(near.div(sigma * sigma))
      .logSoftmax(-1);
  }

  override dispose(): void {
    super.dispose();
    this.#allowed.dispose();
  }

  #components(): Components {
    const { values, sigma } = this.codebook;
    const [count, channels] = values.shape;
    const means = scope(() => values.to("float64").transpose().contiguous().data()) as Float64Array;
    return { means, count, channels, sigma };
  }

  /** Runs the map on every row, a part of the rows' probabilities at a time. */
  #mapped(
    input: Tensor,
    hidden: Tensor,
    map: (from: Float64Array, logPi: Float64Array, to: Float64Array) => number,
  ): { output: Tensor; logDet: Tensor } {
    const [rows, channels] = input.shape;
    const words = this.codebook.values.size(0);
    const output = new Float64Array(rows * channels);
    const logDet = new Float64Array(rows);
    const from = scope(() => input.to("float64").data()) as Float64Array;
    const size = rowsAtOnce(words);
    for (let start = 0; start < rows; start += size) {
      const logPi = noGrad(() =>
        scope(() => this.logProbabilities(hidden.slice(0, start, start + size)).data()),
      ) as Float64Array;
      for (let row = start; row < Math.min(rows, start + size); row++) {
        const own = logPi.subarray((row - start) * words, (row - start + 1) * words);
        const place = [row * channels, (row + 1) * channels] as const;
        logDet[row] = map(from.subarray(...place), own, output.subarray(...place));
      }
    }
    const options = { dtype: "float64", device: input.device } as const;
    return { output: tensor(output, input.shape, options), logDet: tensor(logDet, [rows], options) };
  }

  /** Records no graph. `y` is float64. */
  encode(x: Tensor, hidden: Tensor): { y: Tensor; logDet: Tensor } {
    const map = new Rosenblatt(this.#components());
    const { output, logDet } = this.#mapped(x, hidden, (from, logPi, to) => map.encode(from, logPi, to));
    return { y: output, logDet };
  }

  /** Records no graph. `x` is float64. */
  inverter(): HeadInverse {
    const map = new Rosenblatt(this.#components());
    return (y, hidden) => {
      const { output, logDet } = this.#mapped(y, hidden, (from, logPi, to) => map.decode(from, logPi, to));
      return { x: output, logDet };
    };
  }
}
