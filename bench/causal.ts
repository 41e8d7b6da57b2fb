/**
 * Left-to-right flows beside a causal transformer language model of the same size: same texts, vocabulary, order of
 * batches, optimiser and steps. Prints a JSON line a model with parameters, held-out nats per token (for a flow the
 * bound, for the language model its exact cross-entropy) and seconds of processor time a step:
 *
 *     npx tsx bench/causal.ts --data lines.txt --steps 400 --models lm,codebook,gaussian
 *
 * `--costs` prints what one text of 16 positions costs, in processor seconds, for every causal preset with random words.
 */
import { UsageError } from "../src/base/errors.ts";
import { hashSeed, RandomStream } from "../src/base/random.ts";
import { readTexts } from "../src/corpora/index.ts";
import { type Config, type PreparedText, presetConfig, TextFlow } from "../src/flow/index.ts";
import { decodeLatents, encodeTexts, sampleTexts, scoreTexts } from "../src/generate/index.ts";
import { LanguageModel, languageModelNats } from "../src/lm/index.ts";
import { AdamW, clipGradientNorm, type Module, scheduleFactor } from "../src/nn/index.ts";
import { Vocabulary } from "../src/text/vocabulary.ts";
import { grad, scope, setThreads, type Tensor } from "../src/torch/index.ts";
import { stepGradients } from "../src/train/gradients.ts";
import { prepareModel } from "../src/train/prepare.ts";
import { demanded, positiveNumber, programOptions, wholeNumber } from "./options.ts";

const { values } = programOptions("--data FILE [--steps N] [--sigma S] [--models NAMES] | --costs", {
  options: {
    data: { type: "string" },
    steps: { type: "string", default: "400" },
    sigma: { type: "string", default: "0.25" },
    models: {
      type: "string",
      default: "lm,codebook,gaussian,gaussian+4,logistic,logistic-turn,tarflow,tarflow-codebook",
    },
    costs: { type: "boolean", default: false },
  },
});
const steps = wholeNumber("--steps", values.steps);
const sigma = positiveNumber("--sigma", values.sigma);
const models = values.models.split(",");

setThreads(1);

/** What each name changes in the preset small-ar. */
const flows: Readonly<Record<string, Partial<Config["flow"]>>> = {
  codebook: {},
  gaussian: { head: "gaussian" },
  "gaussian+4": { head: "gaussian", steps: 4 },
  logistic: { head: "logistic" },
  "logistic-turn": { head: "logistic", channelOrder: "autoregressive" },
  tarflow: { couplings: "tarflow", steps: 4, head: "gaussian" },
  "tarflow-codebook": { couplings: "tarflow", steps: 4 },
};

const known = ["lm", ...Object.keys(flows)];
const stranger = models.find((name) => !known.includes(name));
if (stranger !== undefined) throw new UsageError(`--models ${stranger}: expected some of ${known.join(",")}`);

function print(row: object): void {
  process.stdout.write(`${JSON.stringify(row)}\n`);
}

function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

const batchSize = 64;
const learningRate = 2e-3;

/** Minimises `lossOf` (nats per token of a batch) over shuffled batches; seconds of processor time a step. */
function fit(
  model: Module,
  texts: readonly PreparedText[],
  steps: number,
  lossOf: (batch: readonly PreparedText[], step: number) => Tensor,
): number {
  const optimiser = new AdamW(model.namedParameters(), { betas: [0.9, 0.98], weightDecay: 1e-4 });
  const stream = new RandomStream(2);
  let order = stream.shuffle(texts.map((_, index) => index));
  let cursor = 0;
  const start = processorSeconds();
  for (let step = 1; step <= steps; step++) {
    if (cursor + batchSize > order.length) {
      order = stream.shuffle(order);
      cursor = 0;
    }
    const batch = order.slice(cursor, cursor + batchSize).map((index) => texts[index]);
    cursor += batchSize;
    scope(() => {
      const gradients = grad([lossOf(batch, step)], model.parameters());
      clipGradientNorm(gradients, 1);
      const schedule = { kind: "cosine", warmupSteps: 50, totalSteps: steps, finalFactor: 0.02 } as const;
      optimiser.step(gradients, learningRate * scheduleFactor(schedule, step));
    });
  }
  return (processorSeconds() - start) / steps;
}

const tokensOf = (texts: readonly PreparedText[]): number => texts.reduce((sum, text) => sum + text.tokensCounted, 0);
const rounded = (value: number): number => Number(value.toPrecision(4));

async function compare(path: string, steps: number): Promise<void> {
  const small = presetConfig("small-ar");
  const lines = (await readTexts([path])).filter((line) => line.trim() !== "");
  if (lines.length < 1202)
    throw new UsageError(`${path}: ${lines.length} texts; expected at least 1202, of which 1200 are not learnt from`);
  const order = new RandomStream(1).shuffle(lines.map((_, index) => index));
  const [held, learned] = [order.slice(0, 600), order.slice(1200)].map((part) => part.map((index) => lines[index]));
  for (const name of models) {
    const config = {
      ...small,
      data: { ...small.data, sigma },
      flow: { ...small.flow, ...flows[name] },
    };
    const { model } = await prepareModel({ config, texts: learned });
    const texts = learned.map((text) => model.prepare(text));
    const heldOut = held.map((text) => model.prepare(text));
    if (name === "lm") {
      const { tokenizer, positions, dimensions } = config.data;
      const { hidden, deepLayers, heads } = config.flow;
      const shape = { width: hidden ?? dimensions, layers: deepLayers ?? 1, heads, dropout: 0 };
      const lm = new LanguageModel(
        { kind: "transformer", seed: 1, tokenizer, positions, dimensions, ...shape },
        model.vocabulary,
      );
      const secondsPerStep = fit(lm, texts, steps, (batch) =>
        lm
          .negLogLikelihood(batch.map(({ ids }) => ids))
          .sum()
          .div(tokensOf(batch)),
      );
      const nats = languageModelNats(
        lm,
        heldOut.map(({ ids }) => ids),
      ).reduce((sum, value) => sum + value, 0);
      print({
        model: name,
        parameters: lm.parameterCount(),
        natsPerToken: rounded(nats / tokensOf(heldOut)),
        secondsPerStep: rounded(secondsPerStep),
      });
      lm.dispose();
    } else {
      const secondsPerStep = fit(model, texts, steps, (batch, step) => {
        const whole = model.batch(batch);
        const noise = model.drawNoise(
          whole,
          batch.map((_, index) => hashSeed(step, index)),
        );
        return model.flow.logDensity(model.points(whole, noise), whole.context).sum().div(-tokensOf(batch));
      });
      const nats = scoreTexts(model, heldOut, { seed: 1 }).reduce((sum, { nelbo }) => sum + nelbo, 0);
      print({
        model: name,
        sigma: config.data.sigma,
        parameters: model.parameterCount(),
        natsPerToken: rounded(nats / tokensOf(heldOut)),
        secondsPerStep: rounded(secondsPerStep),
      });
    }
    model.dispose();
  }
}

function costs(): void {
  for (const [preset, size] of [
    ["tiny-ar", 2000],
    ["small-ar", 5000],
    ["riverrun-ar", 10_000],
    ["small-tarflow", 5000],
    ["riverrun-tarflow", 10_000],
  ] as const) {
    const config = presetConfig(preset);
    const words = Array.from({ length: size - 4 }, (_, index) => `w${index}`);
    const vocabulary = Vocabulary.build([words]);
    const stream = new RandomStream(1);
    const table = Float32Array.from({ length: vocabulary.size * config.data.dimensions }, () => stream.normal());
    const model = TextFlow.build({ config, vocabulary, table, positionCounts: [16] });
    const texts = Array.from({ length: 16 }, (_, row) =>
      model.prepare(
        Array.from({ length: 15 }, (_unused, place) => words[(row * 97 + place * 31) % words.length]).join(" "),
      ),
    );
    const perText = (body: () => unknown): number => {
      const start = processorSeconds();
      body();
      return rounded((processorSeconds() - start) / texts.length);
    };
    const latents = encodeTexts(model, texts);
    const indices = texts.map((_, index) => index);
    print({
      preset,
      words: vocabulary.size,
      parameters: model.parameterCount(),
      step: perText(() => scope(() => void stepGradients(model, { step: 1, indices, texts }, false))),
      score: perText(() => scoreTexts(model, texts, { seed: 1 })),
      encode: perText(() => encodeTexts(model, texts)),
      decode: perText(() => decodeLatents(model, latents)),
      sample: perText(() => sampleTexts(model, { count: texts.length, seed: 1 })),
    });
    model.dispose();
  }
}

if (values.costs) costs();
else await compare(demanded("--data FILE, or --costs", values.data), steps);
