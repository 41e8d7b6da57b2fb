/** riverrun score */
import type { Command } from "commander";
import { nonFiniteIn } from "../../base/finite.ts";
import { counted } from "../counted.ts";
import type { ModelOptions } from "../model.ts";
import { integer, type LineOptions, overLinesOfTexts } from "../options.ts";
import { say } from "../output.ts";
import { modelCommand } from "../program.ts";

interface ScoreOptions extends ModelOptions, LineOptions {
  readonly seed: number;
}

/** Adds `riverrun score`. */
export function addScore(program: Command): void {
  overLinesOfTexts(
    modelCommand(
      program,
      "score",
      "one JSON line a text: nats, nats per token, bits per dimension, unknown words",
      "score --model runs/lines lines.txt",
    ),
  )
    .option("--seed <n>", "of the evaluation noise", integer(0), 1)
    .option("--json", "JSON lines (always so)")
    .action(score);
}

async function score(file: string | undefined, options: ScoreOptions): Promise<void> {
  const { noiseFloor } = await import("../../flow/index.ts");
  const { scoreTexts } = await import("../../generate/index.ts");
  const { openModel } = await import("../model.ts");
  const { overTexts } = await import("../texts.ts");
  const model = openModel(options);
  if (model.attentionDecoder) {
    say(
      "the scores are those of the flow: the decoder of Language Flow+ says words of latents and has no density of texts",
    );
  }
  let scored = 0;
  let nats = 0;
  let tokens = 0;
  let bits = 0;
  let unknown = 0;
  await overTexts(model, file, options, (batch) =>
    scoreTexts(model, batch, { seed: options.seed }).map((row, index) => {
      const record = { text: batch[index].text, ...row, truncated: batch[index].truncated };
      if (nonFiniteIn(record) !== undefined) return [record];
      scored++;
      nats += row.nelbo;
      tokens += row.tokens;
      bits += row.bitsPerDim;
      unknown += row.unknown;
      return [record];
    }),
  );
  if (scored > 0) {
    say(
      `${counted(scored, "text")}, ${counted(tokens, "token")}: ${(nats / tokens).toFixed(4)} nats per token (perplexity at most ${Math.exp(nats / tokens).toPrecision(4)}), ${(bits / scored).toFixed(4)} bits per dimension (floor ${noiseFloor(model.config.data.sigma).toFixed(4)}), ${((100 * unknown) / tokens).toFixed(2)} % unknown words`,
    );
  }
}
