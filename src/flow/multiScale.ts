/** The multi-scale flow: blocks of K steps with squeezes and splits between them. Paper, section 2.2. */
import type { InitContext } from "../nn/index.ts";
import { ActNorm } from "./actNorm.ts";
import type { Bijection } from "./bijection.ts";
import { Chain, type Link, type Shortcut } from "./chain.ts";
import type { FlowConfig } from "./config.ts";
import { ChannelCoupling, HalfTimeCoupling, ParityTimeCoupling } from "./couplings.ts";
import { ChannelLinear, ChannelPermutation, TimeLinear, TimePermutation } from "./linearMaps.ts";
import { FinalPrior, OnFirstHalf, SplitPrior } from "./priors.ts";
import { Squeezed } from "./squeeze.ts";
import { TimeStep } from "./timeStep.ts";

/** Positions and channels that a block works on. */
interface BlockShape {
  readonly positions: number;
  readonly channels: number;
}

/** actnorm -> linear map -> coupling; `index` counts the steps of a block from 0. */
function stepLinks(init: InitContext, { positions, channels }: BlockShape, config: FlowConfig, index: number): Link[] {
  const name = `step ${index + 1} / `;
  const paper = config.family === "paper";
  const overTime = config.couplings === "alternating" ? index % 2 === 0 : config.couplings === "time";
  // Which half is seen changes every time this kind of coupling comes again.
  const turn = config.couplings === "alternating" ? Math.floor(index / 2) % 2 === 1 : index % 2 === 1;
  const actNorm = new ActNorm(init, channels, { raw: paper });
  const links = (kind: "time" | "channel", linear: Bijection, coupling: Bijection, shortcut?: Shortcut): Link[] => [
    { name: `${name}actnorm`, bijection: actNorm, ...(shortcut && { shortcut }) },
    { name: `${name}${kind} map`, bijection: linear },
    { name: `${name}${kind} coupling`, bijection: coupling },
  ];
  if (!overTime) {
    const linear = paper ? new ChannelPermutation(init, channels) : new ChannelLinear(init, channels);
    return links("channel", linear, new ChannelCoupling(init, positions, channels, config, paper ? false : turn));
  }
  const linear = paper ? new TimePermutation(init, positions) : new TimeLinear(init, positions);
  const coupling = paper
    ? new HalfTimeCoupling(init, positions, channels, config)
    : new ParityTimeCoupling(init, positions, channels, config, turn);
  return links("time", linear, coupling, new TimeStep(actNorm, linear, coupling));
}

/** Block `level` (from 1) and all that follow it, on input of the block's own shape. */
function blocks(init: InitContext, shape: BlockShape, config: FlowConfig, level: number): Chain {
  const path = `level ${level} / `;
  const links = Array.from({ length: config.steps }, (_, index) => stepLinks(init, shape, config, index)).flat();
  if (level === config.levels) {
    links.push({ name: "prior", bijection: new FinalPrior(init, shape.channels, `latent ${level}`) });
    return new Chain(links, path);
  }
  const splits = config.layout === "paper" || level > 1;
  const kept = splits ? shape.channels / 2 : shape.channels;
  const next = blocks(init, { positions: shape.positions / 2, channels: 2 * kept }, config, level + 1);
  if (splits) {
    links.push({ name: "split", bijection: new SplitPrior(init, shape.channels, `latent ${level}`) });
    links.push({ name: "later blocks", bijection: new OnFirstHalf(new Squeezed(next)) });
  } else {
    links.push({ name: "later blocks", bijection: new Squeezed(next) });
  }
  return new Chain(links, path);
}

/**
 * The whole non-autoregressive flow as one bijection of (B, T, C) onto standard normal latents of the same shape:
 * position t of the latents holds all channels that position t of the text went into.
 *
 * Layout `paper`: block 1 works on (T, C) and splits, every later block squeezes (T, C/2) to (T/2, C) first; latents of
 * (T, C/2), (T/2, C/2), ..., the last (T/2^(L-1), C). Layout `wide`: block 1 neither splits nor has a prior; block l > 1
 * works on (T/2^(l-1), 2C). Either way log p(x) = log N(y; 0, I) + ln|det dy/dx|, each latent counted once.
 *
 * @param positions T, divisible by 2^L
 */
export function multiScaleFlow(init: InitContext, positions: number, channels: number, config: FlowConfig): Bijection {
  return blocks(init, { positions, channels }, config, 1);
}
