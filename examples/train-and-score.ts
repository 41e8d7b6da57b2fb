/**
 * Trains a small flow on the built-in corpus and scores sentences with it.
 *
 *     npx tsx examples/train-and-score.ts [FOLDER=runs/example] [STEPS=200]
 *
 * (`npm run setup` first; the other examples use the folder that this one fills.)
 */
import { builtinCorpus, LanguageFlow, presetConfig } from "riverrun";

const [out = "runs/example", steps = "200"] = process.argv.slice(2);

const config = presetConfig("tiny");
config.train.maxSteps = Number(steps);
const { sentences } = builtinCorpus({ sentences: 2000 });
const flow = await LanguageFlow.train({
  config,
  texts: sentences,
  out,
  resume: true, // run again, the program goes on from the last checkpoint, or just scores where the training is finished
  log: (line) => console.error(line),
});

// A sentence of the corpus, and the same words in another order: the flow should find the second far less likely.
const [real] = sentences;
const shuffled = real.split(" ").reverse().join(" ");
for (const { nelboPerToken, bitsPerDim, floorBitsPerDim, tokens } of flow.score([real, shuffled])) {
  console.log(
    `${tokens} tokens: ${nelboPerToken.toFixed(2)} nats per token, ${bitsPerDim.toFixed(3)} bits per dimension (floor ${floorBitsPerDim.toFixed(3)})`,
  );
}
flow.dispose();
