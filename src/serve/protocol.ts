/** What the server and its engine say to each other: groups of items that can be computed together, and their results. */
import type { Truncation } from "../flow/causal/truncation.ts";
import type { Precision } from "../nn/index.ts";

/** What every request of an operation leaves open, with the defaults of the command of the same name. */
export interface Choices {
  readonly score: { readonly seed: number };
  readonly encode: Readonly<Record<string, never>>;
  readonly reconstruct: Readonly<Record<string, never>>;
  readonly perturb: {
    readonly noiseVariance: number;
    readonly variants: number;
    readonly seed: number;
    readonly beam?: number;
    readonly unknown?: false;
    readonly raw: boolean;
  };
  readonly interpolate: {
    readonly ratios: readonly number[];
    readonly spherical: boolean;
    readonly beam?: number;
    readonly unknown?: false;
    readonly raw: boolean;
  };
  readonly sample: Truncation & {
    readonly temperature?: number;
    readonly beam?: number;
    readonly unknown?: false;
    readonly raw: boolean;
  };
  readonly decode: { readonly beam?: number; readonly unknown?: false; readonly raw: boolean };
}

/** Names of the operations; each is a route. */
export type OperationName = keyof Choices;

/** A text of a request; `line` is its place there, from 1. */
export interface TextItem {
  readonly line: number;
  readonly text: string;
  /** What the client calls it; comes back in its records. */
  readonly id?: string | number;
}

/** The smallest piece of work of each operation: what may ride in one batch with the pieces of other clients. */
export interface Items {
  readonly score: TextItem;
  readonly encode: TextItem;
  readonly reconstruct: TextItem;
  readonly perturb: TextItem;
  readonly interpolate: { readonly first: string; readonly second: string };
  readonly sample: { readonly seed: number };
  readonly decode: { readonly positions: number; readonly values: Float32Array };
}

/** Items of one operation with the same choices. */
export type Group = {
  [Name in OperationName]: {
    readonly operation: Name;
    readonly choices: Choices[Name];
    readonly items: readonly Items[Name][];
  };
}[OperationName];

/**
 * What became of an item: its records, each already written as JSON, so that the process that serves connections only
 * joins them; or why the request is refused (422) or failed (500).
 */
export type ItemResult =
  | { readonly records: readonly string[] }
  | { readonly refused: string }
  | { readonly failed: string };

/** What the server needs to know of the model, and shows. */
export interface ModelFacts {
  readonly preset: string;
  readonly parameters: number;
  readonly words: number;
  /** T and D. */
  readonly positions: number;
  readonly dimensions: number;
  /** Numbers of positions are multiples of this. */
  readonly unit: number;
  readonly fixedLength: boolean;
  readonly device: string;
  readonly precision: string;
  readonly threads: number;
  readonly libtorch: string;
}

/** What the engine's process is told first. */
export interface EngineSettings {
  readonly model: string;
  readonly device: string;
  readonly threads?: number;
  /** That of the model's file, unless given. */
  readonly precision?: Precision;
}

/** What it is told then, one at a time. */
export interface EngineTask {
  readonly task: number;
  readonly group: Group;
}

/** Whatever it is told. */
export type EngineOrder = { readonly settings: EngineSettings } | EngineTask;

/** What it holds after a group, in tensors and altogether. */
export interface EngineMemory {
  readonly liveTensors: number;
  readonly heldBytes: number;
  readonly rssBytes: number;
}

/** What it answers. */
export type EngineMessage =
  | { readonly kind: "ready"; readonly facts: ModelFacts; readonly memory: EngineMemory }
  | { readonly kind: "refused"; readonly message: string; readonly exitCode: number }
  | {
      readonly kind: "results";
      readonly task: number;
      readonly results: readonly ItemResult[];
      readonly memory: EngineMemory;
    };
