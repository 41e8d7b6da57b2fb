/** The words that top-k, top-p and min-p leave to be drawn. */
import { expect, it } from "vitest";
import { type Truncation, truncated } from "../../../src/flow/causal/truncation.ts";
import { tensor } from "../../../src/torch/index.ts";

const logitsOf = (rows: readonly (readonly number[])[]) =>
  tensor(rows.flat().map(Math.log), [rows.length, rows[0].length], { dtype: "float64" });

/** Which words of each row are left. */
function left(rows: readonly (readonly number[])[], temperature: number, truncation: Truncation): number[][] {
  const values = truncated(logitsOf(rows), temperature, truncation).toNumbers();
  const width = rows[0].length;
  return rows.map((_, row) =>
    Array.from({ length: width }, (_, word) => word).filter((word) => values[row * width + word] > -1e300),
  );
}

const rows = [
  [0.1, 0.5, 0.15, 0.25],
  [0.01, 0.02, 0.95, 0.02],
];
const all = [0, 1, 2, 3];

it.each([
  [0.4, [[1], [2]]],
  [0.6, [[1, 3], [2]]],
  [0.8, [[1, 2, 3], [2]]],
  // Words that are as likely as the last one stay with it.
  [0.96, [all, [1, 2, 3]]],
  [1e-9, [[1], [2]]],
])("a top-p of %d leaves the fewest likeliest words that have that share", (topP, words) => {
  expect(left(rows, 1, { topP })).toEqual(words);
});

it.each([
  [1, [[1], [2]]],
  [
    2,
    [
      [1, 3],
      [1, 2, 3],
    ],
  ],
  [
    3,
    [
      [1, 2, 3],
      [1, 2, 3],
    ],
  ],
  [4, [all, all]],
  [9, [all, all]],
])("a top-k of %d leaves that many, and those as likely as the last", (topK, words) => {
  expect(left(rows, 1, { topK })).toEqual(words);
});

it.each([
  [1, [[1], [2]]],
  [0.4, [[1, 3], [2]]],
  [0.02, [all, [1, 2, 3]]],
  [1e-9, [all, all]],
])("a min-p of %d leaves words at least that share as likely as the likeliest", (minP, words) => {
  expect(left(rows, 1, { minP })).toEqual(words);
});

it("asks each rule of what the ones before it left", () => {
  // 0.5 and 0.25 of the two that top-k left are 2/3 and 1/3: 0.6 of them is the first alone, of all words it is both.
  expect(left([rows[0]], 1, { topP: 0.6 })).toEqual([[1, 3]]);
  expect(left([rows[0]], 1, { topK: 2, topP: 0.6 })).toEqual([[1]]);
  expect(left([rows[0]], 1, { topK: 3, topP: 0.9 })).toEqual([[1, 2, 3]]);
  expect(left([rows[0]], 1, { topK: 3, topP: 0.9, minP: 0.4 })).toEqual([[1, 3]]);
  expect(left([rows[0]], 1, { topK: 1, topP: 1 - 2 ** -53 })).toEqual([[1]]);
});

it("counts at the temperature: 0.5 ^ 2 is 0.72 of the squares", () => {
  expect(left([rows[0]], 0.5, { topP: 0.7 })).toEqual([[1]]);
  expect(left([rows[0]], 1, { topP: 0.7 })).toEqual([[1, 3]]);
  expect(left([rows[0]], 4, { topP: 0.7 })).toEqual([[1, 2, 3]]);
  expect(left([rows[0]], 0.5, { minP: 0.29 })).toEqual([[1]]);
  expect(left([rows[0]], 1, { minP: 0.29 })).toEqual([[1, 2, 3]]);
});

it("leaves what is left as it was, and everything where no rule leaves a word out or at temperature 0", () => {
  const logits = logitsOf(rows);
  const kept = truncated(logits, 1, { topP: 0.6, minP: 0.1 }).toNumbers();
  expect(kept[1]).toBe(logits.toNumbers()[1]);
  expect(truncated(logits, 1, { topK: 0, topP: 1, minP: 0 })).toBe(logits);
  expect(truncated(logits, 0, { topK: 1, topP: 0.5, minP: 0.5 })).toBe(logits);
});
