import { ShardmillError } from "../../shared/core/errors.ts";
import type { ExecutionId } from "../../shared/domain/execution-id.ts";
import { tokenKey } from "../../shared/domain/token.ts";
import type { PutHeader } from "../../shared/wire/services.ts";

/** The lease that a file is put under. */
export function uploadKey({ jobId, shard, token }: PutHeader): string {
  return `${jobId} ${shard} ${tokenKey(token)}`;
}

/** What one lease has put. */
interface Upload {
  readonly executionId: ExecutionId;
  readonly bytesByName: Map<string, number>;
}

/** Leases that are remembered: more than are live in the largest fleet, at a few hundred bytes each. */
const MOST_LEASES = 16_384;

/** Bounds what one lease may put: the files of one execution, and so many bytes of them together. */
export class UploadLedger {
  readonly #mostBytes: number;
  /** The oldest first. */
  readonly #uploads = new Map<string, Upload>();

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /**
   * Counts a file; one that was put before under this name counts once. @throws {STORE_REFUSED} when it is
   * too much
   */
  admit(header: PutHeader): void {
    const { executionId, name, bytes } = header;
    const key = uploadKey(header);
    const upload = this.#uploads.get(key) ?? { executionId, bytesByName: new Map<string, number>() };
    if (upload.executionId !== executionId)
      throw refused(header, "is of another execution under the same lease");
    let total = bytes;
    for (const [other, size] of upload.bytesByName) if (other !== name) total += size;
    if (total > this.#mostBytes) {
      throw refused(header, `would make a partial larger than ${this.#mostBytes} bytes`);
    }
    upload.bytesByName.set(name, bytes);
    this.#uploads.set(key, upload);
    const [oldest] = this.#uploads.keys();
    if (oldest !== undefined && this.#uploads.size > MOST_LEASES) this.#uploads.delete(oldest);
  }
}

function refused({ name, shard, token, executionId }: PutHeader, why: string): ShardmillError {
  return new ShardmillError("STORE_REFUSED", `${name} ${why}`, {
    fields: { path: name, shard, token: tokenKey(token), executionId },
  });
}
