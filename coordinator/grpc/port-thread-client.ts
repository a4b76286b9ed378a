import type { FlightOwner } from "../../extensions/flight/flight.ts";
import { NEVER } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { endText, Remote, type RemoteEnd } from "../../shared/core/remote/remote.ts";
import { ThreadLink } from "../../shared/core/remote/thread-link.ts";
import type { FlightOwnerMethods, FlightThreadMethods, FlightThreadOptions } from "./port-protocol.ts";
import type { FlightServer } from "./port-server.ts";

interface FlightClientOptions extends FlightThreadOptions {
  readonly owner: FlightOwner;
  /** Called when the thread ends before it is closed. Nothing is served any more. */
  readonly onLost: (error: ShardmillError) => void;
}

/** A thread whose server is closed ends at once. */
const END_MS = 5_000;

/**
 * Serves results by Arrow Flight, in a thread of its own.
 *
 * @throws {PORT_IN_USE} {ARGUMENT_INVALID} when it cannot listen there
 */
export async function startFlightThread(options: FlightClientOptions): Promise<FlightServer> {
  const { owner, onLost, ...listening } = options;
  const methods: FlightOwnerMethods = {
    jobs: () => owner.jobs(),
    combined: ({ jobId, reduction }) => owner.combined(jobId, reduction),
  };
  const lost = (end: RemoteEnd) => {
    const what = `the thread that serves Arrow Flight died: ${endText(end)}`;
    const error = new ShardmillError("INTERNAL", what, { cause: end });
    if (end.kind !== "closed") onLost(error);
    return error;
  };
  const link = new ThreadLink(compiledUrl("coordinator/grpc/port-thread.ts"));
  const thread = new Remote<FlightThreadMethods>(link, { serves: methods, lost });
  try {
    const address = await thread.call("listen", listening, NEVER);
    return {
      address,
      async close(graceMs) {
        await thread.call("close", graceMs, NEVER).catch(() => {});
        await thread.close(END_MS);
      },
    };
  } catch (error) {
    await thread.close(END_MS);
    throw error;
  }
}
