/** Finding where numbers stopped being finite. */
import { type TextBatch, type TextFlow } from "../flow/index.ts";
import { noGrad, scope, type Tensor } from "../torch/index.ts";

/** The first part of the flow whose output is not finite on this batch, or undefined where all are. */
export function firstNonFinite(model: TextFlow, batch: TextBatch, noise: Tensor): string | undefined {
  let found: string | undefined;
  noGrad(() =>
    scope(() => {
      model.likelihood(batch, noise, {
        trace: (where, values) => {
          if (found === undefined && scope(() => values.isFinite().all().item()) === 0) found = where;
        },
      });
    }),
  );
  return found;
}
