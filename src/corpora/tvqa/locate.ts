/** The part of a clip's subtitles and frames that belongs to a question (specification, section 13.2). */
import { cleanText } from "./cleanText.ts";
import type { TimeSpan } from "./questions.ts";
import { type Cue, type SubtitleClip, sentenceSeparator } from "./subtitles.ts";

/**
 * Indices of the cues of a question: those whose start lies strictly inside the span; where there is none, the cue
 * whose start is nearest to the span's start (the first of equally near ones) with its neighbours. The cue before the
 * first of them comes too, unless cue 0 is among them.
 *
 * @param starts start times in seconds, at least one for a result that is not empty.
 */
export function locateCues(starts: readonly number[], span: TimeSpan): number[] {
  if (starts.length === 0) return [];
  let located = starts.flatMap((start, index) => (span.start < start && start < span.end ? [index] : []));
  if (located.length === 0) {
    let nearest = 0;
    for (let index = 1; index < starts.length; index++) {
      if (Math.abs(starts[index] - span.start) < Math.abs(starts[nearest] - span.start)) nearest = index;
    }
    located = [nearest - 1, nearest, nearest + 1].filter((index) => index >= 0 && index < starts.length);
  }
  return located.includes(0) ? located : [located[0] - 1, ...located];
}

/** The cues of a question, in order. */
export function locatedCues(clip: SubtitleClip, span: TimeSpan): Cue[] {
  const starts = clip.cues.map((cue) => cue.start);
  return locateCues(starts, span).map((index) => clip.cues[index]);
}

/** The localised subtitle: the question's cues, tokenised, joined by ` <eos> `. */
export function locatedText(clip: SubtitleClip, span: TimeSpan): string {
  return locatedCues(clip, span)
    .map((cue) => (clip.tokenised ? cue.text : cleanText(cue.text)))
    .join(` ${sentenceSeparator} `);
}

const framesPerSecond = 3;
const mostFrames = 300;

/**
 * First and last frame of a question at 3 frames a second, one second wider than the span on both sides, floored and
 * clipped to 0..300. A clip of more than 300 frames is scaled to 300 first. Where both fall together the first moves 3
 * frames back.
 *
 * @param frames how many frames the clip has.
 */
export function locateFrames(span: TimeSpan, frames: number): readonly [number, number] {
  const scale = frames > mostFrames ? (mostFrames / frames) * framesPerSecond : framesPerSecond;
  const clip = (value: number): number => Math.floor(Math.min(mostFrames, Math.max(0, value)));
  const first = clip(scale * span.start - framesPerSecond);
  const last = clip(scale * span.end + framesPerSecond);
  return [first === last ? Math.max(0, first - 3) : first, last];
}
