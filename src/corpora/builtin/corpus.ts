/** Short scenes of the built-in world, and questions that the scenes answer. Seeded; the same for everybody. */
import { RandomStream } from "../../base/random.ts";
import * as world from "./world.ts";

/** A question whose answer is a span of one sentence of its scene. */
export interface SceneQuestion {
  readonly question: string;
  readonly answer: string;
  /** Index of the sentence that holds the answer. */
  readonly sentence: number;
  /** Offset of the answer in that sentence, in UTF-16 units. */
  readonly answerStart: number;
}

/** Sentences about the same people and things, in order. */
export interface Scene {
  readonly sentences: readonly string[];
  readonly questions: readonly SceneQuestion[];
}

/** The whole corpus. */
export interface BuiltinCorpus {
  readonly scenes: readonly Scene[];
  /** All sentences of all scenes, in order. */
  readonly sentences: readonly string[];
}

function article(word: string): string {
  return /^[aeiou]/.test(word) ? `an ${word}` : `a ${word}`;
}

function makeScene(random: RandomStream): Scene {
  const pick = <Item>(items: readonly Item[]): Item => items[random.integer(items.length)];
  const chance = (share: number): boolean => random.uniform() < share;
  const sentences: string[] = [];
  const questions: SceneQuestion[] = [];
  const say = (sentence: string): number => sentences.push(sentence) - 1;
  const ask = (question: string, answer: string, sentence: number): void => {
    questions.push({ question, answer, sentence, answerStart: sentences[sentence].indexOf(answer) });
  };

  const who = pick(world.people);
  const other = pick(world.people.filter(({ name }) => name !== who.name));
  const thing = pick(world.things);
  const adjective = pick(world.adjectives[thing.kind]);
  const object = `${adjective} ${thing.noun}`;
  const [past, present, bare] = pick(world.verbs[thing.kind]);
  const place = pick(world.places);

  if (chance(0.5)) {
    const time = pick(world.pastTimes);
    const first = say(
      chance(0.5)
        ? `${time} , ${who.name} ${past} ${article(object)} ${place} .`
        : `${who.name} ${past} ${article(object)} ${place} ${time} .`,
    );
    ask(`where did ${who.name} ${bare} the ${thing.noun} ?`, place, first);
    ask(`when did ${who.name} ${bare} the ${thing.noun} ?`, time, first);
  } else {
    const reason = pick(world.reasons);
    const first = say(`the ${who.trade} ${past} ${article(object)} ${place} ${reason} .`);
    ask(`why did the ${who.trade} ${bare} the ${thing.noun} ?`, reason, first);
    ask(`what did the ${who.trade} ${bare} ${place} ?`, article(object), first);
  }
  if (chance(0.6)) {
    const [went] = pick(world.journeys);
    const goal = pick(world.goals);
    const index = say(`then ${who.pronoun} ${went} ${goal} with ${other.name} the ${other.trade} .`);
    ask(`who went ${goal} with ${who.name} ?`, other.name, index);
  }
  if (chance(0.6)) {
    const feeling = pick(world.feelings);
    const index = say(
      `${other.name} was ${feeling} and ${pick(["sang", "waited", "laughed", "slept", "watched the boats"])} ${pick(world.places)} .`,
    );
    ask(`how did ${other.name} feel ?`, feeling, index);
  }
  if (chance(0.5)) {
    const index = say(`${who.name} gave the ${thing.noun} to ${other.name} ${pick(world.pastTimes)} .`);
    ask(`who got the ${thing.noun} ?`, other.name, index);
  }
  if (chance(0.4)) {
    say(
      `${pick(world.presentTimes)} , the ${other.trade} ${present} ${article(pick(world.adjectives[thing.kind]))} ${thing.noun} ${pick(world.places)} .`,
    );
  }
  if (chance(0.3)) say(`" is the ${thing.noun} still ${adjective} ? " asked ${other.name} .`);
  return { sentences, questions };
}

/** About `sentences` sentences (a whole number of scenes) from `seed`. */
export function builtinCorpus(options: { readonly seed?: number; readonly sentences?: number } = {}): BuiltinCorpus {
  const random = new RandomStream(options.seed ?? 1);
  const wanted = options.sentences ?? 20_000;
  const scenes: Scene[] = [];
  const sentences: string[] = [];
  while (sentences.length < wanted) {
    const scene = makeScene(random);
    scenes.push(scene);
    sentences.push(...scene.sentences);
  }
  return { scenes, sentences };
}
