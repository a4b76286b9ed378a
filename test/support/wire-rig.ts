import fc from "fast-check";
import { type RunningServer, startServer } from "../../coordinator/grpc/server.ts";
import { silentLogger } from "../../shared/core/log.ts";
import { type ClientOptions, type CoordinatorClient, connectCoordinator } from "../../shared/wire/client.ts";
import type { CoordinatorServices } from "../../shared/wire/services.ts";
import { TEST_CREDENTIAL, TEST_GUARD } from "./access.ts";

export interface WireRig extends AsyncDisposable {
  readonly server: RunningServer;
  readonly client: CoordinatorClient;
}

/** Starts a real server on a free port of this machine, and a real client. Disposal ends both. */
export async function wireRig(services: CoordinatorServices, options?: ClientOptions): Promise<WireRig> {
  const server = await startServer({ listen: "127.0.0.1:0", services, guard: TEST_GUARD, log: silentLogger });
  const client = connectCoordinator(server.address, TEST_CREDENTIAL, options);
  return {
    server,
    client,
    async [Symbol.asyncDispose]() {
      client.close();
      await server.close(100);
    },
  };
}

/** Resolves when `holds` returns true. Otherwise the test's time limit ends the wait. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Returns the error with which `promise` rejects. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  const outcome = await promise.then(
    () => null,
    (error: unknown) => ({ error }),
  );
  if (outcome === null) throw new Error("the call did not fail");
  return outcome.error;
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** Returns one value of a kind, which is the same in every run. */
export function sample<T>(arbitrary: fc.Arbitrary<T>): T {
  const [value] = fc.sample(arbitrary, { numRuns: 1, seed: 20 });
  if (value === undefined) throw new Error("no sample");
  return value;
}
