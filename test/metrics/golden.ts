/** Figures of the references, made by children/makeGolden.ts. */
import { readFileSync } from "node:fs";

/** BLEU-4 and ROUGE-L in percent. */
interface CocoFigures {
  readonly bleu: number;
  readonly rouge: number;
  readonly rouges?: readonly number[];
}

/** What the Python references say of a set of texts. */
export interface Figures {
  readonly coco: CocoFigures;
  readonly ptb: CocoFigures & { readonly lines?: readonly string[] };
  readonly "13a": { readonly bleu: number; readonly signature: string };
  readonly none: { readonly bleu: number; readonly signature: string };
}

interface MeteorFigures {
  readonly segments: readonly number[];
  readonly system: number;
}

export interface OwnGolden {
  readonly scores: { readonly own: Figures; readonly ownFirst: Figures };
  readonly meteor: Readonly<Record<"own" | "ownFirst" | "exactStem" | "of2007", MeteorFigures>>;
  readonly stems: readonly string[];
}

export interface RealGolden {
  readonly sha256: string;
  readonly scores: Figures;
  readonly ptbSha256: string;
  readonly meteor: {
    readonly full: MeteorFigures;
    readonly exactStem: { readonly system: number };
    readonly of2007: { readonly system: number };
  };
  readonly squad: { readonly sha256: string; readonly exact_match: number; readonly f1: number };
  readonly stems: { readonly words: number; readonly sha256: string };
}

function read(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`./golden/${name}`, import.meta.url), "utf8"));
}

export const ownGolden = read("own.json") as OwnGolden;
export const realGolden = read("real.json") as RealGolden;
