import { addressIn, readAddressFile } from "./address-file.ts";

/** Client of a coordinator: its services, and these functions. */
interface Followed {
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
export function followAddress<Client extends Followed>(
  path: string,
  connect: (address: string) => Client,
): Client {
  let address = readAddressFile(path);
  let current = connect(address);
  const lingering = new Map<Client, NodeJS.Timeout>();
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
    ...servicesOf(current, () => current),
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

/** Returns the client with services that forward each call to those of the client that `now` returns. */
function servicesOf<Client extends Followed>(first: Client, now: () => object): Client {
  const parts = Object.entries(first).map(([name, part]: [string, unknown]) => {
    const isService = typeof part === "object" && part !== null;
    return [name, isService ? forwarded(part, () => Reflect.get(now(), name)) : part];
  });
  return Object.fromEntries(parts);
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
