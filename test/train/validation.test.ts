import { describe, expect, it } from "vitest";
import { chooseHeldOut, validate } from "../../src/train/index.ts";
import { ratioWithError, refuseBelowFloor } from "../../src/train/validation.ts";
import { microModel, texts } from "./support.ts";

describe("ratioWithError", () => {
  it("is the ratio of the sums", () => {
    const { mean } = ratioWithError([10, 30], [10, 40], ["a", "b"]);
    expect(mean * Math.LN2).toBeCloseTo(40 / 50, 12);
  });

  it("agrees with the standard error of a mean where all texts are of one length", () => {
    const values = Array.from({ length: 50 }, (_, index) => 100 + 40 * Math.sin(index * 7.3));
    const { error } = ratioWithError(
      values,
      values.map(() => 1),
      values.map(String),
    );
    const mean = values.reduce((sum, value) => sum + value, 0) / 50;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 49;
    expect(error * Math.LN2).toBeCloseTo(Math.sqrt(variance / 50), 10);
  });

  it("counts copies of a text, which share their noise, as one observation", () => {
    const values = [90, 110, 95, 105];
    const once = ratioWithError(values, [1, 1, 1, 1], ["a", "b", "c", "d"]);
    const copied = ratioWithError([...values, ...values], Array(8).fill(1), ["a", "b", "c", "d", "a", "b", "c", "d"]);
    expect(copied.error).toBeCloseTo(once.error, 10);
  });

  it("is never surer than the noise's own density is", () => {
    const { error } = ratioWithError([8, 8], [8, 8], ["a", "b"]);
    expect(error).toBeCloseTo(Math.sqrt(16 / 2) / 16 / Math.LN2, 12);
  });
});

describe("refuseBelowFloor", () => {
  it("takes a mean within 4 standard errors for chance and one beyond for a bug, naming the figures", () => {
    expect(() => refuseBelowFloor(0.961, 0.01, 1, 30)).not.toThrow();
    expect(() => refuseBelowFloor(0.959, 0.01, 1, 30)).toThrow(
      /bug.*0\.95900.*30 texts.*4\.1 standard errors.*1\.00000/,
    );
  });
});

describe("a mean that is no number", () => {
  it("is laid to the weights, not to the likelihood", () => {
    expect(() => refuseBelowFloor(Number.NaN, 0.01, 1, 30)).toThrow(/30 held-out texts is NaN.*weights have exploded/);
  });
});

describe("validate", () => {
  const model = microModel();

  it("chooses the same texts every time, at most as many as asked", () => {
    const chosen = chooseHeldOut(model, texts, 12, 1).map(({ text }) => text);
    expect(chosen).toHaveLength(12);
    expect(chooseHeldOut(model, texts, 12, 1).map(({ text }) => text)).toEqual(chosen);
    expect(chooseHeldOut(model, texts, 12, 2).map(({ text }) => text)).not.toEqual(chosen);
    expect(chooseHeldOut(model, texts, 1000, 1)).toHaveLength(texts.length);
  });

  it("does not depend on the order of the texts and stays above the floor", () => {
    const held = chooseHeldOut(model, texts, 24, 1);
    const one = validate(model, held, 5);
    const other = validate(model, held.toReversed(), 5);
    expect(other.nelboPerToken).toBeCloseTo(one.nelboPerToken, 6);
    expect(one.bitsPerDim).toBeGreaterThan(one.floorBitsPerDim);
    expect(one.tokens).toBe(held.reduce((sum, text) => sum + text.tokensCounted, 0));
  });
});
