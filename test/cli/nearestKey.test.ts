/** Which key may have been meant. */
import { expect, it } from "vitest";
import { noSuchKey } from "../../src/cli/nearestKey.ts";
import { presetConfig } from "../../src/flow/index.ts";

it("does not look for what a key of megabytes may mean", () => {
  const known = presetConfig("tiny");
  expect(noSuchKey("train.maxStep", known)).toBe('there is no key "train.maxStep" (did you mean train.maxSteps?)');
  const gigantic = "a".repeat(3 << 20);
  const started = performance.now();
  for (const path of [`train.${gigantic}`, `${gigantic}.maxSteps`]) {
    expect(noSuchKey(path, known)).toBe(`there is no key "${path}"`);
  }
  expect(performance.now() - started).toBeLessThan(5000);
});
