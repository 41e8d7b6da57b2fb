import { expect, test } from "vitest";
import { CausalNetwork, type CausalShape, type CausalSize, type Condition } from "../../../src/flow/causal/index.ts";
import { cat, Generator, noGrad, randn, scope, stack, type Tensor } from "../../../src/torch/index.ts";
import { initOf, largest } from "../support.ts";

const size: CausalSize = { width: 12, layers: 2, heads: 3, positionEncoding: "learned", dropout: 0 };
const shape: CausalShape = { input: 4, positions: 9 };

const draw = (dims: readonly number[], seed = 3): Tensor => randn(dims, new Generator(seed), { dtype: "float64" });

const encodings = ["none", "sinusoidal", "learned"] as const;
test.each(encodings)("positions %s: h_t reads x_<t and nothing else, bit for bit", (positionEncoding) => {
  noGrad(() =>
    scope(() => {
      for (const dtype of ["float64", "float32"] as const) {
        const network = new CausalNetwork(initOf(1, dtype), shape, { ...size, positionEncoding });
        const x = draw([2, 9, 4]).to(dtype);
        const before = network.forward(x);
        expect(before.shape).toEqual([2, 9, 12]);
        for (let t = 0; t < 9; t++) {
          const moved = x.clone();
          moved.slice(1, t, t + 1).copy_(draw([2, 1, 4], 50 + t));
          const after = network.forward(moved);
          expect(after.slice(1, 0, t + 1).equal(before.slice(1, 0, t + 1))).toBe(true);
          if (t < 8) expect(largest(after.select(1, t + 1).sub(before.select(1, t + 1)))).toBeGreaterThan(1e-3);
        }
      }
    }),
  );
});

test("read position by position it gives what it gives at once, with parts of the present and a condition too", () => {
  noGrad(() =>
    scope(() => {
      const network = new CausalNetwork(initOf(1), { ...shape, present: 3, condition: 5 }, size);
      const x = draw([3, 9, 4]);
      const present = draw([3, 9, 3], 4);
      const condition: Condition = { values: draw([3, 2, 5], 6), lengths: [2, 1, 0] };
      for (const given of [undefined, condition]) {
        const whole = network.forward(x, { present, condition: given });
        const reader = network.reader(3, given);
        const steps = Array.from({ length: 9 }, (_, t) =>
          reader.next(t > 0 ? x.select(1, t - 1) : undefined, present.select(1, t)),
        );
        expect(largest(stack(steps, 1).sub(whole))).toBeLessThanOrEqual(1e-12);
        // Back to position 4, other rows, another present: the same as a full pass of those.
        reader.rewind(4);
        reader.select([2, 0]);
        const again = reader.next(
          cat([x.slice(0, 2), x.slice(0, 0, 1)]).select(1, 3),
          present.select(1, 7).slice(0, 0, 2),
        );
        const changed = present.clone();
        changed
          .slice(1, 4, 5)
          .slice(0, 2, 3)
          .copy_(present.slice(1, 7, 8).slice(0, 0, 1));
        changed
          .slice(1, 4, 5)
          .slice(0, 0, 1)
          .copy_(present.slice(1, 7, 8).slice(0, 1, 2));
        const expected = network.forward(x, { present: changed, condition: given }).select(1, 4);
        expect(largest(again.slice(0, 0, 1).sub(expected.slice(0, 2)))).toBeLessThanOrEqual(1e-12);
        expect(largest(again.slice(0, 1).sub(expected.slice(0, 0, 1)))).toBeLessThanOrEqual(1e-12);
        reader.dispose();
      }
    }),
  );
});

test("a condition that is dropped is the same as none, a real one is seen, its pads are not", () => {
  noGrad(() =>
    scope(() => {
      const network = new CausalNetwork(initOf(1), { ...shape, condition: 5 }, size);
      const x = draw([3, 9, 4]);
      const values = draw([3, 2, 5], 6);
      const without = network.forward(x);
      const with0 = network.forward(x, { condition: { values, lengths: [2, 1, 0] } });
      const differences = [0, 1, 2].map((row) => largest(with0.select(0, row).sub(without.select(0, row))));
      expect(differences[0]).toBeGreaterThan(1e-3);
      expect(differences[1]).toBeGreaterThan(1e-3);
      expect(differences[2]).toBeLessThanOrEqual(1e-12);
      const other = values.clone();
      other.slice(0, 1, 2).slice(1, 1, 2).fill_(7);
      const padded = network.forward(x, { condition: { values: other, lengths: [2, 1, 0] } });
      expect(largest(padded.sub(with0))).toBeLessThanOrEqual(1e-12);
    }),
  );
});

test("what does not fit is refused by name", () => {
  scope(() => {
    const network = new CausalNetwork(initOf(1), shape, size);
    expect(() => network.forward(draw([1, 10, 4]))).toThrow("holds 9 positions, got 10");
    const values = draw([1, 2, 5]);
    expect(() => network.forward(draw([1, 3, 4]), { condition: { values } })).toThrow("without a condition");
    const conditioned = new CausalNetwork(initOf(1), { ...shape, condition: 5 }, size);
    expect(() => conditioned.forward(draw([1, 3, 4]), { condition: { values, lengths: [3] } })).toThrow(
      "lengths 3: expected one from 0 to 2",
    );
  });
});
