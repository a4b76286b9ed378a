import { assertNever } from "../core/assert.ts";
import {
  type DeadLetter,
  isExecutionId,
  type PartialFile,
  type PartialFileKind,
  type PartialManifest,
} from "../domain/partial.ts";
import { rowCountsOf } from "../domain/row-counts.ts";
import { errorCodec } from "./codec-error.ts";
import { decodeShardId, tokenCodec } from "./codec-shard.ts";
import type { OfferAnswer } from "./services.ts";
import { type Codec, uint32, type WireReader } from "./wire-message.ts";

const FILE_KINDS = ["rows", "scan", "dead", "combined"] as const satisfies readonly PartialFileKind[];
const DEAD_STAGES = [
  "read",
  "tensorize",
  "infer",
  "collect",
  "worker",
] as const satisfies readonly DeadLetter["stage"][];

export const partialCodec: Codec<PartialManifest> = {
  encode: (partial) => ({
    shard: uint32(partial.shard),
    token: tokenCodec.encode(partial.token),
    executionId: partial.executionId,
    ...rowCountsOf(partial),
    ...(partial.firstDead === null ? {} : { firstDead: deadLetterCodec.encode(partial.firstDead) }),
    files: partial.files.map(partialFileCodec.encode),
    digest: partial.digest,
  }),
  decode(message) {
    const firstDead = message.optionalMessage("firstDead");
    return {
      shard: decodeShardId(message, "shard"),
      token: tokenCodec.decode(message.message("token")),
      executionId: decodeExecutionId(message),
      rowsIn: message.count("rowsIn"),
      rowsMapped: message.count("rowsMapped"),
      rowsFiltered: message.count("rowsFiltered"),
      rowsOut: message.count("rowsOut"),
      rowsDead: message.count("rowsDead"),
      firstDead: firstDead === null ? null : deadLetterCodec.decode(firstDead),
      files: message.list("files").map(partialFileCodec.decode),
      digest: message.text("digest"),
    };
  },
};

/**
 * Whatever becomes of a partial, its folder is looked for, and perhaps deleted: no other name may get as far.
 */
function decodeExecutionId(message: WireReader): string {
  const id = message.text("executionId");
  return isExecutionId(id) ? id : message.fail("executionId", "is not 1 to 64 letters and digits");
}

const partialFileCodec: Codec<PartialFile> = {
  encode: ({ kind, name, rows, bytes, sha256 }) => ({ kind, name, rows, bytes, sha256 }),
  decode: (message) => ({
    kind: message.oneOf("kind", FILE_KINDS),
    name: message.name("name"),
    rows: message.count("rows"),
    bytes: message.count("bytes"),
    sha256: message.text("sha256"),
  }),
};

const deadLetterCodec: Codec<DeadLetter> = {
  encode: ({ file, row, stage, code, message }) => ({ file, row, stage, code, message }),
  decode: (message) => ({
    file: message.text("file"),
    row: message.count("row"),
    stage: message.oneOf("stage", DEAD_STAGES),
    code: message.text("code"),
    message: message.text("message"),
  }),
};

export const offerAnswerCodec: Codec<OfferAnswer> = {
  encode(answer) {
    switch (answer.kind) {
      case "committed":
        return { committed: {} };
      case "alreadyCommitted":
        return { alreadyCommitted: {} };
      case "refused":
        return { refused: errorCodec.encode(answer.error) };
      default:
        return assertNever(answer);
    }
  },
  decode(message) {
    const kind = message.which("outcome", ["committed", "alreadyCommitted", "refused"]);
    return kind === "refused" ? { kind, error: errorCodec.decode(message.message("refused")) } : { kind };
  },
};
