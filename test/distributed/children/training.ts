/** One of several processes of a training of the smallest flow: folder, steps, validateEvery, new or resume, precisions. */
import { messageOf } from "../../../src/base/errors.ts";
import { membershipOf } from "../../../src/torch/distributedEnvironment.ts";
import { ProcessGroup } from "../../../src/torch/index.ts";
import { train } from "../../../src/train/index.ts";
import { tinyOptions } from "../trainings.ts";

const [out, steps, validateEvery, resume, ...precisions] = process.argv.slice(2);
const membership = membershipOf(process.env);
const group = membership && (await ProcessGroup.join(membership, "cpu", 30));
try {
  for (const precision of precisions) {
    const { model, exitCode } = await train({
      ...tinyOptions(`${out}-${precision}`, Number(steps), precision, Number(validateEvery)),
      resume: resume === "resume",
      signals: true,
      group,
      log: (line) => process.stderr.write(`${line}\n`),
      onEveryStep: ({ step }) => process.stderr.write(`at step ${step}\n`),
    });
    model.dispose();
    process.exitCode = exitCode;
  }
  await group?.leave();
} catch (error) {
  process.stderr.write(`failed: ${messageOf(error)}\n`);
  process.exitCode = 1;
}
