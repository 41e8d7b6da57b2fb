import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BatchSequence, epochBatches } from "../../src/train/index.ts";

const lengths = Array.from({ length: 103 }, (_, index) => (index * 37) % 20);
const options = { seed: 3, batchSize: 8, bucket: 4 };

describe("epochBatches", () => {
  it("gives every example at most once and only whole batches", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 70 }),
        fc.integer({ min: 1, max: 9 }),
        fc.nat(5),
        (count, batchSize, epoch) => {
          const batches = epochBatches(lengths.slice(0, count), epoch, { seed: 1, batchSize, bucket: 3 });
          const all = batches.flat();
          expect(new Set(all).size).toBe(all.length);
          expect(all.length).toBe(count < batchSize ? count : count - (count % batchSize));
          if (count >= batchSize) expect(batches.every((batch) => batch.length === batchSize)).toBe(true);
        },
      ),
    );
  });

  it("puts texts of similar length together", () => {
    const spread = (bucket: number): number =>
      epochBatches(lengths, 0, { ...options, bucket })
        .map((batch) => Math.max(...batch.map((at) => lengths[at])) - Math.min(...batch.map((at) => lengths[at])))
        .reduce((sum, width) => sum + width, 0);
    expect(spread(4)).toBeLessThan(0.5 * spread(1));
  });

  it("leaves out other examples in every epoch, not always the longest", () => {
    const left = new Set<number>();
    for (let epoch = 0; epoch < 40; epoch++) {
      const used = new Set(epochBatches(lengths, epoch, { ...options, bucket: 100 }).flat());
      for (const index of lengths.keys()) if (!used.has(index)) left.add(lengths[index]);
    }
    expect(left.size).toBeGreaterThan(15);
  });
});

describe("BatchSequence", () => {
  it("is a function of the step alone", () => {
    const forward = new BatchSequence(lengths, options);
    const inOrder = Array.from({ length: 40 }, (_, index) => forward.at(index + 1));
    for (const step of [40, 1, 13, 12, 25]) {
      expect(new BatchSequence(lengths, options).at(step)).toEqual(inOrder[step - 1]);
    }
    expect(inOrder[11].epoch).toBe(0);
    expect(inOrder[12].epoch).toBe(1);
    expect(inOrder[12].indices).not.toEqual(inOrder[0].indices);
  });

  it("depends on the seed", () => {
    const other = new BatchSequence(lengths, { ...options, seed: 4 });
    expect(other.at(1).indices).not.toEqual(new BatchSequence(lengths, options).at(1).indices);
  });

  it("refuses to train on nothing", () => {
    expect(() => new BatchSequence([], options)).toThrow(/no text/);
  });
});
