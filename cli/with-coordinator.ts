import { NEVER } from "../shared/core/abort.ts";
import { buildVersion } from "../shared/core/package-root.ts";
import { type ConnectingArguments, connectingOf } from "../shared/terminal/connecting-options.ts";
import type { JobsClient } from "../shared/wire/jobs-client.ts";
import type { ServerService } from "../shared/wire/services.ts";

/** Time that a command looks for its coordinator before it fails. */
const CONNECT_MS = 5_000;

/** Runs `use` with a running coordinator. @throws when there is none, or it refuses */
export async function withCoordinator(
  args: ClientArguments,
  use: (services: JobsClient) => Promise<void>,
): Promise<void> {
  const { connectJobs } = await import("../shared/wire/jobs-client.ts");
  const client = connectJobs(args.coordinator, await connectingOf(args));
  try {
    await client.waitReady(CONNECT_MS);
    await warnOfSkew(client.server);
    await use(client);
  } finally {
    client.close();
  }
}

/** Warns of another protocol version. It does not refuse, because this command's calls may still work. */
async function warnOfSkew(server: ServerService): Promise<void> {
  const { PROTOCOL } = await import("../shared/wire/protocol.ts");
  const { skewText } = await import("./render/versions-text.ts");
  const own = { protocol: PROTOCOL, build: buildVersion };
  const warning = skewText(own, await server.getServerInfo(NEVER));
  if (warning !== null) process.stderr.write(`warning: ${warning}\n`);
}

export interface ClientArguments extends ConnectingArguments {
  readonly coordinator: string;
  readonly json: boolean;
}
