/** The mixture head tied to the codebook: a softmax language model read as a density of points. */
import { type InitContext, Linear, type NetworkSettings } from "../../nn/index.ts";
import {
  cat,
  type GaussianComponents,
  mixtureDecode,
  mixtureEncode,
  noGrad,
  scope,
  type Tensor,
  tensor,
} from "../../torch/index.ts";
import { linear } from "../../torch/operators.ts";
import { Tensor as TensorClass } from "../../torch/tensor.ts";
import { type CodebookScores, codebookLogDensity, rowsAtOnce } from "./codebookDensity.ts";
import { CausalHead, type HeadInverse } from "./head.ts";

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
  readonly #settings: NetworkSettings;
  /** (V): 0, or so low that e^it is 0, yet finite, so that 0 times it is 0. */
  readonly #allowed: Tensor;

  constructor(init: InitContext, codebook: Codebook, width: number) {
    super();
    this.codebook = codebook;
    this.#settings = init.networks;
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
    const mixture = { codebook, sigma, weight, bias: allowed };
    return this.#settings.run(() => codebookLogDensity(x, hidden, mixture, words));
  }

  override logDensity(x: Tensor, hidden: Tensor): Tensor {
    return this.score(x, hidden).logDensity;
  }

  /** The logits of all words, (N, V). */
  logits(hidden: Tensor): Tensor {
    const { weight, bias } = this.#logits;
    const allowed = bias ? bias.add(this.#allowed) : this.#allowed;
    return TensorClass.adopt(linear(hidden.handle, weight.handle, allowed.handle));
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

  #components(): GaussianComponents {
    const { values, sigma } = this.codebook;
    return { means: scope(() => values.to("float64", "cpu").transpose().contiguous()), sigma };
  }

  /** Runs the map on all rows, on the processor, with the probabilities of a part of the rows at a time. */
  #mapped(
    input: Tensor,
    hidden: Tensor,
    map: (from: Tensor, logPi: Tensor) => [Tensor, Tensor],
  ): { output: Tensor; logDet: Tensor } {
    return noGrad(() =>
      scope(() => {
        const rows = input.size(0);
        const from = input.to("float64", "cpu");
        const size = rowsAtOnce(this.codebook.values.size(0));
        const parts: [Tensor, Tensor][] = [];
        for (let start = 0; start === 0 || start < rows; start += size) {
          parts.push(
            scope(() =>
              map(
                from.slice(0, start, start + size),
                this.logProbabilities(hidden.slice(0, start, start + size)).to("float64", "cpu"),
              ),
            ),
          );
        }
        const whole = (index: 0 | 1): Tensor => cat(parts.map((part) => part[index])).to("float64", input.device);
        return { output: whole(0), logDet: whole(1) };
      }),
    );
  }

  /** Records no graph. `y` is float64. */
  encode(x: Tensor, hidden: Tensor): { y: Tensor; logDet: Tensor } {
    return noGrad(() =>
      scope(() => {
        const components = this.#components();
        const { output, logDet } = this.#mapped(x, hidden, (from, logPi) => mixtureEncode(from, logPi, components));
        return { y: output, logDet };
      }),
    );
  }

  /** Records no graph. `x` is float64. */
  inverter(): HeadInverse {
    // Made when first asked for, because who draws words never does; it outlives the scope that it is made in.
    let held: GaussianComponents | undefined;
    const components = (): GaussianComponents => {
      const made = noGrad(() => this.#components());
      made.means.keep();
      return made;
    };
    const inverse: HeadInverse = (y, hidden) => {
      held ??= components();
      const mixture = held;
      const { output, logDet } = this.#mapped(y, hidden, (from, logPi) => mixtureDecode(from, logPi, mixture));
      return { x: output, logDet };
    };
    inverse.dispose = () => {
      held?.means.dispose();
      held = undefined;
    };
    return inverse;
  }
}
