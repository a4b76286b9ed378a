import { messageOf, ShardmillError } from "../core/errors.ts";

/**
 * Converts the error of a server that cannot listen. Reads its text, because grpc-js joins the errors of all
 * addresses of a name into one text.
 *
 * @returns {PORT_IN_USE} {ARGUMENT_INVALID}
 */
export function bindError(address: string, cause: unknown): ShardmillError {
  const text = messageOf(cause);
  // No cause for known errors, because the library's text would only confuse.
  const options = { fields: { address } };
  if (text.includes("EADDRINUSE")) {
    return new ShardmillError("PORT_IN_USE", `another process listens on ${address}`, {
      ...options,
      hint: "stop it, or listen on another port (port 0 takes any free one)",
    });
  }
  if (text.includes("EACCES")) {
    return new ShardmillError("ARGUMENT_INVALID", `no permission to listen on ${address}`, {
      ...options,
      hint: "use a port from 1024 on: lower ones need more rights",
    });
  }
  if (text.includes("EADDRNOTAVAIL") || /Name resolution failed|ENOTFOUND|EAI_AGAIN/.test(text)) {
    return new ShardmillError("ARGUMENT_INVALID", `${address} is not an address of this machine`, {
      ...options,
      hint: "listen on 127.0.0.1 for this machine only, on 0.0.0.0 for every network",
    });
  }
  return new ShardmillError("ARGUMENT_INVALID", `cannot listen on ${address}: ${text}`, {
    ...options,
    cause,
  });
}
