/** Configurations from preset, file and `--set`. */
import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { DataMissingError, messageOf, UsageError } from "../base/errors.ts";
import { type Config, parseConfig, presetConfig } from "../flow/index.ts";

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
      throw new UsageError(
        `--set ${assignment}: there is no key "${path.slice(0, index + 1).join(".")}"; expected one of ${Object.keys(part).join(", ")}`,
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

/** The configuration that a command line asks for. @throws UsageError, DataMissingError */
export function configFrom(options: {
  readonly preset?: string;
  readonly config?: string;
  readonly set?: readonly string[];
  readonly seed?: number;
}): Config {
  if ((options.preset === undefined) === (options.config === undefined)) {
    throw new UsageError("expected either --preset NAME or --config FILE");
  }
  let value: unknown;
  let where = `preset ${options.preset}`;
  if (options.config !== undefined) {
    where = options.config;
    let text: string;
    try {
      text = readFileSync(options.config, "utf8");
    } catch (error) {
      throw new DataMissingError(`${options.config} cannot be read: ${messageOf(error)}`);
    }
    try {
      value = parse(text);
    } catch (error) {
      throw new UsageError(`${options.config}: expected JSON or YAML: ${messageOf(error).split("\n")[0]}`);
    }
  } else value = presetConfig(options.preset ?? "");
  const config = parseConfig(value, where) as Record<string, unknown>;
  for (const assignment of options.set ?? []) set(config, assignment);
  if (options.seed !== undefined) config.seed = options.seed;
  return parseConfig(config, where);
}
