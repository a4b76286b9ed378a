import { NEVER } from "../../shared/core/abort.ts";
import { createLogger } from "../../shared/core/log.ts";
import { serveOwner } from "../../shared/core/remote/serve-owner.ts";
import { portOf } from "../access/face-methods.ts";
import type { PortOwnerMethods, PortThreadMethods } from "./port-protocol.ts";
import { type PortServer, startPortServer } from "./port-server.ts";

/**
 * Server of this thread, which `startPortThread` starts. A separate thread, because reading, decoding and
 * sending gigabytes must not delay the thread that answers workers.
 */
let server: PortServer | null = null;

const owner = serveOwner<PortThreadMethods, PortOwnerMethods>({
  async listen({ port, logLevel, ...options }) {
    server = await startPortServer(portOf(port), {
      ...options,
      log: createLogger(port, logLevel),
      results: {
        jobs: () => owner.call("jobs", null, { signal: NEVER }),
        combined: (jobId, reduction) => owner.call("combined", { jobId, reduction }, { signal: NEVER }),
      },
    });
    return server.address;
  },
  close: async (graceMs) => server?.close(graceMs),
});
