/** Drawing from the likeliest words only (nucleus, or top-p, sampling: Holtzman et al. 2020). */
import type { Tensor } from "../../torch/index.ts";

/**
 * Logits (R, V) with -Infinity for all words but the nucleus: of pi^(1/tau), normalised, the fewest words that together
 * have at least `share`, and those that are as likely as the last of them. The others of a row share its probability in
 * proportion to their own. With a share of 1, and at temperature 0, which takes the likeliest word anyhow, the logits as
 * they are.
 *
 * @param share p, in (0, 1]
 */
export function nucleus(logits: Tensor, temperature: number, share: number): Tensor {
  if (share >= 1 || temperature === 0) return logits;
  const probabilities = logits.to("float64").div(temperature).softmax(1);
  const sorted = probabilities.sort(1, true);
  // A word is in the nucleus where those before it do not fill it yet; the likeliest always is.
  const before = sorted.cumsum(1).sub(sorted);
  const last = sorted.maskedFill(before.ge(share), 2).amin(1, true);
  return logits.maskedFill(probabilities.lt(last), Number.NEGATIVE_INFINITY);
}
