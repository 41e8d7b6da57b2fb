/** Small autoregressive flows. */
import { ArFlow, type FlowConfig, presetConfig } from "../../../src/flow/index.ts";
import { initOf } from "../support.ts";

export const channels = 4;
export const positions = 8;

export const attention: FlowConfig = {
  ...presetConfig("paper-ar").flow,
  heads: 2,
  steps: 3,
  layers: 2,
  hidden: 6,
};

/** The networks and contexts that a flow can have. */
export const variants: Readonly<Record<string, FlowConfig>> = {
  "Att-AR": attention,
  "RNN-AR": { ...attention, network: "lstm" },
  "Att-AR without context": { ...attention, acContext: "none" },
  "RNN-AR without context": { ...attention, network: "lstm", acContext: "none" },
};

export function flowOf(
  config: FlowConfig,
  options: { readonly seed?: number; readonly positions?: number; readonly dtype?: "float64" | "float32" } = {},
): ArFlow {
  return new ArFlow(initOf(options.seed ?? 1, options.dtype), options.positions ?? positions, channels, config);
}
