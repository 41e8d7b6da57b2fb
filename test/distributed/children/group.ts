/** One of several processes that call each collective once; prints what came of it as JSON. */

import { membershipOf } from "../../../src/torch/distributedEnvironment.ts";
import { grad, noGrad, PeerError, ProcessGroup, scope, tensor } from "../../../src/torch/index.ts";

const membership = membershipOf(process.env);
if (!membership) throw new Error("expected to be one of several");
const group = await ProcessGroup.join(membership, "cpu", 30);
const { rank, size } = group;

let turns = 0;
const turning = setInterval(() => turns++, 5);
if (rank === 1) await new Promise((resolve) => setTimeout(resolve, 400));
const [sum, product] = await group.sum([rank + 1, 10 * rank]);
clearInterval(turning);

const text = await group.broadcastText(rank === 0 ? "déjà vu €" : "not this");
if (rank === 1) await group.set("word", "from 1");
const word = await group.get("word", 10);
const nothing = await group.get("never", 0);

// Parameters of odd sizes; the last takes no part, the first two in every pass.
const parameters = [
  [1, 2, 3],
  [4, 5],
  [6, 7, 8, 9, 10],
].map((values) => tensor(values, [values.length], { dtype: "float64" }).setRequiresGrad());
const reducer = group.reducer(parameters, 64);
const steps: number[][][] = [];
const beside: number[][] = [];
for (let step = 0; step < 2; step++) {
  for (const pass of [0, 1]) {
    reducer.arm(pass === 0, pass === 1);
    if (pass === 1) reducer.sumBeside([rank + 1, step]);
    scope(() => {
      const factor = (rank + 1) * (pass + 1) * (step + 1);
      const objective = parameters[0].square().sum().mul(factor).add(parameters[1].sum().mul(factor));
      grad([objective], parameters, { allowUnused: true });
    });
  }
  beside.push(await reducer.finish());
  const gradients = reducer.gradients();
  steps.push(gradients.map((gradient) => gradient.toNumbers()));
  noGrad(() => {
    for (const gradient of gradients) gradient.add_(1000); // Somebody's work on them must not reach the next step.
  });
  for (const gradient of gradients) gradient.dispose();
}
const { buckets } = reducer;

// The last goes without a word; the others learn of it.
async function lossIn(answer: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await answer();
    return undefined;
  } catch (error) {
    return error instanceof PeerError ? error.message : undefined;
  }
}
if (rank === size - 1) process.kill(process.pid, "SIGKILL");
reducer.arm(true, true);
const lostGradients = await lossIn(async () => {
  scope(() => void grad([parameters[0].sum()], parameters, { allowUnused: true }));
  await reducer.finish();
});
const lost = await lossIn(() => group.sum([1]));
reducer.dispose();
process.stdout.write(
  `${JSON.stringify({ sum, product, turns, text, word, nothing: nothing ?? null, steps, beside, buckets, lostGradients, lost })}\n`,
);
