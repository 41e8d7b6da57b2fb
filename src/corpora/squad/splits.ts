/** How SQuAD is divided for question generation and for density estimation. */
import type { SquadArticle, SquadParagraph } from "./squad.ts";

/** Number of questions of articles or paragraphs. */
export function countQuestions(items: readonly (SquadArticle | SquadParagraph)[]): number {
  let count = 0;
  for (const item of items) {
    if ("questions" in item) count += item.questions.length;
    else for (const paragraph of item.paragraphs) count += paragraph.questions.length;
  }
  return count;
}

/**
 * Two halves in the order of the file, cut at the article boundary whose number of questions before it is nearest to
 * half of all (SQuAD v1.1 dev: 5,285 of 10,570); the earlier one of two that are equally near. No article, hence no
 * paragraph, is in both. The first half is for development, the second is the test set (specification, section 6).
 */
export function splitSquadHalves(articles: readonly SquadArticle[]): {
  readonly first: SquadArticle[];
  readonly second: SquadArticle[];
} {
  const target = countQuestions(articles) / 2;
  let best = 0;
  let distance = target;
  let before = 0;
  for (let cut = 1; cut <= articles.length; cut++) {
    before += countQuestions([articles[cut - 1]]);
    if (Math.abs(before - target) < distance) {
      best = cut;
      distance = Math.abs(before - target);
    }
  }
  return { first: articles.slice(0, best), second: articles.slice(best) };
}

/** The paragraphs of articles, in order. */
export function paragraphsOf(articles: readonly SquadArticle[]): SquadParagraph[] {
  return articles.flatMap((article) => article.paragraphs);
}

/** The different contexts of paragraphs, in the order of their first occurrence. */
export function distinctContexts(paragraphs: readonly SquadParagraph[]): string[] {
  return [...new Set(paragraphs.map((paragraph) => paragraph.context))];
}

/**
 * Titles of the 44 articles of SQuAD's train file that are the test set of Du, Shao and Cardie (2017), with percent
 * escapes undone (the source: xinyadu/nqg, data/doclist-test.txt).
 */
export const du17TestTitles: ReadonlySet<string> = new Set([
  "University_of_Notre_Dame",
  "Beyoncé",
  "Montana",
  "Genocide",
  "Antibiotics",
  "Frédéric_Chopin",
  "Sino-Tibetan_relations_during_the_Ming_dynasty",
  "IPod",
  "The_Legend_of_Zelda:_Twilight_Princess",
  "Spectre_(2015_film)",
  "2008_Sichuan_earthquake",
  "New_York_City",
  "To_Kill_a_Mockingbird",
  "Solar_energy",
  "Tajikistan",
  "Anthropology",
  "Portugal",
  "Kanye_West",
  "Buddhism",
  "American_Idol",
  "Dog",
  "2008_Summer_Olympics_torch_relay",
  "Alfred_North_Whitehead",
  "Financial_crisis_of_2007–08",
  "Saint_Barthélemy",
  "Genome",
  "Comprehensive_school",
  "Republic_of_the_Congo",
  "Prime_minister",
  "Institute_of_technology",
  "Wayback_Machine",
  "Dutch_Republic",
  "Symbiosis",
  "Canadian_Armed_Forces",
  "Cardinal_(Catholicism)",
  "Iranian_languages",
  "Lighting",
  "Separation_of_powers_under_the_United_States_Constitution",
  "Architecture",
  "Human_Development_Index",
  "Southern_Europe",
  "BBC_Television",
  "Arnold_Schwarzenegger",
  "Plymouth",
]);

/** A title with percent escapes undone and composed, as SQuAD's files write it in both ways. */
function plainTitle(title: string): string {
  try {
    return decodeURIComponent(title).normalize("NFC").replaceAll(" ", "_");
  } catch {
    return title.normalize("NFC").replaceAll(" ", "_");
  }
}

/**
 * The split of Du et al. (2017): train is SQuAD's train file without 44 articles, test is those articles (11,877 pairs),
 * dev is SQuAD's dev file. Takes the articles of the train file.
 */
export function splitDu17(articles: readonly SquadArticle[]): {
  readonly train: SquadArticle[];
  readonly test: SquadArticle[];
} {
  const split = { train: [] as SquadArticle[], test: [] as SquadArticle[] };
  for (const article of articles) split[du17TestTitles.has(plainTitle(article.title)) ? "test" : "train"].push(article);
  return split;
}
