/** TCP ports of this machine. */
import { createServer } from "node:net";
import { RiverrunError } from "./errors.ts";

/** A port of 127.0.0.1 that nobody listens at just now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(0, "127.0.0.1", resolve);
  });
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || address === null) throw new RiverrunError("this machine gives no TCP port");
  return address.port;
}
