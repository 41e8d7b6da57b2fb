/** Texts of our own for golden figures that are checked everywhere, and small METEOR tables of our own. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { meteorFiles } from "../../src/metrics/index.ts";

/** A hypothesis and two references. */
export interface OwnExample {
  readonly hypothesis: string;
  readonly references: readonly [string, string];
}

const lines = `
The ferry leaves the northern harbour at 7.30 a.m. | The ferry departs from the northern harbour at 7.30 a.m. | At 7.30 a.m. the boat leaves the harbour in the north.
Dr. Moreno didn't buy the U.S.-based company. | Dr. Moreno did not purchase the US company. | The company in the U.S. was not bought by Moreno.
Prices rose by 3,5 percent, to 1,250.75 euros... | Prices went up by 3.5 percent to 1,250.75 euros. | Prices increased 3,5 %: 1,250.75 euros!
"Where is the key?" she asked -- twice. | “Where's the key?” she asked – twice. | She asked two times: 'where is the key'?
a b c d e f | f e d c b a | a b c d e f
children children children run | the children ran | a child was running and running
He quickly ate the ripe apples of the old trees | He ate ripe apples from the old tree fast | Quickly, he was eating the tree's ripe apples
state-of-the-art well-known semi-automatic | state of the art well known semi automatic | the state-of-the-art
one | one | two
two words | one | words two
completely different text | nothing in common here | neither in this one
The 1990's songs weren't o'clock rock'n'roll | The songs of the 1990s were not rock and roll | 1990's songs: rock 'n' roll
What year did the old bridge open ? | In what year was the old bridge opened ? | when did they open the bridge ?
what is the name of the river -lrb- near the town -rrb- ? | which river is near the town ? | what river flows -lrb- near -rrb- the town ?
Naïve café owners über Ångström straße | Naive cafe owners over Angstrom street | Naïve café owner straße
Иван читает книгу | Иван читал книги | книгу читает Иван
漢字 と かな 🙂 . | 漢字 🙂 と かな | かな と 漢字 .
Mr. Brown and Mrs. Green met Prof. Black in St. Anton. Inc. shares fell. | Mr Brown and Mrs Green met Professor Black in Saint Anton. | In St. Anton Prof. Black met Mr. Brown and Mrs. Green.
See No. 5, pp. 12-14, Art. 3 and fig. 7. | See number 5, pages 12 to 14. | See No. 5, No. x, pp. 12–14.
the the the the the cat | the cat sat on the mat | the cat is on the mat
&quot;Tom &amp; Jerry&quot; &lt;b&gt; 5-6 | "Tom & Jerry" <b> 5 - 6 | Tom and Jerry
in spite of the rain they took part in the race | despite the rain they participated in the race | they joined the race in spite of the rain
the physician bought a big automobile | the doctor purchased a large car | a large car was bought by the doctor
the men and women were lying on the skis | a man and a woman lay on their ski | women lie on skis
the big big big dog dog barked at the large large dog | the large dog barked at the big dog | big dogs bark
a great number of people agree | many people agree | a lot of people are in agreement
they took part took part took part | they participated participated | they took part in it
.. . ... .... , ,, a.b.c. x.y 3.x x.3 ,5 5, | . .. ... a b c xy | a.b.c.
`;

/** The examples; one hypothesis and one reference are empty. */
export const ownExamples: readonly OwnExample[] = [
  ...lines
    .trim()
    .split("\n")
    .map((line) => {
      const [hypothesis, first, second] = line.split(" | ");
      return { hypothesis, references: [first, second] as const };
    }),
  { hypothesis: "", references: ["an empty hypothesis", "is possible"] },
  { hypothesis: "an empty reference", references: ["", "is possible"] },
];

/** Words for the stemmer, chosen for its rules and exceptions. */
export const stemWords =
  "skis skies dying lying tying idly gently ugly early only singly sky news howe atlas cosmos bias andes inning innings outing canning herring earring proceed exceed succeed proceeds exceeding generally generate communism communication arsenal caresses ties cries tied gas gaps kiwis this luminous boss feed agreed agreeing plastered bled motoring sing luxuriating hopping hoping hopped hoped filing filling sized falling troubled tanned cry by say enjoy youth boyish yes toy toys relational conditional rationally valency hesitancy digitizer conformably radically differently vilely analogously vietnamization predication operator feudalism decisiveness hopefulness callousness formality sensitivity sensibility analogies apology archaeology triplicate formative formalize electricity electrical hopeful goodness revival allowance inference airliner gyroscopic adjustable defensible irritant replacement adjustment dependent adoption homologous effective bowdlerize probate rate cease controll roll rolling knack knees 's 'tis dogs' dog's o'clock don't a is beautiful beauty bees yyy ay yay sayer naïve café x-rays 3rd bagpipes internationalization nationally relate related relating oppositely ingly edly eedly bedding beds exceedingly".split(
    " ",
  );

const synsets: readonly (readonly [string, string])[] = [
  ["big", "101 102"],
  ["boat", "201"],
  ["buy", "301"],
  ["car", "401 402"],
  ["automobile", "401"],
  ["depart", "501"],
  ["doctor", "601"],
  ["eat", "701"],
  ["ferry", "201"],
  ["large", "102"],
  ["leave", "501"],
  ["man", "801"],
  ["open", "901"],
  ["physician", "601"],
  ["purchase", "301"],
  ["quickly", "1001"],
  ["fast", "1001"],
  ["rise", "1101"],
  ["increase", "1101"],
  ["woman", "801"],
];

const exceptions: readonly (readonly [string, string])[] = [
  ["buy", "bought"],
  ["eat", "ate eaten"],
  ["rise", "rose risen"],
  ["leave", "left"],
];

const paraphrases: readonly (readonly [string, string])[] = [
  ["took part", "participated"],
  ["in spite of", "despite"],
  ["a great number of", "many"],
  ["many", "a lot of"],
  ["did not", "didn 't"],
  ["went up", "rose"],
  ["the", "the old"],
  ["the old", "the"],
  ["participated", "took part in"],
  ["two times", "twice"],
  ["agree", "are in agreement"],
  ["large", "big"],
  ["name of the river", "river"],
  ["what year", "in what year"],
];

/** Writes tables of our own in the layout of METEOR's files. */
export function writeOwnTables(folder: string): void {
  const pairs = (list: readonly (readonly [string, string])[]): string =>
    list.map(([word, rest]) => `${word}\n${rest}\n`).join("");
  const files: Record<string, string | Uint8Array> = {
    [meteorFiles.functionWords]: "the\na\nof\nin\nto\n,\n.\n?\n's\nand\n-lrb-\n",
    [meteorFiles.nonbreaking]: "# titles\nMr\nMrs\nDr\nSt\n\nNo #NUMERIC_ONLY#\npp #NUMERIC_ONLY#\n",
    [meteorFiles.synsets]: pairs(synsets),
    [meteorFiles.exceptions]: pairs(exceptions),
    "synonym/english.relations": "",
    [meteorFiles.paraphrases]: gzipSync(paraphrases.map(([a, b]) => `0.5\n${a}\n${b}\n`).join("")),
  };
  for (const [name, contents] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), contents);
  }
}
