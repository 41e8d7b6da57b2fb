/** Downloads argv[2] to argv[3], until it is killed. */
import { download } from "../../../src/corpora/fetch/download.ts";

const [, , url = "", path = ""] = process.argv;
await download({ url, path, attempts: 3, retryMs: 5 });
