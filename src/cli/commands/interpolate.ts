/** riverrun interpolate */
import { type Command, Option } from "commander";
import { UsageError } from "../../base/errors.ts";
import type { PreparedText, TextFlow } from "../../flow/index.ts";
import type { ModelOptions } from "../model.ts";
import { beamOption, numbers, rawOption } from "../options.ts";
import { emit } from "../output.ts";
import { modelCommand } from "../program.ts";
import { sayTruncated } from "../truncated.ts";
import { unknownOf, unknownOption } from "../unknown.ts";
import { sayUnknown } from "../unknownWords.ts";

interface InterpolateOptions extends ModelOptions {
  readonly ratios: number[];
  readonly spherical?: boolean;
  readonly beam?: number;
  readonly unknown: boolean;
  readonly raw?: boolean;
}

/** Adds `riverrun interpolate`. */
export function addInterpolate(program: Command): void {
  modelCommand(
    program,
    "interpolate",
    "texts on the way between two texts in latent space",
    'interpolate --model runs/lines "one text" "another text"',
  )
    .argument("<first>", "a text")
    .argument("<second>", "another text")
    .addOption(
      new Option("--ratios <list>", "weights of the first text, from 0 to 1, separated by commas")
        .argParser(numbers)
        .default([0.6, 0.5, 0.4], "0.6,0.5,0.4"),
    )
    .option("--spherical", "along the great circle instead of the straight line")
    .option(...beamOption)
    .option(...unknownOption)
    .option(...rawOption)
    .action(interpolate);
}

/** @throws UsageError that says which of the two texts cannot be used */
function prepareEnd(model: TextFlow, text: string, which: string): PreparedText {
  try {
    return model.prepare(text);
  } catch (error) {
    if (error instanceof UsageError) throw new UsageError(`the ${which} text: ${error.message}`);
    throw error;
  }
}

async function interpolate(first: string, second: string, options: InterpolateOptions): Promise<void> {
  const { interpolateTexts, marksOf } = await import("../../generate/index.ts");
  const { openModel, shown } = await import("../model.ts");
  const model = openModel(options);
  const ends = [prepareEnd(model, first, "first"), prepareEnd(model, second, "second")];
  const { ratios, spherical, beam } = options;
  const choices = { ratios, spherical, beam, unknown: unknownOf(options) };
  for (const row of interpolateTexts(model, ends[0], ends[1], choices)) {
    await emit({ ratio: row.ratio, text: shown(options, row), ...marksOf(...ends) });
  }
  sayTruncated(model, ends.filter(({ truncated }) => truncated).length, ends.length);
  sayUnknown(ends.map(({ unknown }, index) => ({ unknown, of: `the ${["first", "second"][index]} text` })));
}
