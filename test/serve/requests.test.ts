import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ModelFacts, OperationName } from "../../src/serve/protocol.ts";
import { BadField, operationNames, workOf } from "../../src/serve/requests.ts";

const facts: ModelFacts = {
  preset: "tiny",
  parameters: 1,
  words: 10,
  positions: 8,
  dimensions: 2,
  unit: 2,
  fixedLength: false,
  device: "cpu",
  precision: "float32",
  threads: 1,
  libtorch: "2",
};

/** The field that a refusal names. */
function fieldOf(operation: OperationName, body: unknown): string {
  try {
    workOf(operation, body, facts);
  } catch (error) {
    if (error instanceof BadField) return error.field;
    throw error;
  }
  throw new Error("the body was taken");
}

describe("requests", () => {
  it("take the commands' defaults", () => {
    expect(workOf("score", { text: "a", id: 4 }, facts)).toEqual({
      operation: "score",
      choices: { seed: 1 },
      items: [{ line: 1, text: "a", id: 4 }],
      costOfItem: 1,
    });
    expect(workOf("perturb", { texts: ["a", { text: "b", id: "x" }], variants: 3 }, facts)).toEqual({
      operation: "perturb",
      choices: { noiseVariance: 0.5, variants: 3, seed: 1, raw: false },
      items: [
        { line: 1, text: "a" },
        { line: 2, text: "b", id: "x" },
      ],
      costOfItem: 3,
    });
    expect(workOf("interpolate", { first: "a", second: "b" }, facts)).toMatchObject({
      choices: { ratios: [0.6, 0.5, 0.4], spherical: false, raw: false },
      costOfItem: 3,
    });
    expect(workOf("sample", { count: 2, seed: 9 }, facts)).toMatchObject({
      choices: { raw: false },
      items: [{ seed: 9 }, { seed: 10 }],
    });
    // The commands allow <unk> where nothing is said; a beam search, which never says it, is not told to.
    for (const unknown of [true, false]) {
      expect(workOf("sample", { unknown }, facts).choices).toMatchObject({ unknown: unknown ? undefined : false });
    }
    expect(workOf("decode", { latents: [{ positions: 2, values: [1, 2, 3, 4] }] }, facts).items).toEqual([
      { positions: 2, values: Float32Array.of(1, 2, 3, 4) },
    ]);
  });

  it.each([
    ["score", {}, "texts"],
    ["score", { text: "a", texts: ["b"] }, "text"],
    ["score", { texts: [] }, "texts"],
    ["score", { texts: ["a", { text: "b", ID: 1 }] }, "texts[1].ID"],
    ["score", { texts: ["a"], id: 1 }, "id"],
    ["score", { text: "a", seed: -1 }, "seed"],
    ["score", { text: "a", seed: 1.5 }, "seed"],
    ["score", { text: "a", sed: 1 }, "sed"],
    ["score", null, ""],
    ["perturb", { text: "a", noiseVariance: -1 }, "noiseVariance"],
    ["perturb", { text: "a", noiseVariance: 10001 }, "noiseVariance"],
    ["perturb", { text: "a", variants: 65 }, "variants"],
    ["perturb", { text: "a", beam: 33 }, "beam"],
    ["interpolate", { first: "a" }, "second"],
    ["interpolate", { first: "a", second: "b", ratios: [0.5, 2] }, "ratios[1]"],
    ["sample", { count: 0 }, "count"],
    ["sample", { temperature: "hot" }, "temperature"],
    ["sample", { topP: 0 }, "topP"],
    ["sample", { topP: 1.1 }, "topP"],
    ["sample", { topK: 1.5 }, "topK"],
    ["sample", { minP: -0.1 }, "minP"],
    ["sample", { unknown: "no" }, "unknown"],
    ["decode", { latents: [{ positions: 3, values: [] }] }, "latents[0].positions"],
    ["decode", { latents: [{ positions: 10, values: [] }] }, "latents[0].positions"],
    ["decode", { latents: [{ positions: 2, values: [1] }] }, "latents[0].values"],
    ["decode", { latents: [{ positions: 2, values: [1, 2, 3, null] }] }, "latents[0].values[3]"],
  ] as const)("%s of %j names %s", (operation, body, field) => {
    expect(fieldOf(operation, body)).toBe(field);
  });

  it.each([
    ["score", { text: "a", seed: -1 }, "seed: expected an integer from 0 to 9007199254740735, got -1"],
    [
      "perturb",
      { text: "a", noiseVariance: 1e6 },
      /^noiseVariance: expected a number from 0 to 10000 \(.* usual noise has 0\.1 to 1\), got 1000000$/,
    ],
    ["score", { texts: ["a", 5] }, /^texts\[1\]: expected a string, or an object with a string "text".*, got 5$/],
    ["score", { texts: ["a", { text: "b", id: [1] }] }, "texts[1].id: expected a string or a number, got a list of 1"],
    ["score", { texts: [{ id: 1 }] }, "texts[0].text: expected a string of at most 1048576 characters, got nothing"],
    ["score", { text: "a", id: {} }, "id: expected a string or a number, got an empty object"],
    ["sample", { temperature: Number.POSITIVE_INFINITY }, "temperature: expected a number of at least 0, got Infinity"],
    ["sample", { topP: 0 }, "topP: expected a number above 0, at most 1, got 0"],
    ["sample", { topK: -1 }, "topK: expected a whole number of at least 0, got -1"],
    ["sample", { minP: 2 }, "minP: expected a number from 0 to 1, got 2"],
    ["score", { text: null }, "text: expected a string of at most 1048576 characters, got null"],
    ["score", "a", 'expected a JSON object with the fields of the operation, got "a"'],
    ["perturb", { text: "a", beam: 33 }, "beam: expected an integer from 1 to 32, got 33"],
    ["perturb", { text: "a", raw: "yes" }, 'raw: expected true or false, got "yes"'],
    ["interpolate", { first: "a" }, "second: expected a string of at most 1048576 characters, got nothing"],
    ["interpolate", { first: "a", second: "b", ratios: [0.5, 2] }, "ratios[1]: expected a number from 0 to 1, got 2"],
    ["sample", { count: { a: 1 } }, 'count: expected an integer from 1 to 256, got an object with "a"'],
    ["decode", { latents: [{ positions: 2, values: [1, "x"] }] }, 'latents[0].values[1]: expected a number, got "x"'],
    [
      "decode",
      { latents: [[]] },
      /^latents\[0\]: expected an object with "positions" and "values".*, got a list of 0$/,
    ],
  ] as const)("%s of %j says what was found and what is expected", (operation, body, message) => {
    expect(() => workOf(operation, body, facts)).toThrow(message);
  });

  it("are refused where they ask for too much", () => {
    expect(fieldOf("score", { texts: Array.from({ length: 257 }, () => "a") })).toBe("texts");
    expect(fieldOf("score", { text: "a".repeat(2 ** 20 + 1) })).toBe("text");
  });

  it("are refused by their field, whatever they hold", () => {
    const fields = ["text", "texts", "id", "seed", "latents", "first", "second", "ratios", "beam", "__proto__"];
    const body = fc.oneof(
      fc.jsonValue(),
      fc.dictionary(fc.constantFrom(...fields), fc.oneof(fc.jsonValue(), fc.constant("a"), fc.constant(1))),
    );
    fc.assert(
      fc.property(fc.constantFrom(...operationNames), body, (operation, value) => {
        try {
          const { items, costOfItem } = workOf(operation, value, facts);
          return items.length >= 1 && items.length <= 256 && costOfItem >= 1;
        } catch (error) {
          return error instanceof BadField && !/Invalid|Too (big|small)|undefined/.test(error.message);
        }
      }),
      { numRuns: 500, seed: 4 },
    );
  });
});
