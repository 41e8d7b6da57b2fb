import { describe, expect, test } from "vitest";
import {
  ActNorm,
  type Bijection,
  Chain,
  ChannelCoupling,
  ChannelLinear,
  ChannelPermutation,
  FinalPrior,
  type FlowConfig,
  HalfTimeCoupling,
  multiScaleFlow,
  OnFirstHalf,
  ParityTimeCoupling,
  presetConfig,
  SplitPrior,
  Squeezed,
  squeeze,
  TimeLinear,
  TimePermutation,
  unsqueeze,
} from "../../src/flow/index.ts";
import { Adam } from "../../src/nn/index.ts";
import { grad, noGrad, scope, tensor } from "../../src/torch/index.ts";
import {
  checkInverse,
  checkPadInvariance,
  contextOf,
  disturb,
  initOf,
  inputOf,
  largest,
  numericJacobian,
  type Subject,
} from "./support.ts";

const riverrun: FlowConfig = {
  ...presetConfig("riverrun-nar").flow,
  hidden: 8,
  layers: 1,
  heads: 2,
  steps: 2,
  levels: 2,
};
const lstm: FlowConfig = { ...riverrun, network: "lstm" };
const paper: FlowConfig = { ...presetConfig("paper-nar").flow, heads: 2, steps: 2, levels: 2 };
const paperLstm: FlowConfig = { ...paper, network: "lstm" };
const channels = 4;
const positions = 8;
const ragged = [8, 6, 2];
const full = [8, 8];

const masked: Record<string, Subject> = {
  "ActNorm, ln s": { make: (seed) => new ActNorm(initOf(seed), channels), positions, channels, lengths: ragged },
  TimeLinear: { make: (seed) => new TimeLinear(initOf(seed), positions), positions, channels, lengths: [8, 5, 1] },
  ChannelLinear: { make: (seed) => new ChannelLinear(initOf(seed), channels), positions, channels, lengths: [8, 5, 1] },
  "ParityTimeCoupling, even seen": {
    make: (seed) => new ParityTimeCoupling(initOf(seed), positions, channels, riverrun, false),
    positions,
    channels,
    lengths: [8, 5, 2],
  },
  "ParityTimeCoupling, odd seen, lstm": {
    make: (seed) => new ParityTimeCoupling(initOf(seed), positions, channels, lstm, true),
    positions,
    channels,
    lengths: [8, 5, 2],
  },
  "ChannelCoupling, masked": {
    make: (seed) => new ChannelCoupling(initOf(seed), positions, channels, riverrun, true),
    positions,
    channels,
    lengths: [8, 5, 1],
  },
  SplitPrior: { make: (seed) => new SplitPrior(initOf(seed), channels, "z"), positions, channels, lengths: [8, 5, 1] },
  FinalPrior: { make: (seed) => new FinalPrior(initOf(seed), channels, "z"), positions, channels, lengths: [8, 5, 1] },
  OnFirstHalf: {
    make: (seed) => new OnFirstHalf(new ChannelLinear(initOf(seed), channels / 2)),
    positions,
    channels,
    lengths: [8, 5, 1],
  },
  Squeezed: {
    make: (seed) => new Squeezed(new ChannelLinear(initOf(seed), 2 * channels)),
    positions,
    channels,
    lengths: ragged,
  },
  Chain: {
    make: (seed) =>
      new Chain([
        { name: "a", bijection: new ActNorm(initOf(seed), channels) },
        { name: "b", bijection: new TimeLinear(initOf(seed), positions) },
      ]),
    positions,
    channels,
    lengths: ragged,
  },
  "multi-scale, layout paper": {
    make: (seed) => multiScaleFlow(initOf(seed), positions, channels, riverrun),
    positions,
    channels,
    lengths: ragged,
  },
  "multi-scale, layout wide": {
    make: (seed) => multiScaleFlow(initOf(seed), positions, channels, { ...riverrun, layout: "wide", levels: 3 }),
    positions,
    channels,
    lengths: [8, 4],
  },
};

const unmasked: Record<string, Subject> = {
  "ActNorm, s": {
    make: (seed) => new ActNorm(initOf(seed), channels, { raw: true }),
    positions,
    channels,
    lengths: full,
  },
  TimePermutation: { make: (seed) => new TimePermutation(initOf(seed), positions), positions, channels, lengths: full },
  ChannelPermutation: {
    make: (seed) => new ChannelPermutation(initOf(seed), channels),
    positions,
    channels,
    lengths: full,
  },
  HalfTimeCoupling: {
    make: (seed) => new HalfTimeCoupling(initOf(seed), positions, channels, paper),
    positions,
    channels,
    lengths: full,
  },
  "HalfTimeCoupling, lstm": {
    make: (seed) => new HalfTimeCoupling(initOf(seed), positions, channels, paperLstm),
    positions,
    channels,
    lengths: full,
  },
  "ChannelCoupling, paper": {
    make: (seed) => new ChannelCoupling(initOf(seed), positions, channels, paper),
    positions,
    channels,
    lengths: full,
  },
  "paper-nar, layout paper": {
    make: (seed) => multiScaleFlow(initOf(seed), positions, channels, paper),
    positions,
    channels,
    lengths: full,
  },
  "paper-nar, layout wide": {
    make: (seed) => multiScaleFlow(initOf(seed), positions, channels, { ...paper, layout: "wide", levels: 3 }),
    positions,
    channels,
    lengths: full,
  },
  "paper-nar-channel, lstm": {
    make: (seed) => multiScaleFlow(initOf(seed), positions, channels, { ...paperLstm, couplings: "channel" }),
    positions,
    channels,
    lengths: full,
  },
};

const subjects = { ...masked, ...unmasked };

describe.each(Object.entries(subjects))("%s", (name, subject) => {
  test("is inverted to 1e-9 and its log-determinant agrees with the numeric Jacobian to 1e-8", () => {
    checkInverse(subject);
  });

  test("rows do not see each other: another order gives the same rows", () => {
    scope(() =>
      noGrad(() => {
        const map = subject.make(1);
        disturb(map);
        const context = contextOf(subject.lengths, subject.positions);
        const x = inputOf(context, subject.channels);
        const turned = map.encode(x.flip(0), contextOf([...subject.lengths].reverse(), subject.positions));
        const { y, logDet } = map.encode(x, context);
        expect(largest(turned.y.flip(0).sub(y))).toBeLessThanOrEqual(1e-12);
        expect(largest(turned.logDet.flip(0).sub(logDet))).toBeLessThanOrEqual(1e-11);
      }),
    );
  });

  test("saved and loaded it is the same map", () => {
    scope(() =>
      noGrad(() => {
        const map = subject.make(1);
        disturb(map);
        const other: Bijection = subject.make(2);
        other.loadStateDict(map.stateDict());
        const context = contextOf(subject.lengths, subject.positions);
        const x = inputOf(context, subject.channels);
        const { y } = map.encode(x, context);
        expect(other.encode(x, context).y.equal(y)).toBe(true);
        expect(other.decode(y, context).x.equal(map.decode(y, context).x)).toBe(true);
      }),
    );
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
      const optimiser = new Adam(map.namedParameters());
      const gradients = grad([loss], map.parameters(), { allowUnused: true });
      optimiser.step(
        gradients.map((gradient, index) => gradient ?? map.parameters()[index].mul(0)),
        0.05,
      );
      noGrad(() => {
        const after = map.encode(x, context);
        expect(largest(after.y.sub(before.y))).toBeGreaterThan(1e-4);
        expect(largest(map.decode(after.y, context).x.sub(x))).toBeLessThanOrEqual(1e-9);
      });
    });
  });

  test("in float32 the round trip closes to 1e-4", () => {
    scope(() =>
      noGrad(() => {
        const exact = subject.make(1);
        disturb(exact, 0.1);
        const context = contextOf(subject.lengths, subject.positions);
        const x = inputOf(context, subject.channels);
        const y = exact.encode(x, context).y;
        expect(largest(exact.decode(y.to("float32").to("float64"), context).x.sub(x))).toBeLessThanOrEqual(1e-4);
      }),
    );
  });

  if (name in masked) {
    test("padding never matters", () => {
      checkPadInvariance(subject, 8);
    });

    test("before training it is the identity", () => {
      scope(() =>
        noGrad(() => {
          const map = subject.make(1);
          const context = contextOf(subject.lengths, subject.positions);
          const x = inputOf(context, subject.channels);
          const { y, logDet } = map.encode(x, context);
          expect(largest(y.sub(x))).toBeLessThanOrEqual(1e-12);
          expect(largest(logDet)).toBeLessThanOrEqual(1e-12);
        }),
      );
    });
  }
});

test("squeeze orders channels c0 of t even, c0 of t odd, c1 of t even, ... and unsqueeze undoes it", () => {
  scope(() => {
    const x = inputOf(contextOf([4], 4), 3);
    const y = squeeze(x);
    const value = (t: number, c: number): number => x.select(0, 0).select(0, t).select(0, c).item();
    expect(y.select(0, 0).select(0, 1).toNumbers()).toEqual([
      value(2, 0),
      value(3, 0),
      value(2, 1),
      value(3, 1),
      value(2, 2),
      value(3, 2),
    ]);
    expect(unsqueeze(y).equal(x)).toBe(true);
  });
});

test("the Jacobian of a time map over a prefix does not reach the pads", () => {
  scope(() =>
    noGrad(() => {
      const map = new TimeLinear(initOf(1), 8);
      disturb(map);
      const short = contextOf([3], 8);
      const alone = contextOf([3], 3);
      const x = inputOf(short, 2);
      const wide = numericJacobian((input) => map.encode(input, short).y, x, 3);
      const narrow = numericJacobian((input) => map.encode(input, alone).y, x.slice(1, 0, 3).contiguous(), 3);
      expect(largest(wide.sub(narrow))).toBeLessThanOrEqual(1e-9);
    }),
  );
});

test("ActNorm's first batch gives real positions mean 0 and variance 1, whatever stands at the pads", () => {
  scope(() => {
    const map = new ActNorm(initOf(1), 3);
    const context = contextOf([7, 4, 1], 8).with({ initialising: true });
    const x = inputOf(context, 3).mul(5).add(3);
    const y = noGrad(() => map.encode(context.masked(x), context).y);
    const rows = y.reshape(-1, 3).toNumbers();
    const real = context.boolMask
      .toNumbers()
      .flatMap((flag, index) => (flag ? [rows.slice(3 * index, 3 * index + 3)] : []));
    expect(real.length).toBe(12);
    for (let c = 0; c < 3; c++) {
      const values = real.map((row) => row[c]);
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      const variance = values.reduce((a, b) => a + (b - mean) ** 2, 0) / (values.length - 1);
      expect(Math.abs(mean)).toBeLessThan(1e-12);
      expect(Math.abs(variance - 1)).toBeLessThan(1e-12);
    }
  });
});

test("the density of a flow of two dimensions integrates to 1", () => {
  scope(() =>
    noGrad(() => {
      const config: FlowConfig = { ...riverrun, hidden: 4, heads: 2 };
      const map = new Chain([
        { name: "a", bijection: new ActNorm(initOf(1), 2) },
        { name: "b", bijection: new ChannelLinear(initOf(2), 2) },
        { name: "c", bijection: new ChannelCoupling(initOf(3), 1, 2, config, false) },
        { name: "d", bijection: new ChannelCoupling(initOf(4), 1, 2, config, true) },
        { name: "e", bijection: new SplitPrior(initOf(5), 2, "z") },
      ]);
      disturb(map, 0.3);
      // A grid of points as one batch of single positions; the trapezoidal rule on a smooth density converges fast.
      const side = 241;
      const half = 12;
      const step = (2 * half) / (side - 1);
      const values: number[] = [];
      for (let i = 0; i < side; i++) for (let j = 0; j < side; j++) values.push(-half + i * step, -half + j * step);
      const context = contextOf(new Array<number>(side * side).fill(1), 1);
      const x = inputOf(context, 2);
      x.copy_(x.mul(0).add(gridTensor(values, x.shape)));
      const { y, logDet } = map.encode(x, context);
      const logDensity = y
        .square()
        .sum([1, 2])
        .mul(-0.5)
        .sub(Math.log(2 * Math.PI))
        .add(logDet);
      expect(Math.abs(logDensity.exp().sum().item() * step * step - 1)).toBeLessThan(1e-4);
    }),
  );
});

function gridTensor(values: readonly number[], shape: readonly number[]): ReturnType<typeof tensor> {
  return tensor(values, shape, { dtype: "float64" });
}
