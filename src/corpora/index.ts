/** Floor 2: texts from files and the built-in corpus. */
export { type BuiltinCorpus, builtinCorpus, type Scene, type SceneQuestion } from "./builtin/corpus.ts";
export { type Line, readLines, readTextLines, readTexts, requireFile, type Split, splitHeldOut } from "./textFile.ts";
