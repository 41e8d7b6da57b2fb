/** Drawing a word as it is defined, one weight after the other: what the fused draw is held to. */

/** The index that a uniform number falls on when the logits' softmax at temperature tau is laid out on [0, 1). */
export function drawWord(logits: Float64Array, temperature: number, uniform: number): number {
  let best = 0;
  for (let word = 1; word < logits.length; word++) if (logits[word] > logits[best]) best = word;
  if (temperature === 0) return best;
  const most = logits[best];
  const weight = (word: number): number => Math.exp((logits[word] - most) / temperature);
  let total = 0;
  for (let word = 0; word < logits.length; word++) total += weight(word);
  let left = uniform * total;
  for (let word = 0; word < logits.length; word++) {
    left -= weight(word);
    if (left < 0) return word;
  }
  return best;
}
