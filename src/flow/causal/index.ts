/** Flows that run left to right with any density a step: causal transformers, mixture heads, alternating orders. */
export {
  CausalNetwork,
  type CausalPass,
  CausalReader,
  type CausalShape,
  type CausalSize,
  type Condition,
} from "./network.ts";
