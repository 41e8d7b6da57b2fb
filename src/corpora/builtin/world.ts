/** The people, places and things of the built-in corpus: a small river town of the project's own invention. */

/** A person: a name, how pronouns refer to them, and a trade that decides what they make and with what. */
export interface Person {
  readonly name: string;
  readonly pronoun: "she" | "he";
  readonly trade: string;
}

/** A thing somebody can make, carry, find or give away. */
export interface Thing {
  readonly noun: string;
  readonly kind: "food" | "tool" | "craft";
}

export const people: readonly Person[] = [
  { name: "mara", pronoun: "she", trade: "baker" },
  { name: "oskar", pronoun: "he", trade: "fisher" },
  { name: "lene", pronoun: "she", trade: "weaver" },
  { name: "tomas", pronoun: "he", trade: "carpenter" },
  { name: "ida", pronoun: "she", trade: "gardener" },
  { name: "ruben", pronoun: "he", trade: "potter" },
  { name: "signe", pronoun: "she", trade: "teacher" },
  { name: "emil", pronoun: "he", trade: "ferryman" },
  { name: "vera", pronoun: "she", trade: "doctor" },
  { name: "jonas", pronoun: "he", trade: "shepherd" },
  { name: "greta", pronoun: "she", trade: "miller" },
  { name: "anton", pronoun: "he", trade: "clockmaker" },
];

export const places: readonly string[] = [
  "at the market",
  "by the river",
  "in the old mill",
  "under the stone bridge",
  "behind the school",
  "on the ferry",
  "in the garden",
  "near the well",
  "at the harbour",
  "in the workshop",
  "on the hill",
  "beside the chapel",
  "in the kitchen",
  "at the north gate",
];

export const things: readonly Thing[] = [
  { noun: "loaf", kind: "food" },
  { noun: "pie", kind: "food" },
  { noun: "trout", kind: "food" },
  { noun: "apple", kind: "food" },
  { noun: "cheese", kind: "food" },
  { noun: "pear", kind: "food" },
  { noun: "hammer", kind: "tool" },
  { noun: "net", kind: "tool" },
  { noun: "rope", kind: "tool" },
  { noun: "lantern", kind: "tool" },
  { noun: "ladder", kind: "tool" },
  { noun: "spade", kind: "tool" },
  { noun: "basket", kind: "craft" },
  { noun: "blanket", kind: "craft" },
  { noun: "bowl", kind: "craft" },
  { noun: "chair", kind: "craft" },
  { noun: "clock", kind: "craft" },
  { noun: "flute", kind: "craft" },
];

/** Adjectives that fit each kind of thing. */
export const adjectives: Readonly<Record<Thing["kind"], readonly string[]>> = {
  food: ["fresh", "warm", "sweet", "large", "small"],
  tool: ["heavy", "rusty", "long", "borrowed", "new"],
  craft: ["blue", "red", "painted", "broken", "beautiful", "old"],
};

/** Verbs with a thing as object, in the past, the present of the third person, and the bare form. */
export const verbs: Readonly<Record<Thing["kind"], readonly (readonly [string, string, string])[]>> = {
  food: [
    ["bought", "buys", "buy"],
    ["tasted", "tastes", "taste"],
    ["shared", "shares", "share"],
    ["carried", "carries", "carry"],
    ["sold", "sells", "sell"],
  ],
  tool: [
    ["lost", "loses", "lose"],
    ["found", "finds", "find"],
    ["repaired", "repairs", "repair"],
    ["carried", "carries", "carry"],
    ["cleaned", "cleans", "clean"],
  ],
  craft: [
    ["made", "makes", "make"],
    ["sold", "sells", "sell"],
    ["admired", "admires", "admire"],
    ["hid", "hides", "hide"],
    ["found", "finds", "find"],
  ],
};

export const pastTimes: readonly string[] = [
  "yesterday",
  "last week",
  "in the morning",
  "after the storm",
  "before supper",
  "on sunday",
];
export const presentTimes: readonly string[] = [
  "every morning",
  "on market days",
  "in winter",
  "when it rains",
  "at noon",
];
export const reasons: readonly string[] = [
  "because winter was near",
  "because the feast was near",
  "because the rain had stopped",
  "because nobody else had time",
  "because a friend had asked",
];
export const feelings: readonly string[] = ["happy", "tired", "hungry", "proud", "worried", "cold"];
export const journeys: readonly (readonly [string, string])[] = [
  ["walked", "walk"],
  ["ran", "run"],
  ["rowed", "row"],
  ["climbed", "climb"],
];
export const goals: readonly string[] = [
  "to the market",
  "to the harbour",
  "to the mill",
  "to the chapel",
  "to the hill",
  "home",
];
