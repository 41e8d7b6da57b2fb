/** Words that keep their period in the middle of a sentence, from the Moses lists for English and Romanian. */

const LETTERS = "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z";

const ENGLISH = `Adj Adm Adv Asst Bart Bldg Brig Bros Capt Cmdr Col Comdr Con Corp Cpl DR Dr Drs Ens Gen Gov Hon Hr Hosp
  Insp Lt MM MR MRS MS Maj Messrs Mlle Mme Mr Mrs Ms Msgr Op Ord Pfc Ph Prof Pvt Rep Reps Res Rev Rt Sen Sens Sfc Sgt Sr
  St Supt Surg v vs i.e rev e.g Rs Nos Nr Jan Feb Mar Apr Jun Jul Aug Sep Oct Nov Dec`;

const ROMANIAN = "dpdv etc \u0219amd \u015famd M.Ap.N dl Dl d-na D-na dvs Dvs pt Pt";

const listed = (words: string): string[] => words.trim().split(/\s+/);

/** Whether a period belongs to the word before it. */
export interface PeriodWords {
  readonly always: ReadonlySet<string>;
  /** Only before a number. */
  readonly beforeNumber: ReadonlySet<string>;
}

export const ENGLISH_PREFIXES: PeriodWords = {
  always: new Set([...listed(LETTERS), ...listed(ENGLISH)]),
  beforeNumber: new Set(["No", "Art", "pp"]),
};

export const ROMANIAN_PREFIXES: PeriodWords = {
  always: new Set([...listed(LETTERS), ...listed(ROMANIAN)]),
  beforeNumber: new Set(),
};
