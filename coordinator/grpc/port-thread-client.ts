import { NEVER } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { compiledUrl } from "../../shared/core/package-root.ts";
import { endText, Remote, type RemoteEnd } from "../../shared/core/remote/remote.ts";
import { ThreadLink } from "../../shared/core/remote/thread-link.ts";
import type { ResultsView } from "../../shared/extension/results-view.ts";
import { portOf } from "../access/face-methods.ts";
import type { PortOwnerMethods, PortThreadMethods, PortThreadOptions } from "./port-protocol.ts";
import type { PortServer } from "./port-server.ts";

interface PortClientOptions extends PortThreadOptions {
  readonly results: ResultsView;
  /** Called when the thread ends before it is closed. The port is no longer served. */
  readonly onLost: (error: ShardmillError) => void;
}

/** Limit of the wait for the thread. It ends at once when its server is closed. */
const END_MS = 5_000;

/**
 * Serves the port of a face in a separate thread.
 *
 * @throws {PORT_IN_USE} {ARGUMENT_INVALID} when it cannot listen there
 */
export async function startPortThread(options: PortClientOptions): Promise<PortServer> {
  const { results, onLost, ...listening } = options;
  const methods: PortOwnerMethods = {
    jobs: () => results.jobs(),
    combined: ({ jobId, reduction }) => results.combined(jobId, reduction),
  };
  const lost = (end: RemoteEnd) => {
    const what = `the thread that serves ${portOf(options.port).title} ended: ${endText(end)}`;
    const error = new ShardmillError("INTERNAL", what, { cause: end });
    if (end.kind !== "closed") onLost(error);
    return error;
  };
  const link = new ThreadLink(compiledUrl("coordinator/grpc/port-thread.ts"));
  const thread = new Remote<PortThreadMethods>(link, { serves: methods, lost });
  try {
    const address = await thread.call("listen", listening, { signal: NEVER });
    return {
      address,
      async close(graceMs) {
        await thread.call("close", graceMs, { signal: NEVER }).catch(() => {});
        await thread.close(END_MS);
      },
    };
  } catch (error) {
    await thread.close(END_MS);
    throw error;
  }
}
