/** How fast this machine runs plain JavaScript: the yardstick of what is not made of matrix products. */
import { builtinCorpus } from "../corpora/index.ts";

/** Words cut at spaces and counted in a Map, per second of processor time; the best of `runs` passes. */
export function wordsCountedPerSecond(runs = 5, sentences = 20_000): number {
  const lines = builtinCorpus({ sentences }).sentences;
  let best = 0;
  for (let run = 0; run < runs; run++) {
    const counts = new Map<string, number>();
    let words = 0;
    const before = process.cpuUsage();
    for (const line of lines) {
      for (const word of line.split(" ")) {
        counts.set(word, (counts.get(word) ?? 0) + 1);
        words++;
      }
    }
    const { user, system } = process.cpuUsage(before);
    best = Math.max(best, (words / (user + system)) * 1e6);
  }
  return best;
}
