import { addressIn, readAddressFile } from "./address-file.ts";
import type { CoordinatorServices } from "./services.ts";

/** Client from `connectCoordinator`. */
interface Followed extends CoordinatorServices {
  waitReady(waitMs: number): Promise<void>;
  close(): void;
}

/** Interval of reading the file. A coordinator that was started elsewhere is detected about as soon. */
const READ_MS = 1_000;

/** Limit for open calls to the previous coordinator before they are ended. */
const LINGER_MS = 60_000;

/**
 * Connects to the coordinator whose address is in a file. When the address changes, new calls go to the new
 * one. Open calls end by themselves, as with a lost coordinator.
 *
 * @throws {ARGUMENT_INVALID} when the file holds no address now
 */
export function followAddress(path: string, connect: (address: string) => Followed): Followed {
  let address = readAddressFile(path);
  let current = connect(address);
  const lingering = new Map<Followed, NodeJS.Timeout>();
  const look = async (): Promise<void> => {
    const found = await addressIn(path);
    if (found === null || found === address || isClosed) return;
    const before = current;
    address = found;
    current = connect(found);
    const end = setTimeout(() => {
      lingering.delete(before);
      before.close();
    }, LINGER_MS);
    end.unref();
    lingering.set(before, end);
  };
  let isClosed = false;
  const timer = setInterval(() => void look(), READ_MS);
  timer.unref();
  return {
    work: forwarded(current.work, () => current.work),
    jobs: forwarded(current.jobs, () => current.jobs),
    workers: forwarded(current.workers, () => current.workers),
    server: forwarded(current.server, () => current.server),
    data: forwarded(current.data, () => current.data),
    waitReady: (waitMs) => current.waitReady(waitMs),
    close() {
      isClosed = true;
      clearInterval(timer);
      for (const [client, end] of lingering) {
        clearTimeout(end);
        client.close();
      }
      lingering.clear();
      current.close();
    },
  };
}

/** Returns a service that forwards each call to the service that `now` returns. */
function forwarded<T extends object>(first: T, now: () => T): T {
  const calls = Object.keys(first).map((name) => [
    name,
    (...args: readonly unknown[]) => {
      const call: unknown = Reflect.get(now(), name);
      if (typeof call !== "function") throw new Error(`broken invariant: ${name} is no call`);
      return call(...args);
    },
  ]);
  return Object.fromEntries(calls);
}
