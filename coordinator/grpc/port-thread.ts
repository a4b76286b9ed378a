import { NEVER } from "../../shared/core/abort.ts";
import { createLogger } from "../../shared/core/log.ts";
import { serveOwner } from "../../shared/core/remote/serve-owner.ts";
import type { FlightOwnerMethods, FlightThreadMethods } from "./port-protocol.ts";
import { type FlightServer, startFlightServer } from "./port-server.ts";

/**
 * A thread that serves results by Arrow Flight: reading, decoding and sending gigabytes must not keep the one
 * waiting that answers workers. Started by `startFlightThread`.
 */
let server: FlightServer | null = null;

const owner = serveOwner<FlightThreadMethods, FlightOwnerMethods>({
  async listen({ logLevel, ...options }) {
    server = await startFlightServer({
      ...options,
      log: createLogger("flight", logLevel),
      owner: {
        jobs: () => owner.call("jobs", null, NEVER),
        combined: (jobId, reduction) => owner.call("combined", { jobId, reduction }, NEVER),
      },
    });
    return server.address;
  },
  close: async (graceMs) => server?.close(graceMs),
});
