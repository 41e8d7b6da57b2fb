/** Floor 2: texts from files and the built-in corpus. */

export { type BadRecord, BadRecordTally, describeBadRecord, type ReadOptions } from "./badRecords.ts";
export { type BuiltinCorpus, builtinCorpus, type Scene, type SceneQuestion } from "./builtin/corpus.ts";
export { dataCache, dataSetNamed, folderOf, isFetched, requireDataSet } from "./fetch/cache.ts";
export { type FetchedSet, fetchSet } from "./fetch/fetchSet.ts";
export { type DataSet, dataSets } from "./fetch/registry.ts";
export { type Inspection, type InspectionReport, inspectFiles, type Overlap } from "./inspect/inspect.ts";
export { type ParallelPair, readParallel, romanianLetters } from "./parallel.ts";
export { type Dialogue, dialogueParagraph, readFriendsQa } from "./squad/friendsQa.ts";
export {
  type ContextChunk,
  contextChunks,
  type QuestionTriple,
  questionTriples,
  replaceChunks,
  type SentenceSplitter,
  type Span,
} from "./squad/questionGeneration.ts";
export { countQuestions, distinctContexts, paragraphsOf, splitDu17, splitSquadHalves } from "./squad/splits.ts";
export {
  readSquad,
  readSquadParagraphs,
  type SquadAnswer,
  type SquadArticle,
  type SquadParagraph,
  type SquadQuestion,
} from "./squad/squad.ts";
export {
  type Line,
  type RecordId,
  readLines,
  readTextLines,
  readTexts,
  recordTexts,
  requireFile,
  type Split,
  splitHeldOut,
} from "./textFile.ts";
export { cleanText } from "./tvqa/cleanText.ts";
export { type ClipFeatures, FrameFeatures } from "./tvqa/frameFeatures.ts";
export { locateCues, locatedCues, locatedText, locateFrames } from "./tvqa/locate.ts";
export {
  type MomentDescription,
  readMomentDescriptions,
  readTvqaQuestions,
  spanOrDefault,
  type TimeSpan,
  type TvqaQuestion,
} from "./tvqa/questions.ts";
export { type Cue, clipText, readSubtitleClips, type SubtitleClip, type SubtitleFormat } from "./tvqa/subtitles.ts";
