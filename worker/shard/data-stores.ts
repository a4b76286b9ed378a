import { createLocalStore } from "../../shared/store/local-store.ts";
import type { Store } from "../../shared/store/store.ts";
import { connectCoordinator } from "../../shared/wire/client.ts";
import { createCoordinatorStore } from "../../shared/wire/coordinator-store.ts";
import type { DataAccess } from "./shard-protocol.ts";

export interface DataStore extends AsyncDisposable {
  readonly kind: DataAccess["kind"];
  readonly store: Store;
}

/** The store behind a kind of access, with a connection of its own where it needs one. */
export function openDataStore(access: DataAccess, jobId: string): DataStore {
  switch (access.kind) {
    case "shared": {
      const store = createLocalStore();
      return { kind: access.kind, store, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
    }
    case "coordinator": {
      const { address, session } = access;
      const client = connectCoordinator(address);
      const store = createCoordinatorStore({ data: client.data, session, jobId });
      return { kind: access.kind, store, [Symbol.asyncDispose]: async () => client.close() };
    }
  }
}
