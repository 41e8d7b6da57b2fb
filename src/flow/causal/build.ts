/** The flows of `flow.couplings` causal and tarflow. */
import { UsageError } from "../../base/errors.ts";
import type { InitContext } from "../../nn/index.ts";
import type { FlowConfig } from "../config.ts";
import { CausalFlow } from "./causalFlow.ts";
import { type Codebook, CodebookHead } from "./codebookHead.ts";
import { GaussianHead } from "./gaussianHead.ts";
import type { CausalHead } from "./head.ts";
import { LogisticHead } from "./logisticHead.ts";
import type { CausalSize } from "./network.ts";
import { type TarBlock, TarFlow } from "./tarFlow.ts";

/** What both flows work on. */
export interface CausalInput {
  /** T. */
  readonly positions: number;
  /** D. */
  readonly channels: number;
  /** The words' points, for the head that mixes over them. */
  readonly codebook: Codebook;
}

function headOf(init: InitContext, { channels, codebook }: CausalInput, config: FlowConfig, width: number): CausalHead {
  const bound = config.softClip;
  switch (config.head) {
    case "codebook":
      return new CodebookHead(init, codebook, width);
    case "logistic":
      return new LogisticHead(init, {
        channels,
        width,
        components: config.components,
        order: config.channelOrder,
        bound,
      });
    case "gaussian":
      return new GaussianHead(init, channels, width, bound);
    case "none":
      throw new UsageError(`flow.head: a flow with flow.couplings "${config.couplings}" needs a head, got "none"`);
  }
}

function sizeOf(config: FlowConfig, channels: number, layers: number): CausalSize {
  const { heads, positionEncoding, dropout } = config;
  return { width: config.hidden ?? channels, layers, heads, positionEncoding, dropout };
}

/** K causal couplings, then a causal transformer of `deepLayers` blocks and the head: left to right. */
export function causalFlow(init: InitContext, input: CausalInput, config: FlowConfig): CausalFlow {
  const { positions, channels } = input;
  return new CausalFlow(init, {
    positions,
    channels,
    couplings: config.steps,
    couplingSize: sizeOf(config, channels, config.layers),
    size: sizeOf(config, channels, config.deepLayers ?? config.layers),
    bound: config.softClip,
    head: (width) => headOf(init, input, config, width),
  });
}

/**
 * N affine blocks in alternating order, then the codebook's mixture where `head` is that. The order is such that what
 * stands next to the latents, with `deepLayers` transformer blocks, runs left to right.
 */
export function tarFlow(init: InitContext, input: CausalInput, config: FlowConfig): TarFlow {
  const { positions, channels } = input;
  const mixes = config.head !== "gaussian";
  const count = config.steps + (mixes ? 1 : 0);
  const blocks = Array.from({ length: count }, (_, index): TarBlock => {
    const last = index === count - 1;
    const layers = last ? (config.deepLayers ?? config.layers) : config.layers;
    const size = sizeOf(config, channels, layers);
    const head = (width: number): CausalHead =>
      last && mixes ? headOf(init, input, config, width) : new GaussianHead(init, channels, width, config.softClip);
    const name = `block ${index + 1}`;
    const shape = { positions, channels, couplings: 0, couplingSize: size, size, bound: config.softClip, head, name };
    return { name, flow: new CausalFlow(init, shape), backwards: (count - 1 - index) % 2 === 1 };
  });
  return new TarFlow(blocks);
}
