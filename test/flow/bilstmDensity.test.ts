import { describe, expect, test } from "vitest";
import {
  BilstmDensity,
  type FlowConfig,
  LstmShift,
  parseConfig,
  presetConfig,
  TextFlow,
} from "../../src/flow/index.ts";
import { Adam, InitContext } from "../../src/nn/index.ts";
import { Vocabulary } from "../../src/text/vocabulary.ts";
import { Generator, grad, noGrad, scope } from "../../src/torch/index.ts";
import {
  checkInverse,
  contextOf,
  disturb,
  initOf,
  inputOf,
  largest,
  numericJacobian,
  type Subject,
} from "./support.ts";

const preset = presetConfig("bilstm-density");
const config: FlowConfig = { ...preset.flow, hidden: 5, steps: 2 };
const subjects: Record<string, Subject> = {
  "LstmShift, forward": {
    make: (seed) => new LstmShift(initOf(seed), 4, 3, false),
    positions: 6,
    channels: 4,
    lengths: [6, 6],
  },
  "LstmShift, backward": {
    make: (seed) => new LstmShift(initOf(seed), 4, 3, true),
    positions: 6,
    channels: 4,
    lengths: [6, 6],
  },
  "LstmShift, one position": {
    make: (seed) => new LstmShift(initOf(seed), 4, 3, true),
    positions: 1,
    channels: 4,
    lengths: [1, 1],
  },
  BilstmDensity: {
    make: (seed) => new BilstmDensity(initOf(seed), 4, config),
    positions: 6,
    channels: 4,
    lengths: [6, 6],
  },
};

describe.each(Object.entries(subjects))("%s", (_, subject) => {
  test("is inverted to 1e-9 and its log-determinant agrees with the numeric Jacobian to 1e-8", () => {
    checkInverse(subject);
  });

  test("nothing stale is kept: after an optimiser step the round trip still closes", () => {
    scope(() => {
      const map = subject.make(1);
      disturb(map);
      const context = contextOf(subject.lengths, subject.positions);
      const x = inputOf(context, subject.channels);
      const before = map.encode(x, context);
      noGrad(() => map.decode(before.y, context));
      const loss = before.y.square().sum().sub(before.logDet.sum());
      const parameters = map.parameters();
      const gradients = grad([loss], parameters, { allowUnused: true });
      new Adam(map.namedParameters()).step(
        gradients.map((gradient, index) => gradient ?? parameters[index].mul(0)),
        0.05,
      );
      noGrad(() => {
        const after = map.encode(x, context);
        expect(largest(after.y.sub(before.y))).toBeGreaterThan(1e-4);
        expect(largest(map.decode(after.y, context).x.sub(x))).toBeLessThanOrEqual(1e-9);
      });
    });
  });

  test("saved and loaded it is the same map, and rows do not see each other", () => {
    noGrad(() =>
      scope(() => {
        const map = subject.make(1);
        disturb(map);
        const other = subject.make(2);
        other.loadStateDict(map.stateDict());
        const context = contextOf(subject.lengths, subject.positions);
        const x = inputOf(context, subject.channels);
        const { y } = map.encode(x, context);
        expect(other.encode(x, context).y.equal(y)).toBe(true);
        expect(largest(other.encode(x.flip(0), context).y.flip(0).sub(y))).toBeLessThanOrEqual(1e-12);
      }),
    );
  });
});

test("one direction sees only what was read before: the Jacobian's other triangle of blocks is zero", () => {
  noGrad(() =>
    scope(() => {
      const channels = 3;
      for (const backwards of [false, true]) {
        const map = new LstmShift(initOf(1), channels, 4, backwards);
        disturb(map);
        const context = contextOf([5], 5);
        const jacobian = numericJacobian((x) => map.encode(x, context).y, inputOf(context, channels), 5);
        for (let from = 0; from < 5; from++) {
          for (let to = 0; to < 5; to++) {
            const block = jacobian
              .slice(0, to * channels, (to + 1) * channels)
              .slice(1, from * channels, (from + 1) * channels);
            const seen = backwards ? from >= to : from <= to;
            if (seen) expect(largest(block)).toBeGreaterThan(1e-6);
            else expect(largest(block)).toBeLessThanOrEqual(1e-10);
          }
        }
      }
    }),
  );
});

test("both directions together see the whole text", () => {
  noGrad(() =>
    scope(() => {
      const map = new BilstmDensity(initOf(1), 3, { ...config, steps: 1 });
      disturb(map);
      const context = contextOf([4], 4);
      const jacobian = numericJacobian((x) => map.encode(x, context).y, inputOf(context, 3), 4);
      for (const [row, column] of [
        [0, 9],
        [9, 0],
      ]) {
        expect(largest(jacobian.slice(0, row, row + 3).slice(1, column, column + 3))).toBeGreaterThan(1e-6);
      }
    }),
  );
});

test("has 5.96 million parameters at the paper's size, 0.993 million a direction", () => {
  scope(() => {
    const init = new InitContext({ generator: new Generator(1), dtype: "float32", device: "cpu" });
    const whole = new BilstmDensity(init, 300, preset.flow);
    expect(whole.parameterCount()).toBe(6 * 993_000 + 600);
  });
});

test("the preset describes it, and a configuration that would be something else is refused", () => {
  scope(() => {
    const small = { ...preset, data: { ...preset.data, dimensions: 6, positions: 8 } };
    const vocabulary = Vocabulary.build([["a", "b"]]);
    const table = Float32Array.from({ length: vocabulary.size * 6 }, (_, index) => Math.sin(index));
    expect(TextFlow.build({ config: parseConfig(small, "here"), vocabulary, table }).flow).toBeInstanceOf(
      BilstmDensity,
    );
    for (const flow of [{ network: "attention" }, { levels: 2 }, { family: "riverrun" }] as const) {
      expect(() => parseConfig({ ...small, flow: { ...small.flow, ...flow } }, "here")).toThrow(/Bi-LSTM/);
    }
  });
});

test("rows that do not fill all positions are refused", () => {
  scope(() => {
    const map = new LstmShift(initOf(1), 4, 3, false);
    const context = contextOf([6, 4], 6);
    expect(() => map.encode(inputOf(context, 4), context)).toThrow(/no masks/);
    expect(() => map.decode(inputOf(context, 4), context)).toThrow(/no masks/);
  });
});
