/**
 * Below the front: latents as plain numbers and as tensors, a step in latent space, and figures of single tokens.
 *
 *     npx tsx examples/latents.ts [FOLDER=runs/example]
 *
 * FOLDER is any trained model's, such as the one of examples/train-and-score.ts.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { builtinCorpus, flow, generate, torch } from "riverrun";

const [folder = "runs/example"] = process.argv.slice(2);
if (!existsSync(join(folder, "config.json"))) {
  console.error(`${folder} holds no trained model: run "npx tsx examples/train-and-score.ts ${folder}" first`);
  process.exit(3);
}
const model = flow.loadModel(folder);
const texts = builtinCorpus({ sentences: 100 })
  .sentences.slice(0, 2)
  .map((text) => model.prepare(text));

// Latents as plain numbers: `positions` x D of them for each text, which any program can store, search or move.
const [first, second] = generate.encodeTexts(model, texts);
const { dimensions } = model.config.data;
console.log(`"${texts[0].text}" is ${first.positions} x ${dimensions} numbers`);

// A step of the first latent towards the second, over the positions that both have.
for (const share of [0, 0.2, 0.4]) {
  const values = first.values.map((value, at) => value + share * ((second.values[at] ?? value) - value));
  const [moved] = generate.decodeLatents(model, [{ positions: first.positions, values }]);
  console.log(`  ${share} of the way: ${moved.text}`);
}

// The same as tensors, for figures that the front does not have. What a scope makes is freed at its end.
const figures = torch.noGrad(() =>
  torch.scope(() => {
    const batch = model.batch(texts.slice(0, 1));
    const points = model.points(batch); // (1, T, D)
    const latents = model.encode(batch); // (1, T, D), standard normal under the model, so |z|^2 / D is 1 on average
    const energies = latents.mul(latents).mean([2]).toNumbers();
    const margins = model.embedder.bayesLogProbabilities(points).gather(2, batch.ids.unsqueeze(2)).toNumbers();
    return { energies, margins };
  }),
);
console.log("token, |z|^2 / D, ln p(token | its own point)");
model.vocabulary.decode(texts[0].ids).forEach((token, at) => {
  console.log(`  ${token.padEnd(12)} ${figures.energies[at].toFixed(3)} ${figures.margins[at].toFixed(4)}`);
});
model.dispose();
