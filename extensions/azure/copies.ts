import { failed } from "../../shared/http/failures.ts";
import type { AnswerHead, BodyReader } from "../../shared/http/messages.ts";
import { ignoring } from "../object-store/bodies.ts";
import type { ObjectPut } from "../object-store/object-client.ts";
import { isTaken } from "./blobs.ts";
import { codeIn } from "./errors.ts";

/** Progress of the copy that made a blob. */
interface BlobCopy {
  /** `pending`, `success`, `aborted` or `failed`. A blob that is no copy has `success`, too. */
  readonly state: string;
  /** Progress such as `7/100`, compared as text. */
  readonly progress: string;
}

/** Outcome of a copy request: it began, another copy is pending there, or the blob exists. */
type Begun = BlobCopy | "busy" | "taken";

/** Calls to the store for one copy. */
interface CopyCalls {
  begin(): Promise<Begun>;
  /** Reads the state of the present blob, whichever client copied it. */
  look(): Promise<BlobCopy>;
  wait(): Promise<void>;
}

/** Limit of consecutive polls without progress: ten minutes. */
const MOST_LOOKS = 1_200;

/**
 * Copies a blob within the store. The store starts the copy and continues in the background. When several
 * clients copy to one name, one of them copies and the others wait.
 *
 * @throws {STORE_FAILED} when the copy fails or makes no progress
 * @throws the errors of the calls
 */
export async function copyInStore(path: string, calls: CopyCalls): Promise<"put" | "taken"> {
  let busy = 0;
  for (;;) {
    const begun = await calls.begin();
    const copy = typeof begun === "string" ? await calls.look() : begun;
    const { state } = await ended(path, copy, calls);
    // The pending copy may be of another source, so this copy begins again.
    if (begun === "busy") {
      if (copy.state === "pending") continue;
      // The two calls disagree: one reports a pending copy, the other does not.
      if (busy === MOST_LOOKS)
        throw failed("STORE_FAILED", path, "is being copied by another client, which does not finish");
      busy += 1;
      await calls.wait();
      continue;
    }
    if (begun === "taken") return "taken";
    if (state !== "success") throw failed("STORE_FAILED", path, `was not copied: the copy is ${state}`);
    return "put";
  }
}

async function ended(path: string, begun: BlobCopy, calls: CopyCalls): Promise<BlobCopy> {
  let looks = 0;
  for (let copy = begun; ; ) {
    if (copy.state !== "pending") return copy;
    if (looks === MOST_LOOKS) throw failed("STORE_FAILED", path, "is being copied, without progress");
    await calls.wait();
    const now = await calls.look();
    looks = now.progress === copy.progress ? looks + 1 : 0;
    copy = now;
  }
}

/** Reads the response to a copy request. Null: an unexpected response. */
export function copyBegunBy(
  head: AnswerHead,
  { ifAbsent }: Pick<ObjectPut, "ifAbsent">,
): BodyReader<Begun> | null {
  if (head.status === 202) return ignoring(copyOf(head));
  if (codeIn(head) === "PendingCopyOperation") return ignoring("busy");
  return ifAbsent && isTaken(head) ? ignoring("taken") : null;
}

/** Reads the copy state of a blob from a response. Null: an unexpected response. */
export function copyReader(head: AnswerHead): BodyReader<BlobCopy> | null {
  return head.status === 200 ? ignoring(copyOf(head)) : null;
}

export function copyOf({ headers }: AnswerHead): BlobCopy {
  const { "x-ms-copy-status": state = "success", "x-ms-copy-progress": progress = "" } = headers;
  return { state: String(state), progress: String(progress) };
}
