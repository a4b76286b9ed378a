import type { CoordinatorServices } from "../shared/wire/services.ts";

/** How long a command looks for its coordinator before it says that there is none. */
const CONNECT_MS = 5_000;

/** Runs `use` against a running coordinator. @throws when there is none, and what it refuses with */
export async function withCoordinator(
  { coordinator, "secret-file": secretFile }: ClientArguments,
  use: (services: CoordinatorServices) => Promise<void>,
): Promise<void> {
  const { userCredential } = await import("../shared/access/credential.ts");
  const { connectCoordinator } = await import("../shared/wire/client.ts");
  const client = connectCoordinator(coordinator, userCredential(secretFile));
  try {
    await client.waitReady(CONNECT_MS);
    await use(client);
  } finally {
    client.close();
  }
}

export interface ClientArguments {
  readonly coordinator: string;
  readonly "secret-file": string | undefined;
  readonly json: boolean;
}
