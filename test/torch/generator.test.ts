import { afterAll, expect, it } from "vitest";
import { Generator, rand, randint, randn, randperm, scope } from "../../src/torch/index.ts";
import { errorOf } from "./support.ts";

const made: Generator[] = [];
function generator(seed: number | bigint): Generator {
  const one = new Generator(seed);
  made.push(one);
  return one;
}
afterAll(() => {
  for (const one of made) one.dispose();
});
const draw = (g: Generator, n = 37): number[] => scope(() => randn([n], g, { dtype: "float64" }).toNumbers());

it("gives the same numbers for the same seed and others for another", () => {
  expect(draw(generator(7))).toEqual(draw(generator(7)));
  expect(draw(generator(7))).not.toEqual(draw(generator(8)));
  const g = generator(7);
  const first = draw(g);
  expect(draw(g)).not.toEqual(first);
  expect(draw(g.reseed(7))).toEqual(first);
});

it("goes on from a saved state bit for bit, in the middle of a stream", () => {
  const g = generator(1);
  draw(g, 1);
  const state = g.state();
  const expected = [draw(g, 5), draw(g, 100)];
  const other = generator(2).restore(state);
  expect([draw(other, 5), draw(other, 100)]).toEqual(expected);
  expect([draw(g.restore(state), 5), draw(g, 100)]).toEqual(expected);
});

it("takes seeds up to 2^64 - 1 and tells them apart", () => {
  const seeds = [0, 2 ** 31, 2n ** 32n, 2n ** 63n, 2n ** 64n - 1n, 5n];
  const streams = seeds.map((seed) => draw(generator(seed), 4).join());
  expect(streams[5]).toBe(draw(generator(5), 4).join());
  expect(new Set(streams.slice(0, 2)).size).toBe(2);
  for (const seed of [-1, 1.5, Number.NaN, 2 ** 60, -1n, 2n ** 64n]) {
    expect(errorOf(() => generator(seed)).message).toMatch(/seed/);
  }
});

it("refuses bytes that are no state and goes on as before", () => {
  const g = generator(3);
  const state = g.state();
  const expected = draw(g);
  g.restore(state);
  for (const bytes of [new Uint8Array(0), new Uint8Array(10), state.slice(1), new Uint8Array(state.length)]) {
    expect(errorOf(() => g.restore(bytes)).code).toBe("ERR_TORCH");
  }
  expect(draw(g)).toEqual(expected);
});

it("draws from the stated distributions", () => {
  const g = generator(11);
  scope(() => {
    const normal = randn([20_000], g, { dtype: "float64" });
    expect(Math.abs(normal.mean().item())).toBeLessThan(0.03);
    expect(Math.abs(normal.std(0).item() - 1)).toBeLessThan(0.03);
    const uniform = rand([20_000], g);
    expect(uniform.amin().item()).toBeGreaterThanOrEqual(0);
    expect(uniform.amax().item()).toBeLessThan(1);
    const integers = randint(2, 5, [1000], g);
    expect(integers.dtype).toBe("int64");
    expect(new Set(integers.toNumbers())).toEqual(new Set([2, 3, 4]));
    expect(
      randperm(50, g)
        .toNumbers()
        .toSorted((a, b) => a - b),
    ).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });
});

it("says so when a disposed generator is used", () => {
  const g = new Generator(1);
  g.dispose();
  g.dispose();
  expect(errorOf(() => draw(g)).code).toBe("ERR_USE_AFTER_FREE");
  expect(errorOf(() => g.state()).message).toMatch(/generator was already disposed/);
});
