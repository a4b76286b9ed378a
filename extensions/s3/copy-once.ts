import { isShardmillError } from "../../shared/core/errors.ts";
import type { HttpRequest } from "../../shared/http/messages.ts";
import type { ObjectPlace } from "../object-store/object-place.ts";
import type { S3Head } from "./answers.ts";

type MakeRequest = () => Promise<HttpRequest>;

/** A copy whose answer was lost: what is there is right. */
class AlreadyCopied extends Error {}

/**
 * Asks for a copy as often as it takes. Before it is asked for again it is looked for: it may be done, and
 * only its answer was lost, and a look costs less than to copy all of it again.
 *
 * @param calls.ask by a request that is made anew each time
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

/** By what the store tells of both. Where it does not, another try will say what is wrong. */
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
