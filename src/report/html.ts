/** Pieces of HTML. */

/** Text as HTML. */
export function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** A table of texts; `narrow` gives the first column, of numbers, the same width in every table. */
export function table(head: readonly string[], rows: readonly (readonly string[])[], narrow = false): string {
  const header = head.map((cell) => `<th scope="col">${escape(cell)}</th>`).join("");
  const body = rows.map((row) => `<tr>${row.map((cell) => `<td>${escape(cell)}</td>`).join("")}</tr>`).join("\n");
  return `<table${narrow ? ' class="narrow"' : ""}><thead><tr>${header}</tr></thead><tbody>\n${body}\n</tbody></table>`;
}
