/** The page: one file that needs nothing else, in light and in dark. */
import type { Config } from "../flow/index.ts";
import type { MetricsRow, Validation } from "../train/index.ts";
import { type Curve, plot } from "./curves.ts";
import type { Findings } from "./findings.ts";
import { escape, table } from "./html.ts";

/** Everything that the page shows. */
export interface Page {
  readonly config: Config;
  readonly rows: readonly MetricsRow[];
  readonly findings: Findings;
  readonly validation: Validation | undefined;
  readonly words: number;
  readonly parameters: number;
  readonly step: number;
  readonly bestStep: number | undefined;
  /** How the training ended, as a sentence. */
  readonly end: string;
  readonly seconds: number;
  readonly threads: number | undefined;
  readonly versions: Readonly<Record<string, string>>;
}

export const style = `
:root { color-scheme: light dark; --ink: light-dark(#1d2126, #e4e7ea); --paper: light-dark(#ffffff, #16191d);
  --line: light-dark(#dfe3e8, #333a42); --quiet: light-dark(#5b6570, #9aa5b1); }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 800px; margin: 2rem auto 4rem; padding: 0 1rem;
  color: var(--ink); background: var(--paper); }
h1, h2 { line-height: 1.2; } h1 { margin-bottom: .3rem; } h2 { margin-top: 2.4rem; font-size: 1.25rem; }
p.lead { color: var(--quiet); margin-top: 0; }
table { border-collapse: collapse; width: 100%; margin: .8rem 0 1.4rem; }
td, th { text-align: left; padding: .3rem .9rem .3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th { font-weight: 600; color: var(--quiet); font-size: .9rem; }
td:first-child:not(:last-child) { font-variant-numeric: tabular-nums; } table.narrow th:first-child { width: 9rem; }
.wide { overflow-x: auto; }
figure { margin: 0; } figure svg { max-width: 100%; height: auto; --plot-background: transparent; background: transparent; }
figcaption { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; font-size: .9rem; color: var(--quiet); }
.entry { display: inline-flex; align-items: center; gap: .45rem; }
.swatch { display: inline-block; width: 1.5rem; border-top: 3px solid currentColor; }
footer { margin-top: 3rem; color: var(--quiet); font-size: .9rem; }
`;

function percent(share: number): string {
  return `${(100 * share).toFixed(2)} %`;
}

/** Hours, minutes and seconds. */
function duration(seconds: number): string {
  if (seconds < 120) return `${seconds.toFixed(0)} s`;
  return seconds < 7200 ? `${(seconds / 60).toFixed(0)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

function figures({ findings, validation, parameters, words }: Page): string {
  const { totals } = findings;
  const held = (figure: (validation: Validation) => string): string =>
    validation ? figure(validation) : "not validated yet";
  return table(
    ["figure", "value"],
    [
      ["held-out nats per token (upper bound of the model's)", held((v) => v.nelboPerToken.toFixed(4))],
      ["unigram entropy of the training tokens, nats per token", findings.unigramEntropy.toFixed(4)],
      [
        "held-out bits per dimension, with standard error",
        held((v) => `${v.bitsPerDim.toFixed(4)} ± ${v.bitsPerDimError.toFixed(4)}`),
      ],
      ["noise floor, bits per dimension", held((v) => v.floorBitsPerDim.toFixed(4))],
      ...(validation?.decoderNatsPerToken === undefined
        ? []
        : [
            [
              "held-out nats per token of the decoder, given noisy latents: no likelihood of a text; the bounds above are the flow's",
              validation.decoderNatsPerToken.toFixed(4),
            ],
          ]),
      ["held-out texts, tokens", held((v) => `${v.texts}, ${v.tokens}`)],
      [`tokens of ${totals.texts} held-out texts that come back from latent space`, percent(totals.tokenAccuracy)],
      ["largest error of a vector's component on the way back", totals.maxAbsError.toExponential(2)],
      ["held-out words that the vocabulary does not know", percent(totals.unknownShare)],
      ["held-out texts cut to the model's length", percent(totals.truncatedShare)],
      ["parameters", String(parameters)],
      ["words in the vocabulary", String(words)],
    ],
  );
}

function curves({ config, rows, findings, validation }: Page): string {
  const blocks = [...new Set(rows.flatMap((row) => Object.keys(row).filter((name) => name.startsWith("latent"))))];
  const training = (metric: string, name: string): Curve => ({ name, split: "training", metric });
  const held = (metric: string): Curve => ({ name: "held out", split: "validation", metric });
  const decoder = "decoderNatsPerToken";
  const rates = [
    plot(rows, { title: "Gradient norm", label: "norm", curves: [training("gradientNorm", "before clipping")] }),
    plot(rows, { title: "Learning rate", label: "rate", curves: [training("learningRate", "learning rate")] }),
  ];
  if (config.attentionDecoder) {
    const words = plot(rows, {
      title: "Nats per token of the decoder, given noisy latents",
      label: "nats per token",
      curves: [held(decoder), training(decoder, "training batch")],
    });
    return [words, ...rates].join("\n");
  }
  return [
    plot(rows, {
      title: "Held-out nats per token",
      label: "nats per token",
      curves: [held("nelboPerToken")],
      rule: { name: "unigram entropy of the training tokens", value: findings.unigramEntropy },
    }),
    plot(rows, {
      title: "Bits per dimension",
      label: "bits per dimension",
      curves: [held("bitsPerDim"), training("bitsPerDim", "training batch")],
      rule: validation && { name: "noise floor", value: validation.floorBitsPerDim },
    }),
    plot(rows, {
      title: "Latent mean squares by block",
      label: "mean square",
      curves: blocks.map((name) => training(name, name)),
      rule: { name: "standard normal", value: 1 },
    }),
    ...rates,
  ].join("\n");
}

function texts({ findings }: Page): string {
  const { samples, paths, rewrites, reconstructions, noiseVariance, faults } = findings;
  const ways = paths.map(({ first, second, between }) => [
    `<p>From “${escape(first)}” to “${escape(second)}”:</p>`,
    table(
      ["weight of the first", "text"],
      between.map(({ ratio, text }) => [ratio.toFixed(1), text]),
      true,
    ),
  ]);
  const worst = [...reconstructions].sort((a, b) => a.correct / a.tokens - b.correct / b.tokens).slice(0, 10);
  return `${faults.map((fault) => `<p>${escape(fault)}</p>\n`).join("")}<h2>Samples</h2>
${table(
  ["seed", "text"],
  samples.map(({ seed, text }) => [String(seed), text === "" ? "(empty)" : text]),
)}
<h2>Interpolations</h2>
${ways.flat().join("\n")}
<h2>Rewrites</h2>
<p>Noise of variance ${noiseVariance} was added to each text's latent.</p>
${table(
  ["text", "rewrite"],
  rewrites.map(({ source, text }) => [source, text]),
)}
<h2>Reconstruction</h2>
<p>Texts to latents and back; of the texts tried, these came back worst.</p>
${table(
  ["tokens right", "text", "what came back"],
  worst.map(({ correct, tokens, text, reconstruction }) => [`${correct} of ${tokens}`, text, reconstruction]),
)}`;
}

/** The page as HTML. */
export function renderPage(page: Page): string {
  const { config, step, bestStep, seconds, threads, versions } = page;
  const software = Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(", ");
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>riverrun: ${escape(config.preset)}</title>
<style>${style}</style></head><body>
<h1>${escape(config.preset)}</h1>
<p class="lead">${escape(page.end)}${bestStep === undefined ? "" : ` The model is that of step ${bestStep}, the best on held-out texts.`}</p>
<p>A continuous language flow. Nats per token bound the negative log-likelihood of a token from above, in natural
logarithms: lower is better, and exp of them bounds the perplexity. Bits per dimension measure the noisy word vectors
themselves; no model's mean can be below the entropy of the noise.</p>
<div class="wide">${figures(page)}</div>
${curves(page)}
${texts(page)}
<footer>Step ${step} of ${config.train.maxSteps}; seed ${config.seed}; ${duration(seconds)} of training${threads === undefined ? "" : ` on ${threads} thread${threads === 1 ? "" : "s"}`}; ${escape(software)}.</footer>
</body></html>
`;
}
