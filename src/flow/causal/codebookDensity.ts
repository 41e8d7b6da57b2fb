/** The density of a Gaussian mixture over the rows of a codebook, with its gradient, in parts of bounded memory. */
import { product } from "../../nn/index.ts";
import { cat, noGrad, scope, type Tensor } from "../../torch/index.ts";
import { max_dim } from "../../torch/operators.ts";
import { Tensor as TensorClass } from "../../torch/tensor.ts";
import { logSqrtTwoPi } from "./normal.ts";

/** Most numbers (positions x words) that a part holds at once. */
const mostNumbers = 1 << 22;

/** Rows of a part for a vocabulary of `words`. */
export function rowsAtOnce(words: number): number {
  return Math.max(1, Math.floor(mostNumbers / words));
}

/** A mixture sum_w softmax(W h + b)_w N(x; e_w, sigma^2 I). */
export interface CodebookMixture {
  /** e, (V, D); no gradient reaches it. */
  readonly codebook: Tensor;
  readonly sigma: number;
  /** W (V, width) and b (V). */
  readonly weight: Tensor;
  readonly bias: Tensor;
}

/** Of N positions, (N), float64, nats. */
export interface CodebookScores {
  /** ln p(x | h). */
  readonly logDensity: Tensor;
  /** ln p(w, x | h) = ln pi_w + ln N(x; e_w, sigma^2 I) of given words; undefined where none were given. */
  readonly logJoint: Tensor | undefined;
}

/** ln pi_w + ln N(x; e_w, sigma^2 I) of one word a row, from the difference x - e_w and not from its expansion. */
function jointOf(words: Tensor, x: Tensor, logPi: Tensor, { codebook, sigma }: CodebookMixture): Tensor {
  const distance = x.sub(codebook.indexSelect(0, words)).to("float64").square().sum(1);
  const own = logPi.gather(1, words.unsqueeze(1)).squeeze(1).to("float64");
  return own.sub(distance.div(2 * sigma * sigma)).sub(x.size(1) * (logSqrtTwoPi + Math.log(sigma)));
}

/** What of a part's gradient is kept: r - pi (n, V) and sum_w r_w (e_w - x) / sigma^2 (n, D). */
interface PartGradient {
  readonly logits: Tensor;
  readonly point: Tensor | undefined;
}

/** Values of a part without a graph, and its gradient where one is wanted. */
function scorePart(
  x: Tensor,
  hidden: Tensor,
  words: Tensor | undefined,
  mixture: CodebookMixture,
  /** -|e_w|^2 / (2 sigma^2), (V). */
  squares: Tensor,
  wanted: { readonly gradient: boolean; readonly point: boolean },
): { values: readonly Tensor[]; gradient: PartGradient | undefined } {
  const { codebook, sigma, weight, bias } = mixture;
  const variance = sigma * sigma;
  const logPi = product(hidden, weight).add_(bias).logSoftmax(1);
  // ln pi_w - |x - e_w|^2 / (2 sigma^2) without the term in |x|^2, which no word depends on.
  const near = x.div(variance).matmul(codebook.transpose()).add_(squares);
  const posterior = near.add_(logPi).logSoftmax(1);
  // ln p(x) = ln p(w, x) - ln p(w | x) of the likeliest word: its own term is computed without cancellation.
  const [most, best] = TensorClass.adoptAll(max_dim(posterior.handle, 1));
  const values = [jointOf(best, x, logPi, mixture).sub(most.to("float64"))];
  if (words) values.push(jointOf(words, x, logPi, mixture));
  if (!wanted.gradient) return { values, gradient: undefined };
  // The exponential is many times slower where it underflows; e^-80 is nothing beside 1.
  const responsibilities = posterior.clamp(-80).exp();
  const point = wanted.point ? responsibilities.matmul(codebook).sub(x).div(variance) : undefined;
  return { values, gradient: { logits: responsibilities.add_(logPi.exp(), -1), point } };
}

/**
 * ln p(x | h) of N positions by logsumexp, one part of them at a time, so that without a graph memory does not grow
 * with N x V. With a graph, one (N, V) tensor is kept, r - pi (posterior less prior of every word): d ln p / d logits =
 * r - pi and d ln p / d x = sum_w r_w (e_w - x) / sigma^2, so the products are those of a softmax language model.
 * First derivatives only. The products with W and W^T are in the precision in force.
 *
 * @param x (N, D)
 * @param hidden (N, width)
 * @param words (N) int64, to be scored too
 */
export function codebookLogDensity(
  x: Tensor,
  hidden: Tensor,
  mixture: CodebookMixture,
  words?: Tensor,
): CodebookScores {
  const { weight, bias } = mixture;
  const point = x.requiresGrad;
  const gradient = point || hidden.requiresGrad || bias.requiresGrad;
  const size = rowsAtOnce(weight.size(0));
  const squares = mixture.codebook
    .square()
    .sum(1)
    .div(-2 * mixture.sigma * mixture.sigma);
  const columns: Tensor[][] = [[], []];
  for (let start = 0; start < x.size(0); start += size) {
    const partX = x.slice(0, start, start + size);
    const partHidden = hidden.slice(0, start, start + size);
    const partWords = words?.slice(0, start, start + size);
    const part = scope(() =>
      noGrad(() => scorePart(partX, partHidden, partWords, mixture, squares, { gradient, point })),
    );
    let [logDensity] = part.values;
    if (part.gradient) {
      const { logits, point: toPoint } = part.gradient;
      // Zero in value; its derivatives are those of ln p.
      let carrier = partHidden.mul(product(logits, weight.transpose())).sum(1).add(logits.matmul(bias));
      if (toPoint) carrier = carrier.add(partX.mul(toPoint).sum(1));
      logDensity = logDensity.add(carrier.sub(carrier.detach()).to("float64"));
    }
    columns[0].push(logDensity);
    if (words) columns[1].push(part.values[1]);
  }
  return { logDensity: cat(columns[0]), logJoint: words && cat(columns[1]) };
}
