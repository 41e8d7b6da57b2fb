/** Texts that are longer than a model are cut, and never silently. */
import type { TextFlow } from "../flow/index.ts";
import { counted } from "./counted.ts";
import { say } from "./output.ts";

/** Warns on stderr where texts were cut. */
export function sayTruncated(model: TextFlow, truncated: number, texts: number): void {
  if (truncated === 0) return;
  const were = truncated === 1 ? "was" : "were";
  say(
    `warning: ${truncated} of ${counted(texts, "text")} ${were} longer than the model's ${model.config.data.positions} positions and ${were} cut`,
  );
}
