/** Small files of every format, made here. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

export { scratch } from "../folders.ts";

/** Writes a file below a folder and says where. */
export function put(folder: string, name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const collected: Item[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** An answer as SQuAD's files have it: its place is the first occurrence, in code points. */
export function squadAnswer(context: string, text: string): { answer_start: number; text: string } {
  return { answer_start: Array.from(context.slice(0, context.indexOf(text))).length, text };
}

const skiff = "The skiff left Port Ellery at dawn. Its mast was 12 feet tall. Nobody saw it again!";
// Two characters outside the BMP, so that code points and UTF-16 units differ after them.
const signal = "A lamp \u{1f6a8} stood on the pier. Keeper Wren \u{1d11e} lit it every night.";

export const squadFile = {
  version: "1.1",
  data: [
    {
      title: "Skiff",
      paragraphs: [
        {
          context: skiff,
          qas: [
            {
              id: "q1",
              question: "When did the skiff leave?",
              answers: [squadAnswer(skiff, "at dawn"), squadAnswer(skiff, "dawn")],
            },
            { id: "q2", question: "How tall was the mast?", answers: [squadAnswer(skiff, "12 feet")] },
          ],
        },
      ],
    },
    {
      title: "Lamp",
      paragraphs: [
        {
          context: signal,
          qas: [{ id: "q3", question: "Who lit the lamp?", answers: [squadAnswer(signal, "Keeper Wren")] }],
        },
        { context: "Nobody asks about this one.", qas: [] },
        {
          context: signal,
          qas: [{ id: "q4", question: "What did the keeper do?", answers: [squadAnswer(signal, "lit it")] }],
        },
      ],
    },
  ],
};

export const friendsQaFile = {
  data: [
    {
      title: "scene one",
      paragraphs: [
        {
          "utterances:": [
            { uid: 0, speakers: ["Ada Moss"], utterance: "Where is the red kettle ?" },
            { uid: 1, speakers: ["Bo", "Cy"], utterance: "It 's under the stairs ." },
          ],
          qas: [
            {
              id: "s1_Where",
              question: "Where is the kettle ?",
              answers: [
                { answer_text: "under the stairs", utterance_id: 1, inner_start: 2, inner_end: 4, is_speaker: false },
                { answer_text: "under the stairs", utterance_id: 1, inner_start: 2, inner_end: 4, is_speaker: false },
              ],
            },
            {
              id: "s1_Who",
              question: "Who asks ?",
              answers: [{ answer_text: "Ada Moss", utterance_id: 0, inner_start: -1, inner_end: -1, is_speaker: true }],
            },
          ],
        },
      ],
    },
  ],
  version: "1.1",
};

const candidates = { a0: "A kettle.", a1: "A cup.", a2: "A tray.", a3: "A lamp.", a4: "A rope." };

export const tvqaLines = [
  {
    ...candidates,
    q: "What does Bo carry?",
    qid: 1,
    show_name: "Harbour",
    ts: "1.5-4.25",
    vid_name: "harbour_s01e01_seg01_clip_00",
    answer_idx: 2,
  },
  {
    ...candidates,
    q: "What does Cy drop?",
    qid: 2,
    show_name: "Harbour",
    ts: "NaN-NaN",
    vid_name: "harbour_s01e01_seg01_clip_01",
  },
];

export const tvqaPlusFile = [
  {
    ...candidates,
    q: "What does Bo carry ?",
    qid: 11,
    ts: [1.5, 4.25],
    vid_name: "s01e01_seg01_clip_00",
    answer_idx: "2",
    bbox: { "15": [{ img_id: 15, top: 1, left: 2, width: 30, height: 40, label: "tray" }], "18": [] },
  },
  { ...candidates, q: "What does Cy drop ?", qid: 12, ts: [0, 2], vid_name: "s01e01_seg01_clip_01", answer_idx: "0" },
];

export const tvrLines = [
  {
    vid_name: "harbour_s01e01_seg01_clip_00",
    duration: 60.5,
    ts: [1, 4.5],
    desc: "Bo carries a tray.",
    type: "v",
    desc_id: 7,
  },
  {
    vid_name: "harbour_s01e01_seg01_clip_00",
    duration: 60.5,
    ts: [0, 9],
    desc: "Bo says hello.",
    type: "vt",
    desc_id: 8,
  },
];

/** Clip, split, cues as (text with speaker, start, end). */
export const clips: readonly { readonly id: string; readonly cues: readonly (readonly [string, number, number])[] }[] =
  [
    {
      id: "meld_s01e01_train_dia0000",
      cues: [
        ["(Bo:)It's here, isn't it?", 0, 1.5],
        ["(Cy:)Yes... I'd say so!", 2.25, 4],
      ],
    },
    { id: "meld_s01e01_dev_dia0001", cues: [["(Ada:)We'll go.", 0, 2]] },
    {
      id: "meld_s01e02_test_dia0002",
      cues: [
        ["no speaker at all", 0.5, 1],
        ["(Bo:)Bye.", 3, 3.5],
      ],
    },
  ];

const stamp = (seconds: number): string => {
  const whole = Math.floor(seconds);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${two(Math.floor(whole / 3600))}:${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)},${String(Math.round((seconds - whole) * 1000)).padStart(3, "0")}`;
};

export const srtOf = (clip: (typeof clips)[number]): string =>
  clip.cues.map(([text, start, end], index) => `${index + 1}\n${stamp(start)} --> ${stamp(end)}\n${text}\n`).join("\n");

export const jsonLines = (records: readonly unknown[]): string =>
  records.map((record) => `${JSON.stringify(record)}\n`).join("");

/** A zip archive of stored files; their sizes as 64-bit fields where `is64`. */
export function storedZip(
  files: Readonly<Record<string, Uint8Array>>,
  crc32: (data: Uint8Array) => number,
  is64 = false,
): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let at = 0;
  for (const [name, data] of Object.entries(files)) {
    const nameBytes = Buffer.from(name);
    const local = Buffer.alloc(30);
    local.writeUInt32LE(0x04034b50, 0);
    local.writeUInt16LE(nameBytes.length, 26);
    const extra = is64 ? Buffer.alloc(28) : Buffer.alloc(0);
    if (is64) {
      extra.writeUInt16LE(1, 0);
      extra.writeUInt16LE(24, 2);
      extra.writeBigUInt64LE(BigInt(data.length), 4);
      extra.writeBigUInt64LE(BigInt(data.length), 12);
      extra.writeBigUInt64LE(BigInt(at), 20);
    }
    const central = Buffer.alloc(46);
    central.writeUInt32LE(0x02014b50, 0);
    central.writeUInt32LE(crc32(data), 16);
    central.writeUInt32LE(is64 ? 0xffffffff : data.length, 20);
    central.writeUInt32LE(is64 ? 0xffffffff : data.length, 24);
    central.writeUInt16LE(nameBytes.length, 28);
    central.writeUInt16LE(extra.length, 30);
    central.writeUInt32LE(is64 ? 0xffffffff : at, 42);
    directory.push(central, nameBytes, extra);
    parts.push(local, nameBytes, Buffer.from(data));
    at += 30 + nameBytes.length + data.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.writeUInt32LE(0x06054b50, 0);
  end.writeUInt16LE(Object.keys(files).length, 10);
  end.writeUInt32LE(is64 ? 0xffffffff : central.length, 12);
  end.writeUInt32LE(is64 ? 0xffffffff : at, 16);
  const end64 = Buffer.alloc(is64 ? 76 : 0);
  if (is64) {
    end64.writeUInt32LE(0x06064b50, 0);
    end64.writeBigUInt64LE(44n, 4);
    end64.writeBigUInt64LE(BigInt(central.length), 40);
    end64.writeBigUInt64LE(BigInt(at), 48);
    end64.writeUInt32LE(0x07064b50, 56);
    end64.writeBigUInt64LE(BigInt(at + central.length), 64);
  }
  return Buffer.concat([...parts, central, end64, end]);
}
