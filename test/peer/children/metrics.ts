/**
 * The live check of the metrics: runs METEOR's jar, coco-caption, sacrebleu and CoreNLP on the tests' texts and compares
 * what they say with the golden figures, with which `npm test` compares riverrun. Started by `npm run oracle -- metrics`,
 * which gives the interpreter in ORACLE_PYTHON. SQUAD_EVALUATE may name SQuAD's evaluate-v1.1.py.
 */
import { resolve } from "node:path";
import { messageOf } from "../../../src/base/errors.ts";
import { References } from "../../metrics/children/references.ts";
import { ownGolden, realGolden } from "../../metrics/golden.ts";
import { hasSharedData } from "../../support/sharedData.ts";

/** Figures are kept with eight digits after the point. */
const most = 1e-8;

let failed = false;

/** Every number and text of two values of one form, told by its path: numbers by their difference, texts by equality. */
function compare(name: string, golden: unknown, live: unknown): void {
  let numbers = 0;
  let largest = 0;
  const differing: string[] = [];
  const walk = (path: string, a: unknown, b: unknown): void => {
    if (typeof a === "number" && typeof b === "number") {
      numbers++;
      const difference = Math.abs(a - b);
      largest = Math.max(largest, difference);
      if (!(difference <= most)) differing.push(path);
    } else if (typeof a === "object" && a !== null && typeof b === "object" && b !== null) {
      const [left, right] = [a, b] as Record<string, unknown>[];
      for (const key of new Set([...Object.keys(left), ...Object.keys(right)])) {
        walk(path === "" ? key : `${path}.${key}`, left[key], right[key]);
      }
    } else if (a !== b) differing.push(path);
  };
  walk("", golden, live);
  if (differing.length > 0 || numbers === 0) failed = true;
  const verdict = differing.length > 0 ? `DIFFERENT at ${differing.slice(0, 5).join(", ")}` : "as the golden file";
  process.stdout.write(`${name}: ${numbers} figures, largest difference ${largest.toExponential(1)}, ${verdict}\n`);
}

/** A golden file without what is said about it. */
function figuresOf(golden: object): Record<string, unknown> {
  const { command: _, ...figures } = golden as Record<string, unknown>;
  return figures;
}

const { ORACLE_PYTHON: python, SQUAD_EVALUATE: evaluate } = process.env;
if (!python) throw new Error("ORACLE_PYTHON is not set: start this check with npm run oracle -- metrics");
const references = new References(resolve(python));
try {
  compare("own texts", figuresOf(ownGolden), references.own());
  const { squad, ...real } = figuresOf(realGolden);
  if (hasSharedData) compare("2,000 real pairs", real, references.real());
  else process.stdout.write("2,000 real pairs: skipped, needs the real data at ../shared/data\n");
  if (hasSharedData && evaluate) compare("1,000 answers", squad, references.squad(resolve(evaluate)));
  else process.stdout.write("1,000 answers: skipped, needs the real data and SQUAD_EVALUATE=evaluate-v1.1.py\n");
} catch (error) {
  process.stderr.write(`oracle: ${messageOf(error)}\n`);
  failed = true;
} finally {
  references.close();
}
process.exitCode = failed ? 1 : 0;
