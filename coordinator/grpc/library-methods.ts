import type { Server, UntypedHandleCall } from "@grpc/grpc-js";
import type { HandledMethod } from "../../shared/wire/method.ts";

/**
 * What a library adds to a server, by the methods' paths: for services that are registered before the library
 * is loaded, which is when somebody calls them. A job on this machine would wait for it.
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
  // Of a server they use this method alone.
  addTo(collector as unknown as Server);
  return found;
}

/** Messages before their library is loaded. */
export const unchanged = (bytes: Buffer): Buffer => bytes;

/** For bytes that the library cannot read. */
export const NO_REQUEST = "these bytes are no request";

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
