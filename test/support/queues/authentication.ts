import { isShardmillError, type ShardmillError } from "../../../shared/core/errors.ts";
import { createLogger } from "../../../shared/core/log.ts";
import { openedBy } from "./broker.ts";

/** Checks whether a broker authenticates the user of an address, for receiving and for sending. */

const log = createLogger("queue", "silent");
const result = { messageId: "window/0", body: Buffer.from("{}") };

/** Sends a result, and receives and acknowledges the first message. Returns its text. */
export async function firstText(address: string, results: string): Promise<string> {
  await using sink = await openedBy(results).openSink(results, { log });
  await sink.send([result]);
  const options = { name: "job", mostOpen: 10, mostBytes: 1 << 20, deadLetters: null, log };
  await using source = await openedBy(address).openSource(address, options);
  for await (const delivery of source.deliveries(new AbortController().signal)) {
    await source.done([delivery]);
    return Buffer.from(delivery.body).toString();
  }
  throw new Error("the deliveries have ended");
}

/** Returns the errors of a refused user: the source's, then the sink's. */
export async function refusals(address: string): Promise<readonly [ShardmillError, ShardmillError]> {
  const options = { name: "job", mostOpen: 10, mostBytes: 1 << 20, deadLetters: null, log };
  await using source = await openedBy(address).openSource(address, options);
  const taking = (async () => {
    for await (const delivery of source.deliveries(new AbortController().signal)) return delivery;
    return null;
  })();
  await using sink = await openedBy(address).openSink(address, { log });
  const ends = await Promise.allSettled([taking, sink.send([result])]);
  return ends.map((end) => {
    if (end.status === "fulfilled") throw new Error(`the broker accepted the user of ${address}`);
    if (!isShardmillError(end.reason)) throw end.reason;
    return end.reason;
  }) as unknown as readonly [ShardmillError, ShardmillError];
}

/** Returns all parts of an error that a person may see. */
export function saidBy(error: ShardmillError): string {
  return JSON.stringify([error.message, error.hint, error.fields]);
}
