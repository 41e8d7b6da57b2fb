/** Numbers of things in messages. */

/** "1 text", "2 texts". */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
