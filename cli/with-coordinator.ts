import type { CoordinatorServices } from "../shared/wire/services.ts";
import { exitWithError } from "./exit.ts";

/** How long a command looks for its coordinator before it says that there is none. */
const CONNECT_MS = 5_000;

/**
 * Runs `use` against a running coordinator; ends the process with the error when there is none or it refuses.
 */
export async function withCoordinator(
  { coordinator, json, "secret-file": secretFile }: ClientArguments,
  use: (services: CoordinatorServices) => Promise<void>,
): Promise<void> {
  const { userCredential } = await import("../shared/access/credential.ts");
  const { connectCoordinator } = await import("../shared/wire/client.ts");
  try {
    const client = connectCoordinator(coordinator, userCredential(secretFile));
    try {
      await client.waitReady(CONNECT_MS);
      await use(client);
    } finally {
      client.close();
    }
  } catch (error) {
    exitWithError(error, { json });
  }
}

export interface ClientArguments {
  readonly coordinator: string;
  readonly "secret-file": string | undefined;
  readonly json: boolean;
}
