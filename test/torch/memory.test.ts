import { expect, it } from "vitest";
import { memory, scope, trimMemory, zeros } from "../../src/torch/index.ts";
import { resultOf, runChild } from "./support.ts";

it("stays flat over 1,000 training-like steps", () => {
  const { warm, end, live } = resultOf(runChild("steps", { args: ["1000"] })) as Record<string, number>;
  expect(live).toBe(0);
  expect(Math.abs(end - warm) / warm).toBeLessThan(0.05);
});

it("works with the system's allocator, and gives the same numbers", () => {
  const run = (allocator: string) =>
    resultOf(runChild("steps", { args: ["30"], env: { RIVERRUN_ALLOCATOR: allocator } })) as Record<string, unknown>;
  const [system, caching] = [run("system"), run("caching")];
  expect([system.allocator, caching.allocator]).toEqual(["system", "caching"]);
  expect(system.losses).toEqual(caching.losses);
  expect(system.live).toBe(0);
});

it("takes freed blocks again, keeps no more than its limit, and gives them back on request", () => {
  const start = memory().allocator;
  const use = (elements: number): void =>
    scope(() => {
      zeros([elements]);
    });
  use(1_000_003);
  const once = memory().allocator;
  for (let i = 0; i < 20; i++) use(1_000_003 - i);
  const many = memory().allocator;
  expect(many).toMatchObject({ usedBytes: start.usedBytes, cachedBytes: once.cachedBytes });
  expect(many.cachedBytes).toBeGreaterThanOrEqual(4_000_012);
  expect(many.cachedBytes).toBeLessThanOrEqual(many.cacheLimitBytes);
  expect(many.peakBytes).toBeGreaterThanOrEqual(start.usedBytes + 4_000_012);
  trimMemory();
  expect(memory().allocator.cachedBytes).toBe(0);
});

it("accounts for blocks of every size and frees them all", () => {
  const before = memory().allocator.usedBytes;
  scope(() => {
    let asked = 0;
    for (let size = 1; size < 6_000_000; size = Math.ceil(size * 1.37)) {
      const t = zeros([size], { dtype: "uint8" });
      expect(t.sum().item()).toBe(0);
      t.fill_(1);
      asked += size;
      if (size % 8 === 0) expect(t.sum().item()).toBe(size);
    }
    const used = memory().allocator.usedBytes - before;
    expect(used).toBeGreaterThan(asked);
    expect(used).toBeLessThan(asked * 1.125 + 100 * 256 * 4);
  });
  expect(memory().allocator.usedBytes).toBe(before);
});
