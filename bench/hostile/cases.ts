/** What is damaged, and the command line that meets it. */
import {
  copyFileSync,
  cpSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { RandomStream } from "../../src/base/random.ts";
import { builtinCorpus } from "../../src/corpora/index.ts";
import { type Kind, mutate } from "./mutations.ts";

/** Whole files that the cases damage copies of. */
export interface Material {
  readonly folder: string;
  /** A training folder with a checkpoint in the middle. */
  readonly model: string;
  readonly config: string;
  /** A file by name, of kind text, JSON lines, vectors or safetensors. */
  file(name: "lines.txt" | "lines.jsonl" | "vectors.txt" | "latents.safetensors"): string;
}

/** One damaged file and the command that meets it. */
export interface Case {
  readonly number: number;
  /** File and damage, as in "model.safetensors: truncated". */
  readonly name: string;
  /** Base names of the damaged file and of the case's folder, one of which a refusal should hold. */
  readonly names: readonly string[];
  readonly args: readonly string[];
  /** A file for standard input. */
  readonly input: string | undefined;
  /** Removes what the case lies in. */
  discard(): void;
}

/** What makes of preset `tiny` a flow of 8 channels that trains in a second and has everything that a checkpoint can hold. */
const smallSettings = [
  "data.dimensions=8",
  "vectors.iterations=2",
  "flow.steps=1",
  "flow.hidden=8",
  "train.maxSteps=4",
  "train.batchSize=8",
  "train.accumulate=2",
  "train.warmupSteps=2",
  "train.ema=0.9",
  "train.validateEvery=2",
  "train.checkpointEvery=2",
  "train.logEvery=1",
  "train.validationTexts=8",
].flatMap((setting) => ["--set", setting]);

/**
 * Writes texts, trains a flow on them and encodes them, all by the command line whose files are damaged later.
 *
 * @param riverrun runs a command line that must succeed, and gives its output
 */
export async function makeMaterial(riverrun: (...args: string[]) => Promise<string>): Promise<Material> {
  const folder = mkdtempSync(join(tmpdir(), "riverrun-hostile-"));
  const model = join(folder, "model");
  const file = (name: string): string => join(folder, name);
  const texts = builtinCorpus({ sentences: 100 }).sentences.slice(0, 60);
  const records = texts.slice(0, 20).map((text, id) => JSON.stringify({ id, text }));
  writeFileSync(file("lines.txt"), `${texts.join("\n")}\n`);
  writeFileSync(file("lines.jsonl"), `${records.join("\n")}\n`);
  const config: unknown = JSON.parse(await riverrun("train", "--preset", "tiny", ...smallSettings, "--print-config"));
  writeFileSync(file("config.json"), JSON.stringify(config, null, 2));
  await riverrun("train", "--config", file("config.json"), "--data", file("lines.txt"), "--out", model);
  copyFileSync(join(model, "vectors.txt"), file("vectors.txt"));
  await riverrun("encode", "--model", model, file("lines.txt"), "--out", file("latents.safetensors"));
  return { folder, model, config: file("config.json"), file };
}

/** A copy of a folder whose files are links, so that it costs nothing; only what is damaged or written is a real file. */
function linkedCopy(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const entry of readdirSync(from, { withFileTypes: true })) {
    if (entry.isFile()) linkSync(join(from, entry.name), join(to, entry.name));
  }
}

/** Puts a damaged copy in the place of a file: other bytes, or none, or no file at all. */
function damage(path: string, kind: Kind, random: RandomStream): string {
  const bytes = readFileSync(path);
  rmSync(path, { force: true });
  if (random.uniform() < 0.06) {
    const odd: Readonly<Record<string, () => void>> = {
      "not there": () => undefined,
      "a folder": () => mkdirSync(path),
      "a link to nothing": () => symlinkSync(join(dirname(path), "nothing"), path),
      "a link to itself": () => symlinkSync(basename(path), path),
      "a file without an end": () => symlinkSync("/dev/zero", path),
    };
    const names = Object.keys(odd);
    const what = names[random.integer(names.length)];
    odd[what]();
    return what;
  }
  const { what, bytes: other } = mutate(bytes, kind, random);
  writeFileSync(path, other);
  return what;
}

type Maker = (
  material: Material,
  scratch: string,
  random: RandomStream,
) => Omit<Case, "number" | "names" | "discard"> & { readonly file: string };

function pick<Item>(random: RandomStream, items: readonly Item[]): Item {
  return items[random.integer(items.length)];
}

/** A file of the model's folder, under every command that reads it. */
const modelFile: Maker = (material, scratch, random) => {
  const [file, kind] = pick<readonly [string, Kind]>(random, [
    ["config.json", "json"],
    ["vocabulary.json", "json"],
    ["model.safetensors", "safetensors"],
  ]);
  const model = join(scratch, "model");
  linkedCopy(material.model, model);
  const what = damage(join(model, file), kind, random);
  const lines = material.file("lines.txt");
  const args = pick<string[]>(random, [
    ["score", lines],
    ["score", "--seed", "3", material.file("lines.jsonl")],
    ["sample", "--count", "3"],
    ["reconstruct", "--json", lines],
    ["perturb", "--variants", "2", lines],
    ["interpolate", "mara sold a pie .", "oskar slept ."],
    ["encode", lines, "--out", join(scratch, "z.safetensors")],
    ["decode", material.file("latents.safetensors")],
  ]);
  return { name: `${file}: ${what}`, file, args: [...args, "--model", model], input: undefined };
};

/** A file that a training resumes from. */
const trainingFile: Maker = (material, scratch, random) => {
  const out = join(scratch, "model");
  cpSync(material.model, out, { recursive: true });
  const training = join(out, "training");
  const step = readdirSync(training).find((name) => name.startsWith("step-")) ?? "";
  const [path, kind] = pick<readonly [string, Kind]>(random, [
    [join(training, "last.json"), "json"],
    [join(training, step, "state.json"), "json"],
    [join(training, step, "optimiser.safetensors"), "safetensors"],
    [join(training, step, "average.safetensors"), "safetensors"],
    [join(training, step, "model.safetensors"), "safetensors"],
    [join(training, step, "config.json"), "json"],
    [join(training, step, "vocabulary.json"), "json"],
    [join(out, "model.safetensors"), "safetensors"],
    [join(out, "metrics.jsonl"), "jsonLines"],
  ]);
  const what = damage(path, kind, random);
  const args = ["train", "--config", material.config, "--data", material.file("lines.txt"), "--out", out, "--resume"];
  return {
    name: `${path.slice(out.length + 1)}: ${what}`,
    file: basename(path),
    args: [...args, "--set", "train.maxSteps=5"],
    input: undefined,
  };
};

/** A configuration given to `train`. Real trainings get few steps, so that a valid one ends. */
const configFile: Maker = (material, scratch, random) => {
  const config = join(scratch, pick(random, ["config.json", "config.yaml"]));
  copyFileSync(material.config, config);
  const what = damage(config, "json", random);
  const training = ["--data", material.file("lines.txt"), "--out", join(scratch, "out")];
  const short = ["train.maxSteps=1", "vectors.iterations=1"].flatMap((setting) => ["--set", setting]);
  const rest = random.uniform() < 0.5 ? ["--print-config"] : [...training, ...short];
  return {
    name: `configuration: ${what}`,
    file: basename(config),
    args: ["train", "--config", config, ...rest],
    input: undefined,
  };
};

const vectorsFile: Maker = (material, scratch, random) => {
  const file = join(scratch, "vectors.txt");
  copyFileSync(material.file("vectors.txt"), file);
  const what = damage(file, "vectors", random);
  const train = ["--config", material.config, "--data", material.file("lines.txt"), "--out", join(scratch, "out")];
  const args =
    random.uniform() < 0.7
      ? ["vectors", "inspect", file]
      : ["train", ...train, "--set", "train.maxSteps=1", "--vectors", file];
  return { name: `vectors: ${what}`, file: "vectors.txt", args, input: undefined };
};

/** Texts to use or to learn from. */
const textFile: Maker = (material, scratch, random) => {
  const [name, kind] = pick<readonly ["lines.txt" | "lines.jsonl", Kind]>(random, [
    ["lines.txt", "text"],
    ["lines.jsonl", "jsonLines"],
  ]);
  const file = join(scratch, name);
  copyFileSync(material.file(name), file);
  const what = damage(file, kind, random);
  const model = ["--model", material.model];
  const quick = ["--set", "train.maxSteps=1", "--set", "vectors.iterations=1"];
  const args = pick<string[]>(random, [
    ["score", ...model, file],
    ["score", ...model],
    ["reconstruct", ...model, "--json", file],
    ["perturb", ...model, file],
    ["encode", ...model, file, "--out", join(scratch, "z.safetensors")],
    ["train", "--config", material.config, "--data", file, "--out", join(scratch, "out"), ...quick],
    ["vectors", "train", "--data", file, "--out", join(scratch, "v.txt"), "--dimensions", "4", "--iterations", "1"],
  ]);
  const input = args.length === 3 && !/^a (folder|link|file)|^not there/.test(what) ? file : undefined;
  return {
    name: `${name}: ${what}`,
    file: name,
    args: input ? args : args.length === 3 ? [...args, file] : args,
    input,
  };
};

const latentsFile: Maker = (material, scratch, random) => {
  const file = join(scratch, "latents.safetensors");
  copyFileSync(material.file("latents.safetensors"), file);
  const what = damage(file, "safetensors", random);
  return {
    name: `latents: ${what}`,
    file: "latents.safetensors",
    args: ["decode", "--model", material.model, file],
    input: undefined,
  };
};

const makers: readonly (readonly [weight: number, maker: Maker])[] = [
  [0.35, modelFile],
  [0.2, trainingFile],
  [0.12, configFile],
  [0.1, vectorsFile],
  [0.15, textFile],
  [0.08, latentsFile],
];

/** Case `number` of a seed's stream; writes its files. */
export function makeCase(material: Material, number: number, random: RandomStream): Case {
  const scratch = mkdtempSync(join(material.folder, "case-"));
  let place = random.uniform();
  const [, maker] = makers.find(([weight]) => (place -= weight) < 0) ?? makers[0];
  const { file, ...made } = maker(material, scratch, random);
  return {
    ...made,
    number,
    names: [file, basename(scratch)],
    discard: () => rmSync(scratch, { recursive: true, force: true }),
  };
}
