/** SQuAD as question generation and augmentation use it: sentences around answers, and the chunks between them. */
import { splitSentences } from "../../text/sentences.ts";
import { CodePointOffsets } from "./codePoints.ts";
import type { SquadAnswer, SquadParagraph, SquadQuestion } from "./squad.ts";

/** A part of a text in UTF-16 units, `end` excluded. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Sentences of a text in order, without the space between them. No sentence may end inside one of the spans to keep
 * whole.
 */
export type SentenceSplitter = (text: string, keepWhole: readonly Span[]) => readonly Span[];

/** A sentence, an answer in it, and the question about it. */
export interface QuestionTriple {
  readonly id: string;
  /** The sentence that holds the answer; several where the answer spans several. */
  readonly sentence: string;
  /** The first answer, and where it stands in the sentence, in UTF-16 units. */
  readonly answer: string;
  readonly answerStart: number;
  readonly question: string;
  /** The whole paragraph, and where the sentence stands in it, in UTF-16 units. */
  readonly context: string;
  readonly sentenceStart: number;
}

function overlaps(left: Span, right: Span): boolean {
  return left.start < right.end && right.start < left.end;
}

/**
 * One triple for each answerable question of a paragraph, made with its first answer (Du et al. 2017). No sentence ends
 * inside an answer.
 */
export function* questionTriples(
  paragraph: SquadParagraph,
  split: SentenceSplitter = splitSentences,
): Generator<QuestionTriple> {
  const { context } = paragraph;
  const answered = paragraph.questions.filter((question) => question.answers.length > 0);
  const sentences = split(
    context,
    answered.map((question) => question.answers[0]),
  );
  for (const { id, question, answers } of answered) {
    const [answer] = answers;
    const touched = sentences.filter((sentence) => overlaps(sentence, answer));
    const start = Math.min(answer.start, touched[0]?.start ?? answer.start);
    const end = Math.max(answer.end, touched.at(-1)?.end ?? answer.end);
    yield {
      id,
      sentence: context.slice(start, end),
      answer: answer.text,
      answerStart: answer.start - start,
      question,
      context,
      sentenceStart: start,
    };
  }
}

/** A run of sentences that hold no answer of a question: what augmentation may replace. */
export interface ContextChunk extends Span {
  readonly text: string;
}

/**
 * The chunks of a paragraph that may be replaced for a question (specification, section 14): maximal runs of sentences
 * that overlap none of its answers, cut so that none has more than `longest` tokens. A single sentence that is longer
 * stays as it is.
 */
export function contextChunks(
  paragraph: SquadParagraph,
  question: SquadQuestion,
  tools: {
    /** Default: `splitSentences`. */
    readonly split?: SentenceSplitter;
    readonly countTokens: (text: string) => number;
    /** Tokens that fit beside the start and end of a text of 256 positions: 254. */
    readonly longest?: number;
  },
): ContextChunk[] {
  const { context } = paragraph;
  const { countTokens, split = splitSentences, longest = 254 } = tools;
  const chunks: ContextChunk[] = [];
  let run: Span | undefined;
  const finish = (): void => {
    if (run) chunks.push({ ...run, text: context.slice(run.start, run.end) });
    run = undefined;
  };
  for (const sentence of split(context, question.answers)) {
    const holdsAnswer = (span: Span): boolean => question.answers.some((answer) => overlaps(span, answer));
    if (holdsAnswer(sentence)) {
      finish();
      continue;
    }
    const fits = (span: Span): boolean => countTokens(context.slice(span.start, span.end)) <= longest;
    const longer: Span | undefined = run && { start: run.start, end: sentence.end };
    if (longer && !holdsAnswer(longer) && fits(longer)) {
      run = longer;
      continue;
    }
    finish();
    if (fits(sentence)) run = sentence;
  }
  finish();
  return chunks;
}

/**
 * The paragraph's context with some chunks replaced, and the question with its answers where they stand now. Everything
 * outside the replaced chunks, the answers above all, stays verbatim.
 *
 * @param replacements new texts by chunk; chunks without one stay.
 */
export function replaceChunks(
  paragraph: SquadParagraph,
  question: SquadQuestion,
  replacements: ReadonlyMap<ContextChunk, string>,
): { readonly context: string; readonly question: SquadQuestion } {
  const ordered = [...replacements].sort(([left], [right]) => left.start - right.start);
  let context = "";
  let at = 0;
  for (const [chunk, text] of ordered) {
    context += paragraph.context.slice(at, chunk.start) + text;
    at = chunk.end;
  }
  context += paragraph.context.slice(at);
  const offsets = new CodePointOffsets(context);
  const answers = question.answers.map((answer): SquadAnswer => {
    let start = answer.start;
    for (const [chunk, text] of ordered) {
      if (chunk.end <= answer.start) start += text.length - (chunk.end - chunk.start);
    }
    return { text: answer.text, answerStart: offsets.fromUnits(start), start, end: start + answer.text.length };
  });
  return { context, question: { ...question, answers } };
}
