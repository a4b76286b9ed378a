import { isShardmillError } from "../../shared/core/errors.ts";
import type { HttpRequest } from "../../shared/http/messages.ts";
import type { ObjectPlace } from "../object-store/object-place.ts";
import type { S3Head } from "./answers.ts";

type MakeRequest = () => Promise<HttpRequest>;

/** Signal that a copy was done although its response was lost. */
class AlreadyCopied extends Error {}

/**
 * Requests a copy, with retries. Each retry first checks whether the copy exists, because its response may
 * have been lost. The check costs less than another copy.
 *
 * @param calls.ask sends a request, which it makes again for each attempt
 */
export async function copyOnce(
  { from, to }: { readonly from: ObjectPlace; readonly to: ObjectPlace },
  calls: {
    readonly request: MakeRequest;
    readonly ask: (request: MakeRequest) => Promise<void>;
    readonly head: (place: ObjectPlace) => Promise<S3Head>;
  },
): Promise<void> {
  let tries = 0;
  const request = async () => {
    tries += 1;
    if (tries > 1 && (await areSame(from, to, calls.head))) throw new AlreadyCopied();
    return await calls.request();
  };
  try {
    await calls.ask(request);
  } catch (error) {
    if (!(error instanceof AlreadyCopied)) throw error;
  }
}

/**
 * Compares two objects by their metadata. Unknown metadata counts as different, and the next attempt reveals
 * the fault.
 */
async function areSame(
  from: ObjectPlace,
  to: ObjectPlace,
  head: (place: ObjectPlace) => Promise<S3Head>,
): Promise<boolean> {
  try {
    const [source, copy] = await Promise.all([head(from), head(to)]);
    return source.sha256 !== null && source.sha256 === copy.sha256 && source.bytes === copy.bytes;
  } catch (error) {
    if (isShardmillError(error)) return false;
    throw error;
  }
}
