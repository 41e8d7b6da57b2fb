/** Parsing of option values, and configurations from preset, file and `--set`. */
import { readFileSync } from "node:fs";
import { InvalidArgumentError } from "commander";
import { parse } from "yaml";
import { DataMissingError, messageOf, UsageError } from "../base/errors.ts";
import { type Config, parseConfig, presetConfig } from "../flow/index.ts";

/** A whole number of at least `least`. */
export function integer(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!Number.isInteger(value) || value < least)
      throw new InvalidArgumentError(`Expected a whole number of at least ${least}.`);
    return value;
  };
}

/** A finite number of at least `least`. */
export function atLeast(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value) || value < least)
      throw new InvalidArgumentError(`Expected a number of at least ${least}.`);
    return value;
  };
}

/** Numbers separated by commas. */
export function numbers(text: string): number[] {
  const values = text.split(",").map((part) => (part.trim() === "" ? Number.NaN : Number(part)));
  if (values.some((value) => !Number.isFinite(value)))
    throw new InvalidArgumentError("Expected numbers separated by commas.");
  return values;
}

/** `key=value` once more. */
export function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}

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
