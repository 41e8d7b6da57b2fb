/** The pieces of work of a table: single trainings, each with a folder of its own, in the order they are begun. */
import { messageOf, RiverrunError, UsageError } from "../base/errors.ts";
import { BelowFloorError } from "../train/validation.ts";
import type { ExperimentData } from "./data.ts";
import { finishedReleasedCode, type ReleasedCodeFigures, releasedRows, runReleasedCode } from "./releasedCode.ts";
import type { RunResult } from "./results.ts";
import { type Row, type RowName, rowNamed } from "./rows.ts";
import { finishedJob, type RunEnvironment, runJob } from "./runs.ts";
import type { SharedParts } from "./shared.ts";

/** One training: a row, or what the released code makes of it. */
export interface Piece {
  readonly kind: "row" | "released";
  readonly row: RowName;
  /** Name of the data set. */
  readonly data: string;
  readonly seed: number;
}

/** A data set and what its rows share. */
export interface PreparedSet {
  readonly data: ExperimentData;
  readonly shared: SharedParts;
}

/** Where pieces are done, and with what. */
export interface Workshop extends RunEnvironment {
  readonly sets: readonly PreparedSet[];
  readonly out: string;
}

/** Why a piece has no figures. */
export interface Failure {
  readonly message: string;
  /** Its density was below the entropy of the noise, where none can be: its figures are no likelihoods. */
  readonly belowFloor: boolean;
}

/** What became of a piece. */
export type Outcome = { readonly piece: Piece } & (
  | { readonly kind: "row"; readonly result: RunResult }
  | { readonly kind: "released"; readonly figures: ReleasedCodeFigures }
  | { readonly kind: "failed"; readonly failure: Failure }
);

/** What a piece is called in messages. */
export function nameOf({ kind, row, data, seed }: Piece): string {
  return `${row}${kind === "released" ? " as released" : ""} on ${data}, seed ${seed}`;
}

/** All pieces: the whole of the first seed (with the released code's rows) before the second, and so on. */
export function piecesOf(rows: readonly Row[], data: readonly string[], seeds: number): Piece[] {
  const numbers = Array.from({ length: seeds }, (_, index) => index + 1);
  return numbers.flatMap((seed) =>
    data.flatMap((set): Piece[] => [
      ...rows.map(({ name }): Piece => ({ kind: "row", row: name, data: set, seed })),
      ...(seed === 1 ? releasedRows : [])
        .filter((name) => rows.some((row) => row.name === name))
        .map((name): Piece => ({ kind: "released", row: name, data: set, seed })),
    ]),
  );
}

function setOf({ data }: Piece, sets: readonly PreparedSet[]): PreparedSet {
  const set = sets.find((one) => one.data.name === data);
  if (!set) throw new RiverrunError(`internal: there is no data set "${data}"`);
  return set;
}

function releasedName({ row }: Piece): ReleasedCodeFigures["model"] {
  const name = releasedRows.find((one) => one === row);
  if (!name) throw new RiverrunError(`internal: the released code has no ${row}`);
  return name;
}

/**
 * What a piece's folder holds where it is finished, else undefined.
 *
 * @throws UsageError where the folder's result is damaged or of another training
 */
export function finishedPiece(piece: Piece, workshop: Workshop): Outcome | undefined {
  const { data } = setOf(piece, workshop.sets);
  const { out } = workshop;
  if (piece.kind === "released") {
    const figures = finishedReleasedCode(releasedName(piece), { data, seed: piece.seed, out }, workshop);
    return figures && { piece, kind: "released", figures };
  }
  const result = finishedJob({ row: rowNamed(piece.row), data, seed: piece.seed, out }, workshop);
  return result && { piece, kind: "row", result };
}

/**
 * Trains a piece, or goes on with it. What goes wrong in its training is its outcome and ends nothing else.
 *
 * @throws StoppedError where it is asked to stop; UsageError, DataMissingError: those are not the training's own
 */
export async function doPiece(piece: Piece, workshop: Workshop): Promise<Outcome> {
  const { data, shared } = setOf(piece, workshop.sets);
  const { seed } = piece;
  const { out } = workshop;
  try {
    if (piece.kind === "released") {
      const figures = await runReleasedCode(releasedName(piece), { data, seed, out }, shared, workshop);
      return { piece, kind: "released", figures };
    }
    const result = await runJob({ row: rowNamed(piece.row), data, seed, out }, shared, workshop);
    return { piece, kind: "row", result };
  } catch (error) {
    if (endsAll(error)) throw error;
    return {
      piece,
      kind: "failed",
      failure: { message: messageOf(error), belowFloor: error instanceof BelowFloorError },
    };
  }
}

/** Whether an error is not of one training alone: to be stopped, wrong options, missing data. */
function endsAll(error: unknown): boolean {
  return error instanceof UsageError || (error instanceof RiverrunError && error.exitCode !== 1);
}
