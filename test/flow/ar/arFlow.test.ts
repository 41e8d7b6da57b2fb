import { describe, expect, test } from "vitest";
import { type ArFlow, encodeByLoops, encodeByWavefront } from "../../../src/flow/index.ts";
import { Adam } from "../../../src/nn/index.ts";
import { Generator, grad, noGrad, randn, scope, type Tensor } from "../../../src/torch/index.ts";
import { checkInverse, contextOf, disturb, inputOf, largest } from "../support.ts";
import { channels, flowOf, positions, variants } from "./support.ts";

const lengths = [positions, positions, positions];

/** What a loss reads of an encoding: a random functional of y and the log-determinants. */
function functional(y: Tensor, logDet: Tensor): Tensor {
  const weights = noGrad(() => randn(y.shape, new Generator(3), { dtype: "float64" }));
  return y.mul(weights).sum().add(logDet.sum());
}

describe.each(Object.entries(variants))("%s", (_, config) => {
  test("is inverted to 1e-9 and its log-determinant agrees with the numeric Jacobian to 1e-8", () => {
    const make = (seed: number): ArFlow => flowOf(config, { seed, positions: 6 });
    checkInverse({ make, positions: 6, channels, lengths: [6, 6] });
  });

  test("is causal bit for bit: no output before a changed position changes, the one at it does", () => {
    scope(() =>
      noGrad(() => {
        const flow = flowOf(config);
        disturb(flow);
        const context = contextOf(lengths, positions);
        const x = inputOf(context, channels);
        const { y } = flow.encode(x, context);
        for (let t = 0; t < positions; t++) {
          const moved = x.clone();
          moved.slice(1, t, t + 1).add_(1);
          const other = flow.encode(moved, context).y;
          if (t > 0) expect(other.slice(1, 0, t).equal(y.slice(1, 0, t))).toBe(true);
          expect(largest(other.slice(1, t, t + 1).sub(y.slice(1, t, t + 1)))).toBeGreaterThan(1e-3);
        }
      }),
    );
  });

  test("a prefix has the latents that it has in the whole", () => {
    scope(() =>
      noGrad(() => {
        const flow = flowOf(config);
        disturb(flow);
        const x = inputOf(contextOf(lengths, positions), channels);
        const { y } = flow.encode(x, contextOf(lengths, positions));
        const prefix = flow.encode(x.slice(1, 0, 5), contextOf([5, 5, 5], 5)).y;
        expect(largest(prefix.sub(y.slice(1, 0, 5)))).toBeLessThanOrEqual(1e-12);
      }),
    );
  });

  test("the wavefront equals the plain loops in every chunking, gradients included", () => {
    scope(() => {
      const flow = flowOf(config);
      disturb(flow);
      const context = contextOf(lengths, positions);
      const x = inputOf(context, channels).setRequiresGrad();
      const inputs = [x, ...flow.parameters()];
      const loops = encodeByLoops(flow.steps, x, context);
      const expected = grad([functional(loops.y, loops.logDet)], inputs);
      for (const chunk of [1, 2, 4, 8]) {
        const front = encodeByWavefront(flow.steps, x, context, chunk);
        expect(largest(front.y.sub(loops.y))).toBeLessThanOrEqual(1e-10);
        expect(largest(front.logDet.sub(loops.logDet))).toBeLessThanOrEqual(1e-10);
        const found = grad([functional(front.y, front.logDet)], inputs);
        for (const [index, gradient] of found.entries()) {
          const size = Math.max(1, largest(expected[index]));
          expect(largest(gradient.sub(expected[index])) / size).toBeLessThanOrEqual(1e-9);
        }
      }
    });
  });

  test("encode is the plain loops, gradients included", () => {
    scope(() => {
      const flow = flowOf(config);
      disturb(flow);
      const context = contextOf(lengths, positions);
      const x = inputOf(context, channels).setRequiresGrad();
      const inputs = [x, ...flow.parameters()];
      const loops = encodeByLoops(flow.steps, x, context);
      const encoded = flow.encode(x, context);
      expect(largest(encoded.y.sub(loops.y))).toBeLessThanOrEqual(1e-10);
      expect(largest(encoded.logDet.sub(loops.logDet))).toBeLessThanOrEqual(1e-10);
      const expected = grad([functional(loops.y, loops.logDet)], inputs);
      const found = grad([functional(encoded.y, encoded.logDet)], inputs);
      for (const [index, gradient] of found.entries()) {
        const size = Math.max(1, largest(expected[index]));
        expect(largest(gradient.sub(expected[index])) / size).toBeLessThanOrEqual(1e-9);
      }
    });
  });

  test("rows do not see each other", () => {
    scope(() =>
      noGrad(() => {
        const flow = flowOf(config);
        disturb(flow);
        const context = contextOf(lengths, positions);
        const x = inputOf(context, channels);
        const { y, logDet } = flow.encode(x, context);
        const turned = flow.encode(x.flip(0), context);
        expect(largest(turned.y.flip(0).sub(y))).toBeLessThanOrEqual(1e-12);
        expect(largest(turned.logDet.flip(0).sub(logDet))).toBeLessThanOrEqual(1e-11);
      }),
    );
  });

  test("saved and loaded it is the same map", () => {
    scope(() =>
      noGrad(() => {
        const flow = flowOf(config);
        disturb(flow);
        const other = flowOf(config, { seed: 2 });
        other.loadStateDict(flow.stateDict());
        const context = contextOf(lengths, positions);
        const x = inputOf(context, channels);
        const { y } = flow.encode(x, context);
        expect(other.encode(x, context).y.equal(y)).toBe(true);
        expect(other.decode(y, context).x.equal(flow.decode(y, context).x)).toBe(true);
      }),
    );
  });

  test("nothing stale is kept: after an optimiser step the round trip still closes", () => {
    scope(() => {
      const flow = flowOf(config);
      disturb(flow);
      const context = contextOf(lengths, positions);
      const x = inputOf(context, channels);
      const before = flow.encode(x, context);
      flow.decode(before.y, context);
      const loss = before.y.square().sum().sub(before.logDet.sum());
      const optimiser = new Adam(flow.namedParameters());
      optimiser.step(grad([loss], flow.parameters()), 0.05);
      noGrad(() => {
        const after = flow.encode(x, context);
        expect(largest(after.y.sub(before.y))).toBeGreaterThan(1e-4);
        expect(largest(flow.decode(after.y, context).x.sub(x))).toBeLessThanOrEqual(1e-9);
      });
    });
  });

  test("float32 and float64 agree to 1e-4, and in float32 the wavefront and the loops to 1e-6", () => {
    scope(() =>
      noGrad(() => {
        const exact = flowOf(config);
        disturb(exact, 0.1);
        const single = flowOf(config, { dtype: "float32" });
        single.loadStateDict(exact.stateDict());
        const context = contextOf(lengths, positions);
        const x = inputOf(context, channels);
        const wide = exact.encode(x, context).y;
        const narrow = single.encode(x.to("float32"), context).y;
        expect(largest(narrow.to("float64").sub(wide))).toBeLessThanOrEqual(1e-4);
        const loops = encodeByLoops(single.steps, x.to("float32"), context).y;
        const front = encodeByWavefront(single.steps, x.to("float32"), context).y;
        expect(largest(front.sub(loops))).toBeLessThanOrEqual(1e-6 * Math.max(1, largest(loops)));
        expect(largest(single.decode(narrow, context).x.sub(x.to("float32")))).toBeLessThanOrEqual(1e-3);
      }),
    );
  });

  test("the first batch sets every ActNorm: what enters each map over time has mean 0 and variance 1", () => {
    scope(() =>
      noGrad(() => {
        const flow = flowOf(config);
        disturb(flow, 0.1);
        const context = contextOf(lengths, positions);
        const x = inputOf(context, channels).mul(3).add(2);
        const before: Tensor[] = [x];
        flow.encode(x, context.with({ initialising: true }));
        flow.encode(x, context.with({ trace: (where, y) => where.startsWith("step") && before.push(y) }));
        const { scale, bias } = flow.steps.weights();
        for (let step = 0; step < config.steps; step++) {
          const y = before[step].add(bias.select(0, step)).mul(scale.select(0, step));
          expect(largest(y.mean([0, 1]))).toBeLessThanOrEqual(1e-12);
          expect(largest(y.std([0, 1]).sub(1))).toBeLessThanOrEqual(1e-12);
        }
      }),
    );
  });
});

test("rows with pads and texts longer than the flow are refused", () => {
  scope(() => {
    const flow = flowOf(variants["RNN-AR"]);
    const context = contextOf([8, 6], 8);
    expect(() => flow.encode(inputOf(context, channels), context)).toThrow(/rows that all fill up to 8 positions/);
    const long = contextOf([9], 9);
    expect(() => flow.encode(inputOf(long, channels), long)).toThrow(/of 9/);
  });
});

test("for any K the flow is a Gaussian of x_t given the past: dz_t / dx_t does not depend on x_t", () => {
  scope(() =>
    noGrad(() => {
      const flow = flowOf(variants["RNN-AR"]);
      disturb(flow);
      const context = contextOf([positions], positions);
      const x = inputOf(context, channels);
      const t = 5;
      const at = (shift: number): Tensor => {
        const moved = x.clone();
        moved
          .slice(1, t, t + 1)
          .slice(2, 0, 1)
          .add_(shift);
        return flow.encode(moved, context).y.slice(1, t, t + 1);
      };
      const slope = at(1).sub(at(0));
      expect(largest(at(7).sub(at(6)).sub(slope))).toBeLessThanOrEqual(1e-12);
    }),
  );
});

test("the preset has the paper's size", () => {
  // Counted by formula, a step of C = 300, f = 512, T = 64: no model of 132 M parameters is made for it.
  const [C, f, T, K] = [300, 512, 64, 24];
  const maps = 4 * (2 * C * C + C);
  const mlpA = C * f + f + f * f + f + f * 2 * C + 2 * C;
  const mlpB = mlpA + f * f + f;
  const lstm = 4 * (8 * C * C + 8 * C + 2 * C);
  const step = 2 * C + T * T + T + maps + mlpA + mlpB + 2 * C * C + C + lstm;
  const small = flowOf({ ...variants["RNN-AR"], steps: 2 });
  const [c, h, t] = [channels, 6, positions];
  const smallA = c * h + h + h * h + h + h * 2 * c + 2 * c;
  const smallStep =
    2 * c + t * t + t + 4 * (2 * c * c + c) + 2 * smallA + h * h + h + 2 * c * c + c + 2 * (8 * c * c + 10 * c);
  expect(small.parameterCount()).toBe(2 * smallStep);
  expect(Math.round((K * step) / 1e6)).toBe(132);
});
