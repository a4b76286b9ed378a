import { addressIn, readAddressFile } from "./address-file.ts";
import type { CoordinatorServices } from "./services.ts";

/** What `connectCoordinator` gives. */
interface Followed extends CoordinatorServices {
  waitReady(waitMs: number): Promise<void>;
  close(): void;
}

/** How often the file is read: a coordinator that was started elsewhere is found about as soon. */
const READ_MS = 1_000;

/** What is under way with the coordinator before it may take so long to end. */
const LINGER_MS = 60_000;

/**
 * A client of the coordinator whose address is in a file. When the file names another, new calls go to that
 * one; those that are open end by themselves, as they do when a coordinator is gone.
 *
 * @throws {ARGUMENT_INVALID} when there is no address in it now
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

/** A service whose calls are those of whatever `now` gives, call by call. */
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
