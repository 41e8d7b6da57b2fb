/** The paper's autoregressive flow: K causal steps with encoding as a wavefront and decoding position by position. */
export { ArFlow } from "./arFlow.ts";
export { CausalBijection, type IncrementalDecoder } from "./incremental.ts";
export { encodeByLoops } from "./plainLoops.ts";
export { encodeByWavefront } from "./wavefront.ts";
