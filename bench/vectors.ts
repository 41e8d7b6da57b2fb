/**
 * What word vectors know: `npx tsx bench/vectors.ts VECTORS [--synonyms DIR]` prints Markdown, the tables of
 * docs/results/vectors.md.
 *
 * - Neighbours of some words by cosine.
 * - Analogies a : b = c : ?, answered by the word of largest cosine with b/|b| - a/|a| + c/|c| among all words but a, b
 *   and c (Mikolov et al. 2013), for all ordered pairs of pairs of each group of quality/analogies.ts whose four words
 *   have vectors; beside it how often the nearest word to c alone is right.
 * - Synonyms (DIR: METEOR's tables; default where `riverrun data fetch meteor` puts them): of two words in one set of
 *   WordNet among the 10,000 most frequent, how often the cosine is higher than with a word of like frequency that
 *   shares no set; 50 would be chance.
 *
 * The control of the synonyms has the same rows dealt to other words.
 */
import { existsSync } from "node:fs";
import { RandomStream } from "../src/base/random.ts";
import { meteorFolder } from "../src/metrics/index.ts";
import { share } from "../src/metrics/meteor/synonyms.ts";
import { readSmallTables } from "../src/metrics/meteor/tables.ts";
import { nearestWords, readVectors, type WordVectors } from "../src/text/index.ts";
import { onlyArgument, programOptions } from "./options.ts";
import { analogies } from "./quality/analogies.ts";

const { values: options, positionals } = programOptions("VECTORS [--synonyms DIR]", {
  allowPositionals: true,
  options: { synonyms: { type: "string", default: meteorFolder() } },
});
const shown =
  "river school movie music army president white paris king doctor money science war bread monday seven quickly said good not";
const frequent = 10_000;
const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** The same rows, each of length 1. */
function unit({ words, dimensions, values }: WordVectors): WordVectors {
  const scaled = values.slice();
  for (let at = 0; at < scaled.length; at += dimensions) {
    const row = scaled.subarray(at, at + dimensions);
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0));
    if (length > 0) for (let d = 0; d < dimensions; d++) row[d] /= length;
  }
  return { words, dimensions, values: scaled };
}

/** The rows dealt to other words. */
function shuffled({ words, dimensions, values }: WordVectors): WordVectors {
  const order = words.map((_, row) => row);
  new RandomStream(1).shuffle(order);
  const dealt = new Float32Array(values.length);
  for (const [to, from] of order.entries()) {
    dealt.set(values.subarray(from * dimensions, (from + 1) * dimensions), to * dimensions);
  }
  return { words, dimensions, values: dealt };
}

interface Answers {
  readonly asked: number;
  readonly right: number;
  /** Of the nearest word to c but a and b: what is right without the relation. */
  readonly nearest: number;
}

/** The `count` rows of largest product with a target, but the ones left out. */
function best({ words, dimensions, values }: WordVectors, target: Float64Array, out: ReadonlySet<number>, count = 1) {
  const found: { row: number; product: number }[] = [];
  for (let row = 0; row < words.length; row++) {
    let product = 0;
    for (let k = 0, at = row * dimensions; k < dimensions; k++, at++) product += target[k] * values[at];
    if (out.has(row) || (found.length === count && product <= found[count - 1].product)) continue;
    found.push({ row, product });
    found.sort((a, b) => b.product - a.product);
    if (found.length > count) found.pop();
  }
  return found.map(({ row }) => row);
}

/** Asks the questions of a group whose words have vectors. */
function ask(vectors: WordVectors, group: readonly (readonly [string, string])[]): Answers {
  const { words, dimensions, values } = vectors;
  const places = new Map(words.map((word, row) => [word, row]));
  const known = group.flatMap(([a, b]) => {
    const [left, right] = [places.get(a), places.get(b)];
    return left === undefined || right === undefined ? [] : [[left, right] as const];
  });
  let [asked, right, nearest] = [0, 0, 0];
  for (const [c, d] of known) {
    const own = Float64Array.from(values.subarray(c * dimensions, (c + 1) * dimensions));
    const near = best(vectors, own, new Set([c]), 3);
    for (const [a, b] of known) {
      if (a === c) continue;
      const target = own.map((value, k) => value + values[b * dimensions + k] - values[a * dimensions + k]);
      asked++;
      if (best(vectors, target, new Set([a, b, c]))[0] === d) right++;
      if (near.find((row) => row !== a && row !== b) === d) nearest++;
    }
  }
  return { asked, right, nearest };
}

/** Pairs of synonyms, and the share in percent that is nearer than a chance word of like frequency. */
function synonymShare({ words, dimensions, values }: WordVectors, folder: string): { pairs: number; nearer: number } {
  const { synonyms } = readSmallTables(folder);
  if (synonyms === undefined) return { pairs: 0, nearer: Number.NaN };
  const sets = words.slice(0, frequent).map((word) => synonyms.setsOf(word));
  const bySet = new Map<number, number[]>();
  for (const [row, numbers] of sets.entries()) {
    for (const set of numbers) bySet.set(set, [...(bySet.get(set) ?? []), row]);
  }
  const cosine = (a: number, b: number): number => {
    let product = 0;
    for (let k = 0; k < dimensions; k++) product += values[a * dimensions + k] * values[b * dimensions + k];
    return product;
  };
  const random = new RandomStream(2);
  const seen = new Set<number>();
  let [pairs, nearer] = [0, 0];
  for (const rows of bySet.values()) {
    for (const a of rows) {
      for (const b of rows) {
        if (a >= b || seen.has(a * frequent + b)) continue;
        // Forms of one word ("walk", "walked") share all sets: they are no synonyms.
        if (sets[a].length === sets[b].length && sets[a].every((set, at) => set === sets[b][at])) continue;
        seen.add(a * frequent + b);
        let other = b;
        while (other === a || other === b || share(sets[a], sets[other])) {
          other = Math.min(
            sets.length - 1,
            Math.max(0, Math.round(b * (0.8 + 0.4 * random.uniform()) + random.uniform() * 9)),
          );
        }
        pairs++;
        const [near, far] = [cosine(a, b), cosine(a, other)];
        if (near > far) nearer++;
        else if (near === far) nearer += 0.5;
      }
    }
  }
  return { pairs, nearer: (100 * nearer) / pairs };
}

const read = await readVectors(onlyArgument("one file of vectors", positionals));
const vectors = unit(read);
const control = shuffled(vectors);

print("| word | nearest |\n|---|---|");
for (const word of shown.split(" ").filter((name) => read.words.includes(name))) {
  const near = nearestWords(read, word, 7).map(({ word: other, cosine }) => `${other} ${cosine.toFixed(2)}`);
  print(`| ${word} | ${near.join(", ")} |`);
}
print("\n| relation | questions | right, % | nearest to c, % |\n|---|---|---|---|");
const total = { asked: 0, right: 0, nearest: 0 };
const line = (name: string, { asked, right, nearest }: Answers): void =>
  print(`| ${name} | ${asked} | ${((100 * right) / asked).toFixed(1)} | ${((100 * nearest) / asked).toFixed(1)} |`);
for (const [name, group] of Object.entries(analogies)) {
  const answers = ask(vectors, group);
  if (answers.asked > 0) line(name, answers);
  for (const key of ["asked", "right", "nearest"] as const) total[key] += answers[key];
}
line("all", total);
if (existsSync(options.synonyms)) {
  const [own, other] = [vectors, control].map((table) => synonymShare(table, options.synonyms));
  print(
    `\nSynonyms: ${own.pairs} pairs, nearer than a word of like frequency in ${own.nearer.toFixed(1)} % (control ${other.nearer.toFixed(1)} %).`,
  );
}
