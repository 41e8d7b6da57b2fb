/** A training that several processes share: each computes its rows of every batch, all know the sums. */
import { messageOf, RiverrunError } from "../base/errors.ts";
import type { TextFlow } from "../flow/index.ts";
import type { Module } from "../nn/index.ts";
import { type GradientReducer, noGrad, PeerError, type ProcessGroup, type Tensor, zeros } from "../torch/index.ts";
import {
  figuresOf,
  type LatentSquares,
  type StepBatch,
  type StepGradients,
  type StepSums,
  shareGradients,
} from "./gradients.ts";
import type { HeldOutScore } from "./validation.ts";

/** What a process was asked for since the last step, or what all agreed on. */
export interface Wishes {
  /** By what a stop was asked for, such as a signal. */
  readonly stop: string | undefined;
  readonly checkpoint: boolean;
}

/** A step of all processes. */
export interface SharedStep extends StepGradients {
  readonly tokens: number;
  readonly wishes: Wishes;
}

/** What asks processes to stop whose `riverrun launch` is gone: each finds that out by itself, some a step before others. */
export const launchEnd = "the end of riverrun launch";

/** What asks for a stop, in the order in which it is told: whatever is none of these is one more. */
const stops = ["SIGINT", "SIGTERM", launchEnd] as const;
const otherStop = "another process's request";

/** Puts the numbers of a step in a row, to be summed. */
function packed({ loss, tokens, nelbo, latents }: StepSums, { stop, checkpoint }: Wishes): number[] {
  const asked = stops.map((name) => (stop === name ? 1 : 0));
  const other = stop !== undefined && !stops.some((name) => name === stop) ? 1 : 0;
  const squares = [...latents.values()].flatMap((block) => [block.squares, block.entries]);
  return [loss, tokens, nelbo, checkpoint ? 1 : 0, other, ...asked, ...squares];
}

/** @param own by what this process asked for a stop, which nobody else knows the word of */
function unpacked(
  row: readonly number[],
  names: readonly string[],
  own: string | undefined,
): { sums: StepSums; wishes: Wishes } {
  const [loss, tokens, nelbo, checkpoint, other, ...rest] = row;
  const stop = stops.find((_, index) => rest[index] > 0) ?? (other > 0 ? (own ?? otherStop) : undefined);
  const squares = rest.slice(stops.length);
  const latents = new Map(
    names.map((name, index): [string, LatentSquares] => [
      name,
      { squares: squares[2 * index], entries: squares[2 * index + 1] },
    ]),
  );
  return { sums: { loss, tokens, nelbo, latents }, wishes: { stop, checkpoint: checkpoint > 0 } };
}

/** The processes of a training, seen from one of them. */
export class Processes {
  readonly #group: ProcessGroup;
  /** Before the keys of this training at the store. */
  readonly #prefix: string;
  #begun = false;
  #reducer: { readonly of: TextFlow; readonly reducer: GradientReducer } | undefined;

  constructor(group: ProcessGroup) {
    this.#group = group;
    this.#prefix = `training ${group.nextUse()}`;
  }

  /** Where the word of what went wrong stands in the store. */
  get #failureKey(): string {
    return `${this.#prefix}/failure`;
  }

  #stageKey(stage: number): string {
    return `${this.#prefix}/stage ${stage}`;
  }

  get rank(): number {
    return this.#group.rank;
  }

  get size(): number {
    return this.#group.size;
  }

  /** Whether this one writes files and reports. */
  get leads(): boolean {
    return this.rank === 0;
  }

  /**
   * Every `size`-th of a list, from the `rank`-th on: what this process computes. Neighbours in a batch are of like
   * length, so all get about the same work.
   */
  share<Element>(all: readonly Element[]): Element[] {
    return all.filter((_, index) => index % this.size === this.rank);
  }

  #reducerOf(model: TextFlow): GradientReducer {
    if (this.#reducer?.of !== model) {
      this.#reducer?.reducer.dispose();
      this.#reducer = { of: model, reducer: this.#group.reducer([...model.trainableParameters().values()]) };
    }
    return this.#reducer.reducer;
  }

  /**
   * Loss, gradients and figures of the whole batch, of which `batch` holds this process's rows, and what the processes
   * agree on.
   *
   * @throws PeerError where another process is gone or late
   */
  async stepGradients(model: TextFlow, batch: StepBatch, detailed: boolean, wishes: Wishes): Promise<SharedStep> {
    const reducer = this.#reducerOf(model);
    let blocks: readonly string[] = [];
    shareGradients(model, batch, detailed, reducer, (own) => {
      blocks = [...own.latents.keys()];
      reducer.sumBeside(packed(own, wishes));
    });
    const row = await reducer.finish();
    const { sums, wishes: agreed } = unpacked(row, blocks, wishes.stop);
    return {
      loss: sums.loss,
      tokens: sums.tokens,
      gradients: reducer.gradients(),
      figures: detailed ? figuresOf(model, sums) : undefined,
      wishes: agreed,
    };
  }

  /** The scores of all `count` held-out texts, from those of every process's share. @throws PeerError */
  async allScores(own: readonly HeldOutScore[], count: number): Promise<HeldOutScore[]> {
    const row = new Array<number>(3 * count).fill(0);
    own.forEach(({ negLogDensity, nelbo, decoderNats }, index) => {
      const at = 3 * (index * this.size + this.rank);
      row[at] = negLogDensity;
      row[at + 1] = nelbo;
      row[at + 2] = decoderNats;
    });
    const all = await this.#group.sum(row);
    return Array.from({ length: count }, (_, index) => ({
      negLogDensity: all[3 * index],
      nelbo: all[3 * index + 1],
      decoderNats: all[3 * index + 2],
    }));
  }

  /** Whether a stage of the training was told to all: the leader has written a checkpoint by then. */
  get begun(): boolean {
    return this.#begun;
  }

  /** Hands a text and the leader's tensors to all. @throws PeerError */
  async tell(stage: number, text: string): Promise<void> {
    this.#begun = true;
    await this.#group.set(this.#stageKey(stage), "");
    await this.#group.broadcastText(text);
  }

  /**
   * Waits for the leader's text of a stage. It may prepare for long, so this takes as long as it lives.
   *
   * @param interrupted asked again and again; throws to end the waiting
   * @throws PeerError where it is gone
   */
  async hear(stage: number, interrupted: () => void): Promise<string> {
    while ((await this.#group.get(this.#stageKey(stage), 0.5)) === undefined) {
      interrupted();
      if ((await this.#group.get(this.#failureKey, 0)) !== undefined) throw new PeerError("another process has failed");
    }
    const text = await this.#group.broadcastText("");
    this.#begun = true;
    return text;
  }

  /** Makes the tensors of a module equal to the leader's. @throws PeerError */
  async alike(module: Module): Promise<void> {
    const own = module.stateDict();
    if (this.leads) {
      await this.#group.broadcast([...own.values()].filter(({ numel }) => numel > 0));
      return;
    }
    const received = new Map<string, Tensor>();
    try {
      for (const [name, { shape, dtype, device }] of own) received.set(name, zeros(shape, { dtype, device }));
      await this.#group.broadcast([...received.values()].filter(({ numel }) => numel > 0));
      noGrad(() => module.loadStateDict(received));
    } finally {
      for (const tensor of received.values()) tensor.dispose();
    }
  }

  /**
   * Tells the others why this process ends, or learns why another has ended.
   *
   * @returns the error to end with
   */
  async failed(error: unknown): Promise<unknown> {
    const who = `rank ${this.rank} of ${this.size}`;
    try {
      if (!(error instanceof PeerError)) {
        await this.#group.set(this.#failureKey, `rank ${this.rank}: ${messageOf(error)}`);
        // The store may end with this process: the others must have read the word before.
        if (this.leads) await new Promise((resolve) => setTimeout(resolve, 1500));
        return this.leads || !(error instanceof RiverrunError) ? error : relabelled(error, who);
      }
      const word = await this.#group.get(this.#failureKey, 1);
      if (word !== undefined) return new PeerError(`${who}: stopping because of ${word}`, { cause: error });
    } catch {
      // The store is gone as well: its process was the one that ended.
    }
    return error instanceof PeerError ? relabelled(error, who) : error;
  }

  /** Frees what it owns; the group stays. */
  dispose(): void {
    this.#reducer?.reducer.dispose();
    this.#reducer = undefined;
  }
}

/** The same error, saying whose it is. */
function relabelled(error: RiverrunError, who: string): RiverrunError {
  error.message = `${who}: ${error.message}`;
  return error;
}
