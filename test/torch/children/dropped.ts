/** Drops tensors outside any scope and lets the garbage collector run: {most, after} live tensors. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { memory, scope, zeros } from "../../../src/torch/index.ts";

function drop(): number {
  for (let i = 0; i < 400; i++) zeros([100]);
  const escaped = scope(() => Array.from({ length: 100 }, () => zeros([10]).keep()));
  return escaped.length && memory().liveTensors;
}

const most = drop();
for (let turn = 0; turn < 100 && memory().liveTensors > 0; turn++) {
  globalThis.gc?.();
  await nextTurn();
}
process.stdout.write(`${JSON.stringify({ most, after: memory().liveTensors })}\n`);
