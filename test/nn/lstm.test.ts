import { describe, expect, test } from "vitest";
import { LSTM } from "../../src/nn/index.ts";
import { cat, Generator, grad, type Tensor, tensor, zeros } from "../../src/torch/index.ts";
import { checkGradient, largestDifference } from "../support/gradients.ts";
import { disturb, initOf, random } from "./support.ts";

const [inputs, hidden] = [3, 2];

/** One direction of one layer over one row (T, C), by the formula, from a zero state. */
function byFormula(x: Tensor, weights: readonly Tensor[], reverse: boolean): Tensor {
  const [w, u, bw, bu] = weights;
  const size = u.size(1);
  let h = zeros([size], { dtype: "float64" });
  let c = zeros([size], { dtype: "float64" });
  const outputs: Tensor[] = [];
  const steps = x.unbind(0);
  for (const input of reverse ? steps.reverse() : steps) {
    const gates = w.matmul(input).add(bw).add(u.matmul(h)).add(bu);
    const [i, f, g, o] = gates.chunk(4, 0);
    c = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()));
    h = o.sigmoid().mul(c.tanh());
    outputs.push(h.unsqueeze(0));
  }
  return cat(reverse ? outputs.reverse() : outputs);
}

describe("the LSTM", () => {
  test("equals the formula in both directions and layers", () => {
    const lstm = new LSTM(initOf(), inputs, hidden, { layers: 2, bidirectional: true });
    const x = random([2, 4, inputs]);
    const weights = lstm.parameters();
    const rows = x.unbind(0).map((row) => {
      let input = row;
      for (const layer of [0, 1]) {
        const own = (direction: number): Tensor[] => weights.slice(4 * (2 * layer + direction)).slice(0, 4);
        input = cat([byFormula(input, own(0), false), byFormula(input, own(1), true)], 1);
      }
      return input.unsqueeze(0);
    });
    expect(largestDifference(lstm.forward(x).output, cat(rows))).toBeLessThan(1e-12);
  });

  test("starts with the spreads of its specification", () => {
    const lstm = new LSTM(initOf(), 40, 50, { layers: 2 });
    const named = lstm.namedParameters();
    const spread = (name: string): number => Math.sqrt((named.get(name) as Tensor).square().mean().item());
    expect(spread("inputWeight0") / Math.sqrt(2 / 240)).toBeCloseTo(1, 1);
    expect(spread("hiddenWeight0") / Math.sqrt(2 / 250)).toBeCloseTo(1, 1);
    for (const name of ["inputBias0", "hiddenBias1", "inputWeight1"]) {
      expect((named.get(name) as Tensor).abs().amax().item()).toBeLessThanOrEqual(1 / Math.sqrt(50));
    }
    expect(spread("inputWeight1") / Math.sqrt(1 / 150)).toBeCloseTo(1, 1);
    // 16 C^2 + 16 C for C units in each of two directions.
    expect(new LSTM(initOf(), 7, 7, { bidirectional: true }).parameterCount()).toBe(16 * 49 + 16 * 7);
  });

  test("has the right gradient, packed and not", () => {
    const lstm = new LSTM(initOf(), inputs, hidden, { bidirectional: true });
    const x = random([2, 3, inputs]);
    checkGradient(() => lstm.forward(x).output, [x, ...lstm.parameters()]);
    checkGradient(() => lstm.forward(x, { lengths: [1, 3] }).output, [x, ...lstm.parameters()]);
  });

  test("never reads pads, in either direction; lengths and mask are the same; pads come out as zeros", () => {
    const lstm = new LSTM(initOf(), inputs, hidden, { layers: 2, bidirectional: true });
    const x = random([3, 5, inputs]);
    const lengths = [2, 5, 3];
    const mask = tensor(
      lengths.flatMap((length) => [0, 1, 2, 3, 4].map((t) => t < length)),
      [3, 5],
      { dtype: "bool" },
    );
    const { output, state } = lstm.forward(x, { lengths });
    expect(lstm.forward(x, { mask }).output.equal(output)).toBe(true);
    for (const [row, length] of lengths.entries()) {
      const alone = lstm.forward(x.slice(0, row, row + 1).slice(1, 0, length));
      const own = output.slice(0, row, row + 1);
      expect(largestDifference(own.slice(1, 0, length), alone.output)).toBeLessThan(1e-12);
      expect(largestDifference(state.hidden.slice(1, row, row + 1), alone.state.hidden)).toBeLessThan(1e-12);
      expect(largestDifference(state.cell.slice(1, row, row + 1), alone.state.cell)).toBeLessThan(1e-12);
      if (length < 5) expect(own.slice(1, length).abs().amax().item()).toBe(0);
    }
    const spoilt = cat([x.slice(1, 0, 2), random([3, 3, inputs], 9).mul(1e6)], 1);
    const before = lstm.forward(x, { lengths: [2, 2, 2] }).output;
    expect(lstm.forward(spoilt, { lengths: [2, 2, 2] }).output.equal(before)).toBe(true);
  });

  test("a row without positions gives zeros and the state it was given", () => {
    const lstm = new LSTM(initOf(), inputs, hidden, { bidirectional: true });
    const x = random([2, 3, inputs]);
    const start = { hidden: random([2, 2, hidden], 4), cell: random([2, 2, hidden], 5) };
    const { output, state } = lstm.forward(x, { lengths: [0, 3], state: start });
    expect(output.select(0, 0).abs().amax().item()).toBe(0);
    expect(state.hidden.select(1, 0).equal(start.hidden.select(1, 0))).toBe(true);
    expect(state.cell.select(1, 0).equal(start.cell.select(1, 0))).toBe(true);
    const alone = lstm.forward(x.slice(0, 1, 2), {
      state: { hidden: start.hidden.slice(1, 1, 2), cell: start.cell.slice(1, 1, 2) },
    });
    expect(largestDifference(output.slice(0, 1, 2), alone.output)).toBeLessThan(1e-12);
  });

  test.each(["float64", "float32"] as const)(
    "one step at a time with the state carried equals one pass, in %s",
    (dtype) => {
      const lstm = new LSTM(initOf(1, dtype), inputs, hidden, { layers: 2, trainableState: true });
      disturb(lstm);
      const x = random([2, 4, inputs], 7, dtype);
      const whole = lstm.forward(x);
      let state = lstm.initialState(2);
      const outputs = [0, 1, 2, 3].map((t) => {
        const step = lstm.forward(x.slice(1, t, t + 1), { state });
        state = step.state;
        return step.output;
      });
      const tolerance = dtype === "float64" ? 1e-13 : 1e-6;
      expect(largestDifference(cat(outputs, 1), whole.output)).toBeLessThan(tolerance);
      expect(largestDifference(state.cell, whole.state.cell)).toBeLessThan(tolerance);
    },
  );

  test("a trained initial state gets its gradient, packed and not", () => {
    const lstm = new LSTM(initOf(), inputs, hidden, { trainableState: true });
    const x = random([2, 3, inputs]);
    const named = lstm.namedParameters();
    const states = [named.get("initialHidden") as Tensor, named.get("initialCell") as Tensor];
    checkGradient(() => lstm.forward(x).output, states);
    checkGradient(() => lstm.forward(x, { lengths: [3, 2] }).output, states);
  });

  test("drops units between layers by the example's own stream, only while training", () => {
    const lstm = new LSTM(initOf(), inputs, hidden, { layers: 2, dropout: 0.5, bidirectional: true });
    const x = random([2, 4, inputs]);
    const streams = (...seeds: number[]): Generator[] => seeds.map((seed) => new Generator(seed));
    const both = lstm.forward(x, { lengths: [4, 3], dropout: streams(1, 2) });
    const second = lstm.forward(x.slice(0, 1, 2).slice(1, 0, 3), { dropout: streams(2) });
    expect(largestDifference(both.output.slice(0, 1, 2).slice(1, 0, 3), second.output)).toBeLessThan(1e-12);
    expect(largestDifference(both.state.cell.slice(1, 1, 2), second.state.cell)).toBeLessThan(1e-12);
    expect(
      largestDifference(lstm.forward(x).output, lstm.forward(x, { dropout: streams(1, 2) }).output),
    ).toBeGreaterThan(1e-4);
    lstm.train(false);
    expect(lstm.forward(x, { dropout: streams(1, 2) }).output.equal(lstm.forward(x).output)).toBe(true);
  });

  test("gives the same gradients packed as one row at a time", () => {
    const lstm = new LSTM(initOf(), inputs, hidden, { bidirectional: true });
    const x = random([2, 4, inputs]);
    const parameters = lstm.parameters();
    const packed = grad(
      [
        lstm
          .forward(x, { lengths: [4, 2] })
          .output.square()
          .sum(),
      ],
      parameters,
    );
    const rows = [4, 2].map((length, row) => lstm.forward(x.slice(0, row, row + 1).slice(1, 0, length)).output);
    const single = grad([rows[0].square().sum().add(rows[1].square().sum())], parameters);
    packed.forEach((gradient, index) => expect(largestDifference(gradient, single[index])).toBeLessThan(1e-12));
  });

  test("says what does not fit", () => {
    const lstm = new LSTM(initOf(), inputs, hidden);
    const x = random([2, 3, inputs]);
    const mask = tensor([1, 0, 1, 1, 1, 1], [2, 3], { dtype: "bool" });
    expect(() => lstm.forward(x, { lengths: [4, 1] })).toThrow(/lengths \(4, 1\) do not fit 2 rows of 3/);
    expect(() => lstm.forward(x, { mask })).toThrow(/row 0 of the mask has pads before real positions/);
    expect(() => lstm.forward(x, { mask, lengths: [3, 3] })).toThrow(/not both/);
  });
});
