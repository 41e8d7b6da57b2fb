/** riverrun train */
import { UsageError } from "../../base/errors.ts";
import { builtinCorpus, readTexts } from "../../corpora/index.ts";
import { aboutPreset, presetNames } from "../../flow/index.ts";
import { resolveDevice, setThreads } from "../../torch/index.ts";
import { train } from "../../train/index.ts";
import { configFrom } from "../options.ts";
import { emit, say } from "../output.ts";

/** What the command line gives. */
export interface TrainCommandOptions {
  readonly preset?: string;
  readonly config?: string;
  readonly set?: string[];
  readonly seed?: number;
  readonly data?: string[];
  readonly validation?: string;
  readonly out?: string;
  readonly vectors?: string;
  readonly resume?: boolean;
  readonly device: string;
  readonly threads?: number;
  readonly printConfig?: boolean;
}

/** Remembers a signal until the training asks; a second one ends the process at once. */
export function watchSignals(): () => string | undefined {
  let seen: string | undefined;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      if (seen) process.exit(signal === "SIGINT" ? 130 : 143);
      seen = signal;
      say(`${signal}: finishing this step and writing a checkpoint (again: stop at once)`);
    });
  }
  return () => seen;
}

export async function trainCommand(options: TrainCommandOptions): Promise<void> {
  const config = configFrom(options);
  if (options.printConfig) {
    await emit(config);
    return;
  }
  if (!options.data || !options.out) throw new UsageError("expected --data FILE... (or builtin) and --out DIR");
  if (options.threads !== undefined) setThreads(options.threads);
  const texts =
    options.data.length === 1 && options.data[0] === "builtin"
      ? [...builtinCorpus().sentences]
      : await readTexts(options.data);
  const signal = watchSignals();
  const result = await train({
    config,
    texts,
    validation: options.validation === undefined ? undefined : await readTexts([options.validation]),
    out: options.out,
    resume: options.resume,
    vectors: options.vectors,
    device: resolveDevice(options.device),
    log: say,
    onStep: (step, { loss, tokensPerSecond }) => {
      say(
        `step ${step} of ${config.train.maxSteps}: ${loss.toFixed(4)} bits per dimension, ${tokensPerSecond.toFixed(0)} tokens/s`,
      );
    },
    interrupted: signal,
  });
  const paper = presetNames.includes(config.preset) ? aboutPreset(config.preset).paper : undefined;
  say(`${config.preset}: ${result.parameters} parameters${paper === undefined ? "" : ` (the paper states ${paper})`}`);
  if (result.validation) await emit({ step: result.step, ...result.validation });
  const stopped = signal();
  if (stopped) process.exitCode = stopped === "SIGINT" ? 130 : 143;
}
