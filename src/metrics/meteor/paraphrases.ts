/** METEOR's paraphrase table: which phrases may stand for which. */
import { createReadStream } from "node:fs";
import { createGunzip } from "node:zlib";
import { DataMissingError, messageOf, UsageError } from "../../base/errors.ts";
import { ByteVocabulary } from "./byteVocabulary.ts";

/** A list of integers that grows. */
class Integers {
  values = new Int32Array(1024);
  length = 0;

  push(value: number): number {
    if (this.length === this.values.length) {
      const longer = new Int32Array(2 * this.length);
      longer.set(this.values);
      this.values = longer;
    }
    this.values[this.length] = value;
    return this.length++;
  }
}

/**
 * The paraphrase table as a trie over word ids: a state per beginning of a phrase, at each state the paraphrases of the
 * phrase that ends there, in the order of the file. Flat arrays, since the published table has 5.3 million entries.
 */
export class ParaphraseTable {
  readonly #words: ByteVocabulary;
  /** Open addressing over (state, word): the state that follows, 0 where free. */
  #keysState = new Int32Array(1 << 12);
  #keysWord = new Int32Array(1 << 12);
  #children = new Int32Array(1 << 12);
  #transitions = 0;
  /** First and last entry of each state, -1 where none. */
  readonly #first = new Integers();
  readonly #last = new Integers();
  /** Of each entry: the next of its state, where its words start in the pool; one closing start. */
  readonly #next = new Integers();
  readonly #start = new Integers();
  readonly #pool = new Integers();

  private constructor(words: ByteVocabulary) {
    this.#words = words;
    this.#newState();
    this.#start.push(0);
  }

  /** Number of entries kept. */
  get size(): number {
    return this.#next.length;
  }

  #newState(): number {
    this.#first.push(-1);
    return this.#last.push(-1);
  }

  #slot(state: number, word: number): number {
    const mask = this.#children.length - 1;
    const hash = Math.imul(state, 0x9e3779b1) ^ Math.imul(word, 0x85ebca6b);
    let slot = (hash ^ (hash >>> 15)) & mask;
    while (this.#children[slot] !== 0 && (this.#keysState[slot] !== state || this.#keysWord[slot] !== word)) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #grow(): void {
    const [states, words, children] = [this.#keysState, this.#keysWord, this.#children];
    this.#keysState = new Int32Array(2 * states.length);
    this.#keysWord = new Int32Array(2 * states.length);
    this.#children = new Int32Array(2 * states.length);
    for (let old = 0; old < children.length; old++) {
      if (children[old] !== 0) this.#set(this.#slot(states[old], words[old]), states[old], words[old], children[old]);
    }
  }

  #set(slot: number, state: number, word: number, child: number): void {
    this.#keysState[slot] = state;
    this.#keysWord[slot] = word;
    this.#children[slot] = child;
  }

  #add(phrase: Int32Array, phraseLength: number, paraphrase: Int32Array, paraphraseLength: number): void {
    let state = 0;
    for (let k = 0; k < phraseLength; k++) {
      let slot = this.#slot(state, phrase[k]);
      if (this.#children[slot] === 0) {
        if (2 * ++this.#transitions > this.#children.length) {
          this.#grow();
          slot = this.#slot(state, phrase[k]);
        }
        this.#set(slot, state, phrase[k], this.#newState());
      }
      state = this.#children[slot];
    }
    const entry = this.#next.push(-1);
    if (this.#last.values[state] === -1) this.#first.values[state] = entry;
    else this.#next.values[this.#last.values[state]] = entry;
    this.#last.values[state] = entry;
    for (let k = 0; k < paraphraseLength; k++) this.#pool.push(paraphrase[k]);
    this.#start.push(this.#pool.length);
  }

  /** The id of a word, -1 where the table does not have it. */
  idOf(word: string): number {
    return this.#words.idOf(word);
  }

  /** One more than the largest id. */
  get vocabularySize(): number {
    return this.#words.size;
  }

  /**
   * Calls `found(length, from, to)` for every paraphrase of every phrase of the table that starts at `start` in
   * `ids`: shorter phrases first, then in the order of the file. The paraphrase is {@link pool}[from, to).
   */
  forEachParaphrase(ids: Int32Array, start: number, found: (length: number, from: number, to: number) => void): void {
    let state = 0;
    for (let i = start; i < ids.length; i++) {
      if (ids[i] < 0) return;
      state = this.#children[this.#slot(state, ids[i])];
      if (state === 0) return;
      for (let entry = this.#first.values[state]; entry >= 0; entry = this.#next.values[entry]) {
        found(i + 1 - start, this.#start.values[entry], this.#start.values[entry + 1]);
      }
    }
  }

  /** Word ids of all paraphrases, which {@link forEachParaphrase} points into. */
  get pool(): Int32Array {
    return this.#pool.values;
  }

  /**
   * Reads a table: gzipped lines in threes, a probability (not used, as in METEOR), a phrase, a paraphrase.
   *
   * @param words where given, only entries made of these words are kept. Others can never match texts made of these
   * words, so scores are the same, with a fraction of the memory.
   * @throws DataMissingError where there is no such file, UsageError where it is cut or not gzip.
   */
  static async read(path: string, words?: Iterable<string>): Promise<ParaphraseTable> {
    const vocabulary = new ByteVocabulary();
    for (const word of words ?? []) vocabulary.add(word);
    const table = new ParaphraseTable(vocabulary);
    const lines = new TripleReader(vocabulary, words === undefined, (...entry) => table.#add(...entry));
    const source = createReadStream(path, { highWaterMark: 1 << 20 });
    const unpacked = source.pipe(createGunzip({ chunkSize: 1 << 20 }));
    source.on("error", (error) => unpacked.destroy(error));
    try {
      for await (const chunk of unpacked) lines.push(chunk as Buffer);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") throw new DataMissingError(`${path} is not there`);
      throw new UsageError(`${path} cannot be read as a gzipped paraphrase table: ${messageOf(error)}`, {
        cause: error,
      });
    }
    const rest = lines.end();
    if (rest !== 0) {
      throw new UsageError(
        `${path} ends within an entry (line ${rest}); expected threes of lines: probability, phrase, paraphrase`,
      );
    }
    return table;
  }
}

type Entry = [phrase: Int32Array, phraseLength: number, paraphrase: Int32Array, paraphraseLength: number];

/** Cuts a stream of bytes into entries and words into ids, byte by byte and without strings: it sees 270 MB. */
class TripleReader {
  readonly #vocabulary: ByteVocabulary;
  readonly #learn: boolean;
  readonly #found: (...entry: Entry) => void;
  readonly #phrases = [new Int32Array(256), new Int32Array(256)];
  readonly #lengths = [0, 0];
  /** The line of the entry that the next byte belongs to: 0 probability, 1 phrase, 2 paraphrase. */
  #part = 0;
  #lines = 0;
  /** False once a word of the entry is not in the vocabulary. */
  #wanted = true;
  #rest: Buffer = Buffer.alloc(0);

  constructor(vocabulary: ByteVocabulary, learn: boolean, found: (...entry: Entry) => void) {
    this.#vocabulary = vocabulary;
    this.#learn = learn;
    this.#found = found;
  }

  push(chunk: Buffer): void {
    const bytes = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = 0;
    for (;;) {
      const end = bytes.indexOf(10, at);
      if (end < 0) break;
      this.#line(bytes, at, end);
      at = end + 1;
    }
    this.#rest = Buffer.from(bytes.subarray(at));
  }

  /** Takes a last line without an end; 0, or the number of the line after which the file breaks off. */
  end(): number {
    if (this.#rest.length > 0) this.#line(this.#rest, 0, this.#rest.length);
    return this.#part === 0 ? 0 : this.#lines;
  }

  #line(bytes: Buffer, from: number, to: number): void {
    this.#lines++;
    if (this.#part === 0) {
      this.#wanted = true;
      this.#part = 1;
      return;
    }
    const which = this.#part - 1;
    if (this.#wanted) this.#words(bytes, from, to, which);
    if (which === 0) {
      this.#part = 2;
      return;
    }
    this.#part = 0;
    if (!this.#wanted || this.#lengths[0] === 0 || this.#lengths[1] === 0) return;
    this.#found(this.#phrases[0], this.#lengths[0], this.#phrases[1], this.#lengths[1]);
  }

  #words(bytes: Buffer, from: number, to: number, which: number): void {
    let length = 0;
    let start = from;
    while (start < to) {
      while (start < to && bytes[start] <= 32) start++;
      if (start === to) break;
      let end = start + 1;
      while (end < to && bytes[end] > 32) end++;
      const id = this.#learn ? this.#vocabulary.addBytes(bytes, start, end) : this.#vocabulary.find(bytes, start, end);
      if (id < 0) {
        this.#wanted = false;
        return;
      }
      if (length === this.#phrases[which].length) {
        const longer = new Int32Array(2 * length);
        longer.set(this.#phrases[which]);
        this.#phrases[which] = longer;
      }
      this.#phrases[which][length++] = id;
      start = end;
    }
    this.#lengths[which] = length;
  }
}
