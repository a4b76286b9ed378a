import type { Server, UntypedHandleCall } from "@grpc/grpc-js";
import type { HandledMethod } from "../../shared/wire/method.ts";

/**
 * Returns the methods that a library adds to a server, by their paths. The services are registered before the
 * library is loaded, which happens at the first call. Loading it at the start would delay a local job.
 */
export function libraryMethods(addTo: (server: Server) => void): ReadonlyMap<string, HandledMethod> {
  const found = new Map<string, HandledMethod>();
  const collector = {
    addService(
      service: Readonly<Record<string, HandledMethod["definition"]>>,
      handlers: Readonly<Record<string, UntypedHandleCall>>,
    ) {
      for (const [name, definition] of Object.entries(service)) {
        const handler = handlers[name] ?? handlers[lowerFirst(name)];
        if (handler !== undefined) found.set(definition.path, { definition, handler });
      }
    },
  };
  // The libraries use only this method of a server.
  addTo(collector as unknown as Server);
  return found;
}

/** Passes messages undecoded until their library is loaded. */
export const unchanged = (bytes: Buffer): Buffer => bytes;

/** Error for bytes that the library cannot decode. */
export const NO_REQUEST = "the bytes are not a valid request";

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
