import { ShardmillError } from "../../shared/core/errors.ts";
import type { ExecutionId } from "../../shared/domain/execution-id.ts";
import { tokenKey } from "../../shared/domain/token.ts";
import type { PutHeader } from "../../shared/wire/services.ts";

/** Returns the key of a file's lease. */
export function uploadKey({ jobId, shard, token }: PutHeader): string {
  return `${jobId} ${shard} ${tokenKey(token)}`;
}

/** Files put under one lease. */
interface Upload {
  readonly executionId: ExecutionId;
  readonly bytesByName: Map<string, number>;
}

/** Limit of remembered leases: more than the largest fleet has, at a few hundred bytes each. */
const MOST_LEASES = 16_384;

/** Limits the uploads of one lease to the files of one execution and a total of bytes. */
export class UploadLedger {
  readonly #mostBytes: number;
  /** Oldest first. */
  readonly #uploads = new Map<string, Upload>();

  constructor(mostBytes: number) {
    this.#mostBytes = mostBytes;
  }

  /**
   * Counts a file. A file that is put again under the same name counts once.
   *
   * @throws {STORE_REFUSED} over the limit
   */
  admit(header: PutHeader): void {
    const { executionId, name, bytes } = header;
    const key = uploadKey(header);
    const upload = this.#uploads.get(key) ?? { executionId, bytesByName: new Map<string, number>() };
    if (upload.executionId !== executionId)
      throw refused(header, "belongs to another execution under the same lease");
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
