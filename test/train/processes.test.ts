import { expect, it } from "vitest";
import { PeerError, type ProcessGroup } from "../../src/torch/index.ts";
import { Processes } from "../../src/train/processes.ts";
import { microConfig, microModel, texts } from "./support.ts";

it("a step that fails in its backward pass throws that error, not the group's that comes after it", async () => {
  const unhandled: unknown[] = [];
  const onUnhandled = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", onUnhandled);
  const group = {
    rank: 0,
    size: 2,
    nextUse: () => 1,
    // Its connections end with the step.
    sum: () => Promise.reject(new PeerError("gone")),
    reducer: () => ({
      arm: () => {
        throw new Error("out of memory");
      },
      dispose: () => undefined,
    }),
  };
  const processes = new Processes(group as unknown as ProcessGroup);
  const model = microModel(microConfig({ accumulate: 1 }));
  const own = texts.slice(0, 2).map((text) => model.prepare(text));
  const wishes = { stop: undefined, checkpoint: false };
  const step = processes.stepGradients(model, { step: 1, indices: [0, 1], texts: own }, false, wishes);
  await expect(step).rejects.toThrow("out of memory");
  await new Promise((resolve) => setTimeout(resolve, 10));
  process.off("unhandledRejection", onUnhandled);
  expect(unhandled).toEqual([]);
  processes.dispose();
  model.dispose();
});
