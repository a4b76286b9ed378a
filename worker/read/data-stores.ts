import { createLocalStore } from "../../shared/store/local-store.ts";
import type { Store } from "../../shared/store/store.ts";
import type { DataAccess } from "./data-access.ts";
import { patientStore } from "./patient-store.ts";
import { sessionIn } from "./session-cell.ts";

export interface DataStore extends AsyncDisposable {
  readonly kind: DataAccess["kind"];
  readonly store: Store;
}

/**
 * The store behind a kind of access, with a connection of its own where it needs one; only then is gRPC
 * loaded.
 */
export async function openDataStore(access: DataAccess, jobId: string): Promise<DataStore> {
  switch (access.kind) {
    case "shared": {
      const store = createLocalStore();
      return { kind: access.kind, store, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
    }
    case "coordinator": {
      const { address, credential, session } = access;
      const { connectCoordinator } = await import("../../shared/wire/client.ts");
      const { createCoordinatorStore } = await import("../../shared/wire/coordinator-store.ts");
      const client = connectCoordinator(address, credential);
      const coordinator = createCoordinatorStore({
        data: client.data,
        session: () => sessionIn(session),
        jobId,
      });
      const store = patientStore(coordinator);
      return { kind: access.kind, store, [Symbol.asyncDispose]: async () => client.close() };
    }
  }
}

export interface DataStores extends AsyncDisposable {
  readonly stores: readonly [Store, ...Store[]];
}

/**
 * All ways to the same files, in their order. One that is only a second choice is connected when it is first
 * asked.
 */
export async function openDataStores(
  [nearest, ...others]: readonly [DataAccess, ...DataAccess[]],
  jobId: string,
): Promise<DataStores> {
  const first = await openDataStore(nearest, jobId);
  const later = others.map((access) => new LateStore(() => openDataStore(access, jobId)));
  return {
    stores: [first.store, ...later],
    [Symbol.asyncDispose]: async () => {
      await Promise.all([first, ...later].map((store) => store[Symbol.asyncDispose]()));
    },
  };
}

class LateStore implements Store, AsyncDisposable {
  readonly #open: () => Promise<DataStore>;
  #opened: Promise<DataStore> | null = null;

  constructor(open: () => Promise<DataStore>) {
    this.#open = open;
  }

  async stat(...args: Parameters<Store["stat"]>): ReturnType<Store["stat"]> {
    return (await this.#store()).stat(...args);
  }

  async readRange(...args: Parameters<Store["readRange"]>): ReturnType<Store["readRange"]> {
    return (await this.#store()).readRange(...args);
  }

  async putOnce(...args: Parameters<Store["putOnce"]>): ReturnType<Store["putOnce"]> {
    return (await this.#store()).putOnce(...args);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await this.#opened?.catch(() => null);
    await opened?.[Symbol.asyncDispose]();
  }

  async #store(): Promise<Store> {
    this.#opened ??= this.#open();
    return (await this.#opened).store;
  }
}
