/**
 * Trains presets in float32 and in bf16 with the same seed, and writes a page of what is different:
 *
 *     npm run build && npx tsx bench/bf16.ts --data lines.txt --runs runs/bf16 --out docs/results
 *
 * The page (bf16.md, .html, .json and its figures) holds both loss curves, their difference, held-out likelihoods, the
 * likelihood of the same weights in both precisions on --texts lines of the data, and how near latents in bf16 come back to
 * their points. Trainings that stand in --runs are finished or read, not begun again. --presets takes NAME:STEPS or
 * NAME:STEPS:BATCH.
 */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as Plot from "@observablehq/plot";
import { makeDirectory } from "../src/base/atomicFile.ts";
import { RiverrunError } from "../src/base/errors.ts";
import { readTexts } from "../src/corpora/index.ts";
import {
  type Block,
  colours,
  heading,
  list,
  paragraph,
  svgOf,
  tableOf,
  writePage,
} from "../src/experiments/document.ts";
import { machine } from "../src/experiments/machine.ts";
import { loadModel, type TextFlow } from "../src/flow/index.ts";
import { scoreTexts } from "../src/generate/index.ts";
import type { NetworkPrecision } from "../src/nn/index.ts";
import { noGrad, scope, setThreads } from "../src/torch/index.ts";
import { readMetrics } from "../src/train/metricsLog.ts";
import { versions } from "../src/train/versions.ts";
import { demanded, programOptions, wholeNumber } from "./options.ts";

const { values } = programOptions(
  "--data FILE [--runs DIR] [--out DIR] [--presets NAME:STEPS[:BATCH],...] [--seed N] [--texts N]",
  {
    options: {
      data: { type: "string" },
      runs: { type: "string", default: "runs/bf16" },
      out: { type: "string", default: "docs/results" },
      presets: { type: "string", default: "small:300,small-ar:300" },
      seed: { type: "string", default: "1" },
      texts: { type: "string", default: "512" },
    },
  },
);
const data = demanded("--data FILE, one text a line", values.data);
const [seed, mostTexts] = [wholeNumber("--seed", values.seed, 0), wholeNumber("--texts", values.texts)];
const program = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
setThreads(1);

/** What is trained. */
interface Task {
  readonly preset: string;
  readonly steps: string;
  readonly batch: string | undefined;
}

function trainingArguments({ preset, steps, batch }: Task, precision: NetworkPrecision, runs = values.runs): string[] {
  return [
    ...["train", "--preset", preset, "--seed", values.seed, "--precision", precision, "--threads", "1"],
    ...["--data", data, "--out", join(runs, `${preset}-${precision}`)],
    ...["--set", `train.maxSteps=${steps}`, "--set", "train.logEvery=1", "--set", "train.validateEvery=100"],
    ...(batch === undefined ? [] : ["--set", `train.batchSize=${batch}`]),
  ];
}

/** What a training logged. */
interface Run {
  readonly losses: readonly number[];
  readonly heldOut: number;
  readonly seconds: number;
}

function runOf(task: Task, precision: NetworkPrecision): Run {
  const ended = spawnSync(process.execPath, [program, ...trainingArguments(task, precision), "--resume"], {
    encoding: "utf8",
  });
  if (ended.status !== 0)
    throw new RiverrunError(`the training ended with ${ended.status}: ${ended.stderr.slice(-500)}`);
  const rows = readMetrics(join(values.runs, `${task.preset}-${precision}`, "metrics.jsonl"));
  const training = rows.filter(({ split }) => split === "training");
  return {
    losses: training.map(({ nelboPerToken }) => Number(nelboPerToken)),
    heldOut: Number(rows.filter(({ split }) => split === "validation").at(-1)?.nelboPerToken),
    seconds: Number(training.at(-1)?.wall),
  };
}

/** Nats per token of the same weights and texts, and the largest error of points that became latents and came back. */
function both(model: TextFlow, texts: readonly string[]): Record<NetworkPrecision, { nats: number; error: number }> {
  const prepared = texts.map((text) => model.prepare(text));
  const tokens = prepared.reduce((sum, { tokensCounted }) => sum + tokensCounted, 0);
  const inIt = (precision: NetworkPrecision): { nats: number; error: number } =>
    model.withNetworks(precision, () => {
      const nats = scoreTexts(model, prepared, { seed: 1 }).reduce((sum, { nelbo }) => sum + nelbo, 0) / tokens;
      const error = noGrad(() =>
        scope(() => {
          const batch = model.batch(prepared.slice(0, 64));
          const points = model.points(batch);
          const back = model.decode(model.encode(batch), batch.context);
          return back.sub(points).abs().amax().item();
        }),
      );
      return { nats, error };
    });
  return { float32: inIt("float32"), bf16: inIt("bf16") };
}

const tasks = values.presets.split(",").map((text): Task => {
  const [preset, steps = "300", batch] = text.split(":");
  return { preset, steps, batch };
});
const texts = (await readTexts([data])).slice(0, mostTexts);
const blocks: Block[] = [];
const date = new Date().toISOString().slice(0, 10);
const record: Record<string, unknown> = { date, seed, machine: machine(), versions: versions() };
const rows: string[][] = [];
for (const task of tasks) {
  const { preset } = task;
  const [single, low] = [runOf(task, "float32"), runOf(task, "bf16")];
  const model = loadModel(join(values.runs, `${preset}-float32`));
  const same = both(model, texts);
  model.dispose();
  const differences = low.losses.map((loss, index) => loss / single.losses[index] - 1);
  const worst = Math.max(...differences.map(Math.abs));
  const percent = (share: number): string => `${(100 * share).toFixed(3)} %`;
  record[preset] = { float32: single, bf16: low, largestRelativeDifference: worst, sameWeights: same };
  rows.push([
    preset,
    percent(worst),
    single.heldOut.toFixed(4),
    low.heldOut.toFixed(4),
    percent(low.heldOut / single.heldOut - 1),
    percent(same.bf16.nats / same.float32.nats - 1),
    same.float32.error.toExponential(1),
    same.bf16.error.toExponential(1),
  ]);
  const points = [single, low].flatMap(({ losses }, index) =>
    losses.map((loss, at) => ({ step: at + 1, loss, name: ["float32", "bf16"][index] })),
  );
  const frame = { height: 260, marginLeft: 60 } as const;
  const curves = svgOf(
    {
      ...frame,
      y: { label: "nats per token of the step's batch" },
      color: { domain: ["float32", "bf16"], range: colours.slice(0, 2), legend: false },
      marks: [
        Plot.line(points, { x: "step", y: "loss", stroke: "name", strokeWidth: 1.6 }),
        ...["float32", "bf16, drawn over it"].map((name, index) =>
          Plot.text([name], {
            text: [name],
            frameAnchor: "top-right",
            dx: -8,
            dy: 8 + 16 * index,
            fill: colours[index],
          }),
        ),
      ],
    },
    `${preset}: nats per token over the steps in float32 and bf16`,
  );
  const difference = svgOf(
    {
      ...frame,
      y: { label: "bf16 / float32 - 1, per cent" },
      marks: [
        Plot.ruleY([0]),
        Plot.line(differences, {
          x: (_, index: number) => index + 1,
          y: (share: number) => 100 * share,
          stroke: colours[1],
        }),
      ],
      x: { label: "step" },
    },
    `${preset}: relative difference of the loss in bf16 from that in float32`,
  );
  blocks.push(
    heading(preset),
    {
      kind: "figure",
      name: `bf16-${preset}.svg`,
      svg: curves,
      caption: `${preset}: the loss of every step, in both precisions`,
    },
    {
      kind: "figure",
      name: `bf16-${preset}-difference.svg`,
      svg: difference,
      caption: `${preset}: bf16 over float32, less 1`,
    },
  );
}
const commands = tasks.flatMap((task) =>
  (["float32", "bf16"] as const).map(
    (precision) => `\`riverrun ${trainingArguments(task, precision, "runs/bf16").join(" ")}\``,
  ),
);
makeDirectory(values.out);
writePage(values.out, "bf16", record, {
  title: "bf16 beside float32",
  lead: `${date}, ${machine()}, one thread: trainings from the same seed, in float32 and in bf16. Made by \`npx tsx bench/bf16.ts --data ${data} --presets ${values.presets}\`.`,
  blocks: [
    paragraph("The trainings:"),
    list(commands),
    paragraph(
      `Held-out figures are nats per token, scored in float32 in both trainings. "Same weights scored in bf16" is the likelihood of the model trained in float32 in bf16 over that in float32, less 1, on the first ${values.texts} lines of the data. A round trip is the largest error of a coordinate when points of 64 texts become latents and come back.`,
    ),
    tableOf(
      [
        "preset",
        "largest difference of a step's loss",
        "held out, trained in float32",
        "held out, trained in bf16",
        "difference",
        "same weights scored in bf16",
        "round trip in float32",
        "round trip in bf16",
      ],
      rows,
    ),
    ...blocks,
  ],
});
