/** What a run was made with, for the record. */
import { readFileSync } from "node:fs";
import { engineBuild } from "../torch/index.ts";

/** Versions of riverrun, libtorch and Node.js, by name. */
export function versions(): Record<string, string> {
  const path = new URL("../../package.json", import.meta.url);
  const { version } = JSON.parse(readFileSync(path, "utf8")) as { readonly version: string };
  return { riverrun: version, libtorch: engineBuild().torch, node: process.versions.node };
}
