/** The words that top-p drawing draws from. */
import { expect, it } from "vitest";
import { nucleus } from "../../../src/flow/causal/nucleus.ts";
import { tensor } from "../../../src/torch/index.ts";

const logitsOf = (rows: readonly (readonly number[])[]) =>
  tensor(rows.flat().map(Math.log), [rows.length, rows[0].length], { dtype: "float64" });

/** Which words of each row are left. */
function left(rows: readonly (readonly number[])[], temperature: number, share: number): number[][] {
  const values = nucleus(logitsOf(rows), temperature, share).toNumbers();
  const width = rows[0].length;
  return rows.map((_, row) =>
    Array.from({ length: width }, (_, word) => word).filter((word) => values[row * width + word] > -1e300),
  );
}

const rows = [
  [0.1, 0.5, 0.15, 0.25],
  [0.01, 0.02, 0.95, 0.02],
];

it.each([
  [0.4, [[1], [2]]],
  [0.6, [[1, 3], [2]]],
  [0.8, [[1, 2, 3], [2]]],
  // Words that are as likely as the last one stay with it.
  [
    0.96,
    [
      [0, 1, 2, 3],
      [1, 2, 3],
    ],
  ],
  [1e-9, [[1], [2]]],
])("a share of %d leaves the fewest likeliest words that have it", (share, words) => {
  expect(left(rows, 1, share)).toEqual(words);
});

it("counts the share at the temperature: 0.5 ^ 2 is 0.72 of the squares", () => {
  expect(left([rows[0]], 0.5, 0.7)).toEqual([[1]]);
  expect(left([rows[0]], 1, 0.7)).toEqual([[1, 3]]);
  expect(left([rows[0]], 4, 0.7)).toEqual([[1, 2, 3]]);
});

it("leaves what is left as it was, and everything with a share of 1 or at temperature 0", () => {
  const logits = logitsOf(rows);
  const kept = nucleus(logits, 1, 0.6).toNumbers();
  expect(kept[1]).toBe(logits.toNumbers()[1]);
  expect(nucleus(logits, 1, 1)).toBe(logits);
  expect(nucleus(logits, 0, 0.5)).toBe(logits);
});
