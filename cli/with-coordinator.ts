import type { CoordinatorServices } from "../shared/wire/services.ts";
import { type ConnectingArguments, connectingOf } from "./security-options.ts";

/** How long a command looks for its coordinator before it says that there is none. */
const CONNECT_MS = 5_000;

/** Runs `use` against a running coordinator. @throws when there is none, and what it refuses with */
export async function withCoordinator(
  args: ClientArguments,
  use: (services: CoordinatorServices) => Promise<void>,
): Promise<void> {
  const { connectCoordinator } = await import("../shared/wire/client.ts");
  const client = connectCoordinator(args.coordinator, await connectingOf(args));
  try {
    await client.waitReady(CONNECT_MS);
    await use(client);
  } finally {
    client.close();
  }
}

export interface ClientArguments extends ConnectingArguments {
  readonly coordinator: string;
  readonly json: boolean;
}
