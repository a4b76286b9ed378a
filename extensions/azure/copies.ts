import { failed } from "../../shared/http/failures.ts";
import type { AnswerHead, BodyReader } from "../../shared/http/messages.ts";
import { ignoring } from "../object-store/bodies.ts";
import type { ObjectPut } from "../object-store/object-client.ts";
import { isTaken } from "./blobs.ts";
import { codeIn } from "./errors.ts";

/** How far the copy has come by which a blob was made. */
interface BlobCopy {
  /** `pending`, `success`, `aborted`, `failed`; `success`, too, of a blob that is no copy. */
  readonly state: string;
  /** `7/100`: it only is compared. */
  readonly progress: string;
}

/** What came of asking for a copy: it began, or another is under way there, or something is there. */
type Begun = BlobCopy | "busy" | "taken";

/** What is asked of the store for one copy. */
interface CopyCalls {
  begin(): Promise<Begun>;
  /** At what is there now, whoever copied it there. */
  look(): Promise<BlobCopy>;
  wait(): Promise<void>;
}

/** In a row, without the copy getting any further: ten minutes. */
const MOST_LOOKS = 1_200;

/**
 * Copies a blob in the store, which says at once that it has begun, and then goes on by itself. Of several
 * that copy to one name one does, and the others wait for it.
 *
 * @throws {STORE_FAILED} when it ends badly, or gets no further; what the calls throw
 */
export async function copyInStore(path: string, calls: CopyCalls): Promise<"put" | "taken"> {
  let busy = 0;
  for (;;) {
    const begun = await calls.begin();
    const copy = typeof begun === "string" ? await calls.look() : begun;
    const { state } = await ended(path, copy, calls);
    // Another's copy may be of another blob.
    if (begun === "busy") {
      if (copy.state === "pending") continue;
      // Under way by what one call says, and not by what the other does.
      if (busy === MOST_LOOKS) throw failed("STORE_FAILED", path, "is copied by another, which does not end");
      busy += 1;
      await calls.wait();
      continue;
    }
    if (begun === "taken") return "taken";
    if (state !== "success") throw failed("STORE_FAILED", path, `is not copied: the copy is ${state}`);
    return "put";
  }
}

async function ended(path: string, begun: BlobCopy, calls: CopyCalls): Promise<BlobCopy> {
  let looks = 0;
  for (let copy = begun; ; ) {
    if (copy.state !== "pending") return copy;
    if (looks === MOST_LOOKS) throw failed("STORE_FAILED", path, "is copied, and that gets no further");
    await calls.wait();
    const now = await calls.look();
    looks = now.progress === copy.progress ? looks + 1 : 0;
    copy = now;
  }
}

/** What an answer says that was to begin a copy; null for another. */
export function copyBegunBy(
  head: AnswerHead,
  { ifAbsent }: Pick<ObjectPut, "ifAbsent">,
): BodyReader<Begun> | null {
  if (head.status === 202) return ignoring(copyOf(head));
  if (codeIn(head) === "PendingCopyOperation") return ignoring("busy");
  return ifAbsent && isTaken(head) ? ignoring("taken") : null;
}

/** What an answer says of the blob that is there; null for another. */
export function copyReader(head: AnswerHead): BodyReader<BlobCopy> | null {
  return head.status === 200 ? ignoring(copyOf(head)) : null;
}

export function copyOf({ headers }: AnswerHead): BlobCopy {
  const { "x-ms-copy-status": state = "success", "x-ms-copy-progress": progress = "" } = headers;
  return { state: String(state), progress: String(progress) };
}
