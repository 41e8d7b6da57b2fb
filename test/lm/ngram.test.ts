import fc from "fast-check";
import { expect, test } from "vitest";
import { BigramModel, dataEntropy } from "../../src/lm/index.ts";
import { Vocabulary } from "../../src/text/vocabulary.ts";

// Ids: 4 = a, 5 = b, 6 = c; the vocabulary has 7 tokens, 5 of which can be predicted.
const { eos, sos, unk, pad } = Vocabulary;
const [a, b, c] = [4, 5, 6];
const size = 7;
const texts = [
  [a, b, eos],
  [a, a, eos],
];

test("the bigram model is the one computed by hand", () => {
  const model = new BigramModel(texts, size);
  // Six tokens: a three times, b once, <eos> twice; five can be predicted.
  expect(model.unigram(a)).toBeCloseTo(4 / 11, 15);
  expect(model.unigram(c)).toBeCloseTo(1 / 11, 15);
  // After <sos>: a twice, one kind. After a: b, a and <eos> once each, three kinds. After b: <eos> once.
  expect(model.probability(sos, a)).toBeCloseTo((2 + 4 / 11) / 3, 15);
  expect(model.probability(a, b)).toBeCloseTo((1 + (3 * 2) / 11) / 6, 15);
  expect(model.probability(a, c)).toBeCloseTo((0 + 3 / 11) / 6, 15);
  expect(model.probability(b, eos)).toBeCloseTo((1 + 3 / 11) / 2, 15);
  expect(model.probability(c, a)).toBeCloseTo(4 / 11, 15);
  const byHand = -Math.log((2 + 4 / 11) / 3) - Math.log((1 + 6 / 11) / 6) - Math.log((1 + 3 / 11) / 2);
  expect(model.nats([a, b, eos])).toBeCloseTo(byHand, 12);
  // Pairs: (sos, a), (a, b), (a, a), (a, eos), (b, eos); tokens: a, b, eos.
  expect(model.parameters).toBe(5 + 3);
});

test("entropies of the data are those computed by hand", () => {
  const { unigram, bigram } = dataEntropy(texts);
  const h = (...p: number[]): number => -p.reduce((sum, value) => sum + value * Math.log(value), 0);
  expect(unigram).toBeCloseTo(h(3 / 6, 1 / 6, 2 / 6), 14);
  // Of six tokens two follow <sos> (certain), three follow a (ln 3 each), one follows b (certain).
  expect(bigram).toBeCloseTo((3 / 6) * Math.log(3), 14);
  expect(() => dataEntropy([])).toThrow(/no text/);
  expect(() => new BigramModel([[]], size)).toThrow(/at least one token/);
});

test("after every token the probabilities of what can be predicted sum to 1", () => {
  const id = fc.constantFrom(unk, eos, a, b, c);
  fc.assert(
    fc.property(fc.array(fc.array(id, { minLength: 1, maxLength: 6 }), { minLength: 1, maxLength: 6 }), (corpus) => {
      const model = new BigramModel(corpus, size);
      for (const before of [sos, unk, eos, a, b, c]) {
        const total = [...Array(size).keys()]
          .filter((token) => token !== pad && token !== sos)
          .reduce((sum, token) => sum + model.probability(before, token), 0);
        expect(total).toBeCloseTo(1, 12);
      }
    }),
    { seed: 1, numRuns: 50 },
  );
});
