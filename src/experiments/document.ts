/** A page that is written twice from one description: as Markdown with figures beside it, and as one HTML file. */
import { join } from "node:path";
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { writeFileAtomic } from "../base/atomicFile.ts";
import { colours as tenColours } from "../report/curves.ts";
import { escape } from "../report/html.ts";
import { style } from "../report/page.ts";

/** A piece of a page; texts are plain, `code` in backquotes. */
export type Block =
  | { readonly kind: "heading"; readonly text: string }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "list"; readonly items: readonly string[] }
  | { readonly kind: "table"; readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] }
  /** `svg` is a whole element; `name` its file beside the Markdown. */
  | { readonly kind: "figure"; readonly name: string; readonly svg: string; readonly caption: string };

/** A page. */
export interface Page {
  readonly title: string;
  readonly lead: string;
  readonly blocks: readonly Block[];
}

export const heading = (text: string): Block => ({ kind: "heading", text });
export const paragraph = (text: string): Block => ({ kind: "text", text });
export const list = (items: readonly string[]): Block => ({ kind: "list", items });
export const tableOf = (head: readonly string[], rows: readonly (readonly string[])[]): Block => ({
  kind: "table",
  head,
  rows,
});

/** Text in a cell of a Markdown table: one line, no bars, no markup of its own. */
function cell(text: string): string {
  return text.replaceAll(/\s+/g, " ").replaceAll(/[\\|<>*_[\]]/g, (mark) => `\\${mark}`);
}

/** Text whose marks are its own, not Markdown's: generated words may be any; `code` stays. */
function plain(text: string): string {
  return text
    .split(/(`[^`]+`)/)
    .map((part, index) => (index % 2 === 1 ? part : part.replaceAll(/[<*_]/g, (mark) => `\\${mark}`)))
    .join("");
}

function markdownOf(block: Block): string {
  switch (block.kind) {
    case "heading":
      return `## ${block.text}`;
    case "text":
      return plain(block.text);
    case "list":
      return block.items.map((item) => `- ${plain(item)}`).join("\n");
    case "table": {
      const row = (cells: readonly string[]): string => `| ${cells.map(cell).join(" | ")} |`;
      return [row(block.head), `|${block.head.map(() => "---|").join("")}`, ...block.rows.map(row)].join("\n");
    }
    case "figure":
      return `![${block.caption.replaceAll(/[[\]\n]/g, " ")}](${block.name})\n\n${block.caption}`;
  }
}

/** Plain text as HTML, `code` in backquotes. */
function inline(text: string): string {
  return escape(text).replaceAll(/`([^`]+)`/g, "<code>$1</code>");
}

function htmlOf(block: Block): string {
  switch (block.kind) {
    case "heading":
      return `<h2>${inline(block.text)}</h2>`;
    case "text":
      return `<p>${inline(block.text)}</p>`;
    case "list":
      return `<ul>${block.items.map((item) => `<li>${inline(item)}</li>`).join("")}</ul>`;
    case "table": {
      const head = block.head.map((text) => `<th scope="col">${inline(text)}</th>`).join("");
      const rows = block.rows.map((row) => `<tr>${row.map((text) => `<td>${escape(text)}</td>`).join("")}</tr>`);
      return `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>\n${rows.join("\n")}\n</tbody></table></div>`;
    }
    case "figure":
      return `<figure>${block.svg}<figcaption>${inline(block.caption)}</figcaption></figure>`;
  }
}

/**
 * Writes `out`/NAME.json, NAME.md with its figures as files, and NAME.html, which needs nothing beside it.
 *
 * @returns the paths
 * @throws RiverrunError where a file cannot be written
 */
export function writePage(out: string, name: string, record: unknown, page: Page): string[] {
  const figures = page.blocks.flatMap((block) => (block.kind === "figure" ? [block] : []));
  const markdown = [`# ${page.title}`, page.lead, ...page.blocks.map(markdownOf)].join("\n\n");
  const html = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(page.title)}</title>
<style>${style} body { max-width: 1080px; } code { font-size: .92em; }</style></head><body>
<h1>${inline(page.title)}</h1>
<p class="lead">${inline(page.lead)}</p>
${page.blocks.map(htmlOf).join("\n")}
</body></html>
`;
  const contents: [string, string][] = [
    // A figure that stands alone brings its own paper, whatever the page around it looks like.
    ...figures.map(({ name: file, svg }): [string, string] => [
      file,
      `${svg.replace("<svg ", '<svg style="background: #fff; color: #000" ')}\n`,
    ]),
    [`${name}.md`, `${markdown}\n`],
    [`${name}.html`, html],
    // Last: whoever finds the figures finds the pages too.
    [`${name}.json`, `${JSON.stringify(record, null, 2)}\n`],
  ];
  return contents.map(([file, text]) => {
    const path = join(out, file);
    writeFileAtomic(path, text);
    return path;
  });
}

/** Colours that stand out on white and on black. */
export const colours = [...tenColours, "#b3486b", "#5f7f35", "#6b6bd0"] as const;

/** A plot as an SVG element that can also stand in a file of its own. */
export function svgOf(options: Plot.PlotOptions, label: string): string {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const drawn = Plot.plot({ document, width: 760, marginLeft: 130, marginRight: 30, grid: true, ...options });
  drawn.setAttribute("role", "img");
  drawn.setAttribute("aria-label", label);
  drawn.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return drawn.outerHTML;
}
