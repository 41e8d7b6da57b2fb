import { expect, it } from "vitest";
import { backward, grad, noGrad, ones, scope, type Tensor, tensor, zeros } from "../../src/torch/index.ts";
import { errorOf } from "./support.ts";

const f64 = { dtype: "float64" } as const;
const leaf = (values: number[], shape?: number[]): Tensor => tensor(values, shape, f64).setRequiresGrad();

it("differentiates a scalar", () => {
  scope(() => {
    const x = leaf([1, 2, 3]);
    const [g] = grad([x.mul(x).mul(x).sum()], [x]);
    expect(g.toNumbers()).toEqual([3, 12, 27]);
  });
});

it("computes a vector-Jacobian product", () => {
  scope(() => {
    const x = leaf([1, 2]);
    const a = tensor([1, 2, 3, 4, 5, 6], [3, 2], f64);
    const y = a.matmul(x);
    const v = tensor([1, 10, 100], [3], f64);
    expect(grad([y], [x], { gradOutputs: [v] })[0].toNumbers()).toEqual([1 + 30 + 500, 2 + 40 + 600]);
  });
});

it("computes second derivatives", () => {
  scope(() => {
    const x = leaf([0.5, -1.5]);
    const [first] = grad([x.sin().sum()], [x], { createGraph: true });
    const [second] = grad([first.sum()], [x]);
    const values = second.toNumbers();
    expect(values[0]).toBeCloseTo(-Math.sin(0.5), 14);
    expect(values[1]).toBeCloseTo(Math.sin(1.5), 14);
  });
});

it("keeps the graph when asked and says so when it is gone", () => {
  scope(() => {
    const x = leaf([2]);
    const y = x.mul(x).sum();
    expect(grad([y], [x], { retainGraph: true })[0].item()).toBe(4);
    expect(grad([y], [x])[0].item()).toBe(4);
    expect(errorOf(() => grad([y], [x])).message).toMatch(/^grad: .*second time/);
  });
});

it("gives null for unused inputs when allowed and refuses them otherwise", () => {
  scope(() => {
    const [x, unused] = [leaf([1]), leaf([1])];
    const y = x.mul(3).sum();
    expect(errorOf(() => grad([y], [x, unused], { retainGraph: true })).message).toMatch(/not have been used/);
    const [gx, gu] = grad([y], [x, unused], { allowUnused: true });
    expect(gx?.item()).toBe(3);
    expect(gu).toBeNull();
  });
});

it("refuses outputs without a graph and a wrong number of gradients", () => {
  scope(() => {
    const x = leaf([1, 2]);
    expect(errorOf(() => grad([zeros([1])], [x])).code).toBe("ERR_TORCH");
    expect(errorOf(() => grad([x.mul(2)], [x])).message).toMatch(/scalar/);
    expect(errorOf(() => grad([x.mul(2)], [x], { gradOutputs: [] })).message).toMatch(/1 outputs need as many/);
  });
});

it("accumulates gradients on leaves until they are cleared", () => {
  scope(() => {
    const x = leaf([1, 2]);
    expect(x.grad).toBeNull();
    backward(x.mul(3).sum());
    backward(x.mul(4).sum());
    expect(x.grad?.toNumbers()).toEqual([7, 7]);
    x.clearGrad();
    expect(x.grad).toBeNull();
    backward(x.mul(2), { gradOutputs: [ones([2], f64)] });
    expect(x.grad?.toNumbers()).toEqual([2, 2]);
  });
});

it("keeps what the graph needs although the scope has freed its handles", () => {
  const x = leaf([1, 2, 3]);
  const loss = scope(() => x.exp().mul(x).sum());
  scope(() => {
    const [g] = grad([loss], [x]);
    const expected = [1, 2, 3].map((v) => Math.exp(v) * (1 + v));
    g.toNumbers().forEach((value, i) => expect(value).toBeCloseTo(expected[i], 10));
  });
  loss.dispose();
  x.dispose();
});

it("records nothing under noGrad and restores the state, also when the body throws", () => {
  scope(() => {
    const x = leaf([1]);
    expect(noGrad(() => x.mul(2)).requiresGrad).toBe(false);
    expect(() =>
      noGrad(() => {
        throw new Error("body");
      }),
    ).toThrow("body");
    expect(x.mul(2).requiresGrad).toBe(true);
    noGrad(() => {
      noGrad(() => x.mul(2));
      expect(x.mul(2).requiresGrad).toBe(false);
    });
    expect(x.mul(2).requiresGrad).toBe(true);
    expect(() => noGrad(async () => x)).toThrow(/must be synchronous/);
    expect(x.mul(2).requiresGrad).toBe(true);
    expect(x.mul(2).detach().requiresGrad).toBe(false);
  });
});
