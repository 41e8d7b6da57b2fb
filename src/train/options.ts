/** What a training is given, and how it ends. */
import { RiverrunError } from "../base/errors.ts";
import type { Config, PreparedText, TextFlow } from "../flow/index.ts";
import type { Precision } from "../nn/index.ts";
import type { WordVectors } from "../text/vectors.ts";
import type { ProcessGroup } from "../torch/index.ts";
import type { StepReport, ValidationReport } from "./loop.ts";
import type { VectorProgress } from "./prepare.ts";
import { type StopSignal, signalExitCodes } from "./signals.ts";
import type { Validation } from "./validation.ts";

/** What a training is given. */
export interface TrainOptions {
  readonly config: Config;
  readonly texts: readonly string[];
  /** Held-out texts; without them about 10 % of the different ones of `texts`, by the seed, with all their copies. */
  readonly validation?: readonly string[];
  /** The model's folder. A rehearsal needs none; given one, it refuses what the training would refuse. */
  readonly out?: string;
  /** Go on with the training that the folder holds; where nothing was saved yet, start. */
  readonly resume?: boolean;
  /** Word vectors or a file of them; without them they are trained on the texts. A resume keeps its own. */
  readonly vectors?: string | WordVectors;
  /**
   * Of a Language Flow+: the folder of the trained flow that its decoder stands on, whose `data` and `flow` then are the
   * model's; without it a flow is trained first, in `out`/flow.
   */
  readonly flow?: string;
  /**
   * The folder of a trained model whose parameters, words and vectors this one starts with: no word vectors are made and
   * ActNorm stays as it is. `config` has its `data` and `flow`, but for `flow.dropout`. A resume goes on from its own.
   */
  readonly from?: string;
  /** "cpu", "cuda", "cuda:1" or "auto". */
  readonly device?: string;
  /** Threads inside one operator; a resume gives the same numbers only with the same number of threads. */
  readonly threads?: number;
  /** Overrides the configuration's `train.precision`, in all stages; a resume keeps that of its start. */
  readonly precision?: Precision;
  /** Catch SIGINT, SIGTERM (checkpoint and stop) and SIGUSR2 (checkpoint) while training. Off by default. */
  readonly signals?: boolean;
  /**
   * The processes that share the training, all of which call `train` with the same options. Each computes its rows of
   * every batch; only the one of rank 0 looks into `out` and writes. The batch size is that of all together, and the
   * numbers are those of one process but for rounding.
   */
  readonly group?: ProcessGroup;
  /** Build everything, take some steps and validate, write nothing. */
  readonly dryRun?: boolean;
  /** Lines about what happens, without line ends. */
  readonly log?: (message: string) => void;
  readonly onVectors?: (progress: VectorProgress) => void;
  /** Called on logged steps (the first, every `train.logEvery`-th and the last), with figures. */
  readonly onStep?: (step: number, report: StepReport) => void;
  /** Called after every step, for progress bars. */
  readonly onEveryStep?: (report: StepReport) => void;
  readonly onValidation?: (report: ValidationReport) => void;
  readonly onCheckpoint?: (step: number) => void;
  /** Asked after every step: a name (of a signal, say) ends the training after a checkpoint. */
  readonly interrupted?: () => string | undefined;
}

/** How a training ended. */
export interface TrainResult {
  /** The best model, or the one so far where the training was interrupted before the first validation. */
  readonly model: TextFlow;
  readonly step: number;
  readonly finished: boolean;
  /** Of a dry run: steps that a training would take, from the last checkpoint where it is resumed. */
  readonly stepsLeft?: number;
  /** Of a dry run: seconds of a step, the median of those after the first, which is slower; NaN where there was none. */
  readonly secondsPerStep?: number;
  /** Why it ended: all steps done, no improvement, or asked to. */
  readonly reason: "maxSteps" | "patience" | "interrupted" | "dryRun";
  /** What interrupted it. */
  readonly signal: string | undefined;
  /** 0, or 130 and 143 after SIGINT and SIGTERM. */
  readonly exitCode: number;
  /** Figures of the best model on the held-out texts. */
  readonly validation: Validation | undefined;
  readonly bestStep: number | undefined;
  readonly parameters: number;
  /** The held-out texts that the validations score, as the model reads them. */
  readonly heldOut: readonly PreparedText[];
  /** Seconds of training, over all sittings. */
  readonly seconds: number;
}

/** The training was asked to stop before there was anything to save. */
export class InterruptedError extends RiverrunError {
  override name = "InterruptedError";
  override readonly exitCode: number;

  constructor(signal: string) {
    super(`stopped by ${signal} before the first step: nothing was saved; start again`);
    this.exitCode = signalExitCodes[signal as StopSignal] ?? 1;
  }
}
