import { createLocalStore } from "../../shared/store/local-store.ts";
import type { Store } from "../../shared/store/store.ts";
import type { DataAccess } from "./shard-protocol.ts";

export interface DataStore extends AsyncDisposable {
  readonly kind: DataAccess["kind"];
  readonly store: Store;
}

/** The store behind a kind of access, with a connection of its own where it needs one; only then is gRPC loaded. */
export async function openDataStore(access: DataAccess, jobId: string): Promise<DataStore> {
  switch (access.kind) {
    case "shared": {
      const store = createLocalStore();
      return { kind: access.kind, store, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
    }
    case "coordinator": {
      const { address, session } = access;
      const { connectCoordinator } = await import("../../shared/wire/client.ts");
      const { createCoordinatorStore } = await import("../../shared/wire/coordinator-store.ts");
      const client = connectCoordinator(address);
      const store = createCoordinatorStore({ data: client.data, session, jobId });
      return { kind: access.kind, store, [Symbol.asyncDispose]: async () => client.close() };
    }
  }
}
