/** Configurations from preset, file and `--set`. */
import { closeSync, openSync, readSync } from "node:fs";
import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument } from "yaml";
import { DataMissingError, messageOf, UsageError } from "../base/errors.ts";
import { programName } from "../base/invocation.ts";
import { requireFile } from "../corpora/textFile.ts";
import { type Config, configSchema, missingKeys, parseConfig, presetConfig, presetNames } from "../flow/index.ts";
import { readModelConfig } from "../flow/modelFolder.ts";
import { storedConfig } from "../train/plus.ts";
import { isStream } from "./lines.ts";
import { noSuchKey } from "./nearestKey.ts";

function set(config: Record<string, unknown>, assignment: string): void {
  const at = assignment.indexOf("=");
  if (at < 1) throw new UsageError(`--set ${assignment}: expected key=value, as in --set train.maxSteps=100`);
  const path = assignment.slice(0, at).split(".");
  const text = assignment.slice(at + 1);
  let value: unknown = text;
  try {
    value = JSON.parse(text);
  } catch {
    // A word that is not JSON is a string, as in --set flow.network=lstm.
  }
  let part: Record<string, unknown> = config;
  for (const [index, key] of path.entries()) {
    if (!Object.hasOwn(part, key)) {
      const owner = index === 0 ? "the configuration" : path.slice(0, index).join(".");
      throw new UsageError(
        `--set ${assignment}: ${noSuchKey(path.join("."), config)}; ${owner} has the keys ${Object.keys(part).join(", ")}`,
      );
    }
    if (index === path.length - 1) part[key] = value;
    else {
      const next = part[key];
      if (typeof next !== "object" || next === null)
        throw new UsageError(`--set ${assignment}: "${key}" has no keys of its own`);
      part = next as Record<string, unknown>;
    }
  }
}

/** Where in a document's text the value of a path begins; of the part above it where there is none. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number {
  let offset = 0;
  let node: unknown = document.contents;
  for (const key of path) {
    if (!isMap(node)) break;
    const pair = node.items.find((item) => isPair(item) && isScalar(item.key) && item.key.value === key);
    if (!pair) break;
    offset = isNode(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
    node = pair.value;
  }
  return offset;
}

/** A problem with a key, and the key. */
interface Problem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

/** An object that has every key of any preset. */
function allKeys(): object {
  return Object.assign({}, ...presetNames.map(presetConfig)) as object;
}

/** Single keys by the schema, then relations between keys. */
function problemsOf(value: unknown): Problem[] {
  const { success, error } = configSchema.safeParse(value);
  if (success) {
    try {
      parseConfig(value, "");
      return [];
    } catch (failure) {
      // "flow.heads: 5 heads do not divide ...; data.positions: ..." after the (empty) name of the file.
      return messageOf(failure)
        .replace(/^: /, "")
        .split("; ")
        .map((message) => ({ path: (/^[\w.]+(?=:)/.exec(message)?.[0] ?? "").split("."), message }));
    }
  }
  const missing = new Set(missingKeys(value));
  const wrong = error.issues.flatMap((issue): Problem[] => {
    const name = issue.path.join(".");
    if (missing.has(name)) return [];
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({
        path: [...issue.path, key],
        message: noSuchKey([...issue.path, key].join("."), allKeys()),
      }));
    }
    return [{ path: issue.path, message: `${name || "(top level)"}: ${issue.message}` }];
  });
  return missing.size === 0 ? wrong : [...wrong, lackOf([...missing], value)];
}

/** Most problems, and most missing keys, that one message lists. */
const most = 8;

/** All keys that are missing, as one problem: who lists few keys expects a preset beneath them, and is told the way. */
function lackOf(keys: readonly string[], value: unknown): Problem {
  const { preset } = value as { readonly preset?: unknown };
  const name = presetNames.find((known) => known === preset) ?? "NAME";
  const more = keys.length > most ? ` and ${keys.length - most} more` : "";
  return {
    path: keys[0].split("."),
    message: `${keys.slice(0, most).join(", ")}${more}: missing: a configuration states every key; begin with what "${programName()} train --preset ${name} --print-config" prints, or change keys of a preset by --preset ${name} --set KEY=VALUE`,
  };
}

/** A configuration has some hundred lines; a device may have no end. */
const mostBytes = 2 ** 24;

/** The text of a file, of a pipe such as <(...) or of a device. @throws DataMissingError, UsageError */
function readConfigText(path: string): string {
  if (!isStream(path)) requireFile(path);
  const parts: Buffer[] = [];
  let length = 0;
  try {
    const descriptor = openSync(path, "r");
    try {
      for (let count = 1; count > 0 && length <= mostBytes; length += count) {
        const part = Buffer.alloc(1 << 16);
        count = readSync(descriptor, part);
        parts.push(part.subarray(0, count));
      }
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw new DataMissingError(`${path} cannot be read: ${messageOf(error)}`);
  }
  if (length > mostBytes) throw new UsageError(`${path}: expected a configuration of at most ${mostBytes} bytes`);
  return Buffer.concat(parts).toString("utf8");
}

/**
 * Reads a configuration from a file, a pipe or a device.
 *
 * @throws DataMissingError; UsageError as file:line:column for each problem
 */
function readConfigFile(path: string): Config {
  const text = readConfigText(path);
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, prettyErrors: false });
  const at = (offset: number): string => {
    const { line, col } = counter.linePos(offset);
    return `${path}:${line}:${col}`;
  };
  const [fault] = document.errors;
  if (fault) throw new UsageError(`${at(fault.pos[0])}: expected JSON or YAML: ${fault.message}`);
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw new UsageError(`${path}: expected JSON or YAML: ${messageOf(error)}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UsageError(
      `${path}:1:1: expected an object with the keys that "${programName()} train --preset small --print-config" prints`,
    );
  }
  const problems = problemsOf(value);
  if (problems.length > 0) {
    const lines = problems
      .slice(0, most)
      .map((problem) => `${at(offsetOf(document, problem.path))}: ${problem.message}`);
    if (problems.length > most) lines.push(`and ${problems.length - most} more`);
    throw new UsageError(lines.join("; "));
  }
  return parseConfig(value, path);
}

/** What a configuration is asked for with. */
interface ConfigChoices {
  readonly preset?: string;
  readonly config?: string;
  /** The folder of a trained model, whose configuration is the base. */
  readonly from?: string;
  /** Of a training in `out`: what its last checkpoint says stands for a base that is not named, or that of `from`. */
  readonly resume?: boolean;
  readonly out?: string;
  readonly set?: readonly string[];
  readonly seed?: number;
}

/** The configuration before `--set`, and what it is called. */
function baseOf(options: ConfigChoices): { base: unknown; where: string } {
  const { preset, config, from, resume, out } = options;
  if ([preset, config, from].filter((base) => base !== undefined).length > 1) {
    throw new UsageError("expected one of --preset NAME, --config FILE and --from DIR");
  }
  if (config !== undefined) return { base: readConfigFile(config), where: config };
  if (preset !== undefined) return { base: presetConfig(preset), where: `preset ${preset}` };
  if (resume && out === undefined && from === undefined) {
    throw new UsageError("--resume: expected --out DIR, the folder of the training to go on with");
  }
  const stored = resume && out !== undefined ? storedConfig(out) : undefined;
  if (stored && out !== undefined) return { base: stored, where: out };
  if (from !== undefined) return { base: readModelConfig(from), where: from };
  throw new UsageError(
    resume && out !== undefined
      ? `${out} holds no checkpoint with a configuration to go on with: expected one of --preset NAME, --config FILE and --from DIR, to start by`
      : "expected one of --preset NAME, --config FILE and --from DIR",
  );
}

/** The configuration that a command line asks for. @throws UsageError, DataMissingError */
export function configFrom(options: ConfigChoices): Config {
  const { base, where } = baseOf(options);
  if (!options.set?.length && options.seed === undefined) return parseConfig(base, where);
  const changed = structuredClone(base) as Record<string, unknown>;
  for (const assignment of options.set ?? []) set(changed, assignment);
  if (options.seed !== undefined) changed.seed = options.seed;
  return parseConfig(changed, `${where} with --set`);
}
