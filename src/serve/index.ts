/** Floor 7: a warm model over HTTP. */
export { isLoopback, ModelServer, type ServeOptions } from "./server.ts";
