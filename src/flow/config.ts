/**
 * The configuration of a model: everything that its folder's config.json states. Unknown keys are errors, so that a
 * misspelt key cannot silently leave a default in place.
 */
import { z } from "zod";
import { UsageError } from "../base/errors.ts";
import { precisions } from "../nn/index.ts";
import { tokenizerNames } from "../text/tokenizer-names.ts";

const positive = z.int().positive();
/** Sizes have generous bounds, so that a damaged file cannot ask for more memory than any machine has. */
const size = (most: number): z.ZodInt => z.int().positive().max(most);
const share = z.number().min(0).max(1);
/** What stands as 1 - x in a divisor, or would keep everything as it was for ever. */
const belowOne = z.number().min(0).lt(1);
/** What a model computes with has them too: beyond, float32 overflows, and the program would speak of damaged weights. */
const between = (least: number, most: number): z.ZodNumber => z.number().min(least).max(most);

/** How text becomes points: tokens, table, noise (spec of the continuous input). */
const dataSchema = z.strictObject({
  tokenizer: z
    .enum([...tokenizerNames, "wordpiece"])
    .describe("wordpiece goes with the folder of a BERT-family model as word vectors"),
  minCount: positive.describe("words seen less often than this in the training text become <unk>"),
  maxVocabulary: size(10_000_000).describe("most word types kept, specials included"),
  dimensions: size(8192).describe("D, channels of a token's vector"),
  positions: size(8192).describe("T, most counted positions of a text; a longer one is cut"),
  fixedLength: z
    .boolean()
    .describe("true: every text fills T positions with <sos> ... <eos> <pad>...; false: masks and a length model"),
  sigma: between(1e-6, 1e3).describe("standard deviation of the noise added to every vector"),
  scale: between(1e-6, 1e3).describe("standard deviation the table is scaled to, before noise"),
  clip: between(1e-6, 1e6).nullable().describe("entries of the scaled table are clipped to [-clip, clip]"),
});

/** How word vectors are trained where none are given. */
const vectorsSchema = z.strictObject({
  window: size(10_000).describe("words to each side of a word whose co-occurrences with it are counted"),
  iterations: positive.describe("passes over the co-occurrences"),
  xMax: between(1e-6, 1e12).describe("x of GloVe's weight of a co-occurrence count, min(1, (count / x)^0.75)"),
  learningRate: between(1e-12, 1e3).describe("of AdaGrad"),
});

/** The bijection. */
const flowSchema = z.strictObject({
  levels: size(10).describe("L, blocks of the multi-scale flow; T must be divisible by 2^L"),
  steps: z.int().min(0).max(512).describe("K, flow steps in each block; causal: couplings in front of the head"),
  layout: z.enum(["paper", "wide"]).describe("where blocks squeeze and split"),
  couplings: z
    .enum(["time", "channel", "alternating", "autoregressive", "bilstm", "causal", "tarflow"])
    .describe(
      "dimension that linear maps mix and couplings split; alternating takes both in turn; autoregressive: causal steps instead of couplings; bilstm: the Bi-LSTM density baseline, K layers and no coupling; causal: left to right, channel couplings and a head; tarflow: affine causal blocks in alternating order",
    ),
  family: z
    .enum(["paper", "riverrun"])
    .describe(
      "paper: PLU maps, contiguous halves, sigmoid scales, no masks; riverrun: prefix-invertible LU, soft clip",
    ),
  network: z.enum(["attention", "lstm"]).describe("network inside a coupling"),
  hidden: size(16_384)
    .nullable()
    .describe("width of the couplings' networks, or of the autoregressive cells' MLPs; null: the width of their input"),
  layers: size(128).describe("transformer blocks or LSTM layers in a network"),
  heads: size(1024).describe("attention heads"),
  positionEncoding: z
    .enum(["none", "sinusoidal", "learned"])
    .describe("what tells the attention of a network where a position stands"),
  acContext: z
    .enum(["c", "none"])
    .describe("what the network of an autoregressive step reads beside its input: its own context c, or nothing"),
  alpha: between(-50, 50).describe("offset of the sigmoid scale map, s = sigmoid(l + alpha)"),
  softClip: between(1e-6, 50).describe("c of the soft-clipped scale map, ln s = c tanh(a / c)"),
  head: z
    .enum(["none", "gaussian", "codebook", "logistic"])
    .describe(
      "density of a position given its past in causal and tarflow: a Gaussian a channel, a mixture over the codebook's words, a mixture of logistics a channel; none elsewhere",
    ),
  components: size(1024).describe("logistics of a channel in the logistic head"),
  channelOrder: z
    .enum(["independent", "autoregressive"])
    .describe("whether a channel of the logistic head reads the channels before it"),
  deepLayers: size(128)
    .nullable()
    .describe("transformer blocks of the causal network next to the latents; null: as many as flow.layers"),
  dropout: belowOne.describe("dropout inside the couplings' networks"),
});

/** Learning. */
const trainSchema = z.strictObject({
  maxSteps: positive.describe("steps after which the training ends"),
  batchSize: positive.describe("texts in a step, over all processes"),
  accumulate: positive.describe("parts a step's batch is computed in, to save memory"),
  bucket: positive.describe("batches that are sorted by length together"),
  precision: z
    .enum(precisions)
    // Folders that were written before there was a choice.
    .default("float32")
    .describe("float32, float64, or bf16: products inside the networks of bfloat16 numbers, all else in float32"),
  recompute: z
    .boolean()
    .default(false)
    .describe(
      "keep of every transformer block its input alone and compute the rest again for the gradient: less memory, a third more work",
    ),
  optimiser: z.enum(["adam", "adamw", "sgd"]).describe("rule of a step"),
  learningRate: z.number().positive().describe("the largest learning rate of the schedule"),
  betas: z.tuple([belowOne, belowOne]).describe("decays of the two moments of adam and adamw"),
  momentum: belowOne.describe("of sgd"),
  weightDecay: between(0, 1e3).describe("of adamw apart from the gradient, in the others part of it"),
  schedule: z
    .enum(["constant", "cosine", "linear"])
    .describe("way of the learning rate after the warm-up, down to finalFactor"),
  warmupSteps: z.int().min(0).describe("steps in which the learning rate rises from 0 in proportion"),
  finalFactor: share.describe("learning rate at the end, as a factor of learningRate"),
  clipNorm: z.number().positive().nullable().describe("longer gradients are scaled to this norm; null: none are"),
  ema: belowOne.describe("decay of the averaged weights that are validated and saved as the model; 0: none"),
  validateEvery: positive.describe("steps between validations"),
  checkpointEvery: positive.describe("steps between checkpoints"),
  logEvery: positive.describe("steps between lines of metrics.jsonl"),
  patience: z.int().min(0).describe("validations without improvement before stopping; 0: never"),
  validationTexts: positive.describe("most held-out texts scored at a validation"),
});

/** Language Flow+: a decoder that says the words of noisy latents, on top of a flow that was trained before. */
const attentionDecoderSchema = z.strictObject({
  width: size(16_384).describe("W, units of each LSTM layer and channels of the attention's keys"),
  layers: size(128).describe("LSTM layers"),
  positionEncoding: z
    .enum(["none", "learned"])
    .describe("what tells the attention where a latent stands; none: only what it holds, as in the paper"),
  dropout: belowOne.describe("between the layers and before the logits"),
  noiseVariance: between(0, 1e6).describe("variance of the noise on the latents in training"),
  beam: size(1024).describe("hypotheses of a text"),
  minTokens: z.int().min(0).describe("a text may not end before it has this many words"),
  flowTrain: trainSchema.describe("how the flow is trained, where none is given; train is the decoder's training"),
});

/** Latents to words. */
const generateSchema = z.strictObject({
  decoder: z
    .enum(["bayes", "cosine"])
    .describe(
      "word of a point: the likeliest one given the noise and the words' frequencies, or the one at the smallest angle",
    ),
  kappa: between(1e-6, 1e6).describe("inverse temperature of the cosine rule"),
  temperature: between(1e-6, 1e6).describe("of samples, where --temperature says no other"),
});

const reportSchema = z.strictObject({
  d: positive.describe("bins a unit interval is said to have in the paper's bits per dimension"),
});

/** The whole configuration. */
export const configSchema = z.strictObject({
  preset: z.string().describe("a name for the reader; a preset is taken by --preset"),
  seed: z.int().min(0).describe("of weights, order, noise, dropout and which texts are held out"),
  data: dataSchema,
  vectors: vectorsSchema,
  flow: flowSchema,
  train: trainSchema,
  attentionDecoder: attentionDecoderSchema
    .optional()
    .describe("absent: the words of a text are those nearest to its points"),
  generate: generateSchema,
  report: reportSchema,
});

/** A checked configuration. */
export type Config = z.infer<typeof configSchema>;
export type DataConfig = Config["data"];
export type FlowConfig = Config["flow"];
export type TrainConfig = Config["train"];
export type AttentionDecoderConfig = NonNullable<Config["attentionDecoder"]>;

/** Whether a flow is made of causal networks, which are as wide as `flow.hidden` says or as a whole vector. */
function isCausal({ couplings }: FlowConfig): boolean {
  return couplings === "causal" || couplings === "tarflow";
}

/** What causal flows and their heads need. */
function headProblems({ data, flow }: Config): string[] {
  const problems: string[] = [];
  const causal = isCausal(flow);
  if (causal !== (flow.head !== "none")) {
    problems.push(
      `flow.head: "${flow.head}" does not go with flow.couplings "${flow.couplings}": causal and tarflow have a head, the others "none"`,
    );
  }
  if (flow.couplings !== "causal" && flow.steps === 0) {
    problems.push('flow.steps: expected at least 1; only flow.couplings "causal" works without a step');
  }
  if (!causal) return problems;
  if (flow.family !== "riverrun" || data.fixedLength || flow.levels !== 1 || flow.network !== "attention") {
    problems.push(
      `flow.couplings: ${flow.couplings} is of family riverrun with data.fixedLength false, levels 1 and network attention, got ${flow.family}, ${data.fixedLength}, ${flow.levels} and ${flow.network}`,
    );
  }
  if ((flow.hidden ?? data.dimensions) % flow.heads !== 0) {
    problems.push(`flow.heads: ${flow.heads} heads do not divide the width ${flow.hidden ?? data.dimensions}`);
  }
  if (flow.couplings === "tarflow" && flow.head === "logistic") {
    problems.push('flow.head: tarflow ends in "gaussian" or "codebook"');
  }
  return problems;
}

/** Keys that the paper's couplings and its Bi-LSTM density have no use for: set, they would be another model's. */
function paperProblems({ flow }: Config): string[] {
  const coupled = flow.couplings === "time" || flow.couplings === "channel";
  if (flow.family !== "paper" || (!coupled && flow.couplings !== "bilstm")) return [];
  const of = `of family paper with flow.couplings ${flow.couplings}`;
  const problems: string[] = [];
  if (coupled && flow.hidden !== null) {
    problems.push(`flow.hidden: networks ${of} are as wide as their input: expected null, got ${flow.hidden}`);
  }
  if (flow.layers !== 1 && !(coupled && flow.network === "lstm")) {
    problems.push(`flow.layers: networks ${of} have 1, got ${flow.layers}`);
  }
  if (flow.dropout > 0) problems.push(`flow.dropout: networks ${of} have none: expected 0, got ${flow.dropout}`);
  if (flow.positionEncoding === "learned" || (!coupled && flow.positionEncoding !== "none")) {
    problems.push(
      `flow.positionEncoding: networks ${of} have ${coupled ? "none or sinusoidal positions" : "none"}, got ${flow.positionEncoding}`,
    );
  }
  return problems;
}

/** Relations between keys that a schema of single keys cannot state. */
function relationsOf(config: Config): string[] {
  const problems: string[] = [];
  const { data, flow } = config;
  if (data.positions % 2 ** flow.levels !== 0) {
    problems.push(
      `data.positions: ${data.positions} must be divisible by 2^flow.levels = ${2 ** flow.levels}, because every block halves it`,
    );
  }
  if (data.dimensions % 2 !== 0)
    problems.push(`data.dimensions: ${data.dimensions} must be even, because splits halve it`);
  const autoregressive = flow.couplings === "autoregressive";
  const width = autoregressive ? data.dimensions : (flow.hidden ?? data.dimensions);
  const narrowest = flow.hidden === null && flow.couplings !== "time" && !autoregressive ? width / 2 : width;
  if (flow.network === "attention" && !isCausal(flow) && narrowest % flow.heads !== 0) {
    problems.push(`flow.heads: ${flow.heads} heads do not divide the networks' width ${narrowest}`);
  }
  if (flow.family === "paper" && !data.fixedLength) {
    problems.push("data.fixedLength: the paper family sees no masks, so it needs fixedLength: true");
  }
  if (flow.family === "paper" && flow.couplings === "alternating") {
    problems.push(
      'flow.couplings: the paper family is "time" or "channel"; alternating couplings are of family riverrun',
    );
  }
  if (autoregressive && (flow.family !== "paper" || flow.levels !== 1 || flow.dropout > 0)) {
    problems.push(
      `flow.couplings: the autoregressive flow is of family paper with levels 1 and dropout 0, got ${flow.family}, ${flow.levels} and ${flow.dropout}`,
    );
  }
  if (autoregressive && flow.positionEncoding === "learned") {
    problems.push("flow.positionEncoding: the autoregressive flow's is sinusoidal (for attention) or none");
  }
  if (flow.couplings === "bilstm" && (flow.family !== "paper" || flow.levels !== 1 || flow.network !== "lstm")) {
    problems.push(
      `flow.couplings: the Bi-LSTM density is of family paper with levels 1 and network lstm, got ${flow.family}, ${flow.levels} and ${flow.network}`,
    );
  }
  problems.push(...headProblems(config), ...paperProblems(config));
  if (config.attentionDecoder && !["time", "channel", "alternating"].includes(flow.couplings)) {
    problems.push(
      `attentionDecoder: Language Flow+ reads the latents of a non-autoregressive flow (flow.couplings time, channel or alternating), got "${flow.couplings}"`,
    );
  }
  if (config.train.precision === "bf16" && config.attentionDecoder?.flowTrain.precision === "float64") {
    problems.push(
      "train.precision: a decoder in bf16 cannot stand on a flow in float64 (attentionDecoder.flowTrain.precision); expected float32 or float64",
    );
  }
  for (const [name, train] of Object.entries({
    train: config.train,
    "attentionDecoder.flowTrain": config.attentionDecoder?.flowTrain,
  })) {
    if (train && train.batchSize % train.accumulate !== 0) {
      problems.push(`${name}.accumulate: ${train.accumulate} must divide ${name}.batchSize ${train.batchSize}`);
    }
  }
  return problems;
}

/** Whether a value has no key at a path; false for the empty path. */
function isMissing(value: unknown, path: readonly PropertyKey[]): boolean {
  const [key, ...rest] = path;
  if (key === undefined || typeof value !== "object" || value === null) return false;
  return !Object.hasOwn(value, key) || isMissing((value as Record<PropertyKey, unknown>)[key], rest);
}

/** Keys of the schema that a configuration lacks, as "flow.heads"; an absent part counts once. */
export function missingKeys(value: unknown): string[] {
  const { error } = configSchema.safeParse(value);
  return (error?.issues ?? []).filter(({ path }) => isMissing(value, path)).map(({ path }) => path.join("."));
}

/**
 * Checks a configuration from a file or the command line.
 *
 * @throws UsageError naming `where`, the key and what was expected.
 */
export function parseConfig(value: unknown, where: string): Config {
  const result = configSchema.safeParse(value);
  const problems = result.success
    ? relationsOf(result.data)
    : result.error.issues.map((issue) => `${issue.path.join(".") || "(top level)"}: ${issue.message}`);
  if (!result.success || problems.length > 0) {
    throw new UsageError(`${where}: ${problems.join("; ")}`);
  }
  return result.data;
}
