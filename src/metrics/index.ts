/** Floor 3: BLEU, ROUGE-L, METEOR, SQuAD exact match and F1, accuracy, diversity, significance. */
export { accuracy } from "./accuracy.ts";
export { bleu } from "./bleu.ts";
export {
  type BootstrapOptions,
  bootstrapInterval,
  type Interval,
  type PairedBootstrap,
  pairedBootstrap,
} from "./bootstrap.ts";
export { type CorpusScores, corpusScore, exampleScores } from "./corpusScores.ts";
export { distinctN, selfBleu } from "./diversity.ts";
export { type ModuleName, moduleNames } from "./meteor/alignment.ts";
export {
  Meteor,
  type MeteorOptions,
  type MeteorParameters,
  type MeteorScores,
  type MeteorVersion,
  meteor,
  meteorParameters,
} from "./meteor/meteor.ts";
export {
  builtinMeteorTables,
  loadMeteorTables,
  type MeteorTables,
  meteorFiles,
  meteorFolder,
} from "./meteor/tables.ts";
export { rouge, rougeL } from "./rouge.ts";
export { type SignTest, signTest, signTestOfCounts } from "./signTest.ts";
export { type GoldAnswers, normalizeAnswer, type SquadScores, scoreAnswer, squad } from "./squad.ts";
export { type TokenizationName, tokenizationNames } from "./tokenization.ts";
