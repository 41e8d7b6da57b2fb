/**
 * New sentences, sentences between two sentences, and rewrites of a sentence by noise in latent space.
 *
 *     npx tsx examples/sample-interpolate-rewrite.ts [FOLDER=runs/example]
 *
 * FOLDER is any trained model's, such as the one of examples/train-and-score.ts.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { builtinCorpus, LanguageFlow } from "riverrun";

const [folder = "runs/example"] = process.argv.slice(2);
if (!existsSync(join(folder, "config.json"))) {
  console.error(`${folder} holds no trained model: run "npx tsx examples/train-and-score.ts ${folder}" first`);
  process.exit(3);
}
const flow = LanguageFlow.load(folder);
const [first, second] = builtinCorpus({ sentences: 100 }).sentences;

console.log("samples: sample i of seed s is the only sample of seed s + i, so each can be made again alone");
for (const { text, seed } of flow.sample({ count: 3, seed: 1, temperature: 0.7 })) console.log(`  ${seed}: ${text}`);

console.log("interpolations: ratio 1 is the first sentence, 0 the second");
for (const { ratio, text } of flow.interpolate(first, second, { ratios: [1, 0.75, 0.5, 0.25, 0], spherical: true })) {
  console.log(`  ${ratio}: ${text}`);
}

console.log("rewrites: the more noise, the further from the source");
for (const noiseVariance of [0, 0.1, 0.5]) {
  const [rewrite] = flow.perturb([first], { noiseVariance, variants: 1, seed: 1 });
  console.log(`  ${noiseVariance}: ${rewrite.text}`);
}
flow.dispose();
