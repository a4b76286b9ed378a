import { recordOf } from "../core/record-of.ts";
import { type ExecutionId, isExecutionId } from "../domain/execution-id.ts";
import type { DeadLetter, PartialFile, PartialFileKind, PartialManifest } from "../domain/partial.ts";
import { ROW_COUNT_NAMES } from "../domain/row-counts.ts";
import { errorCodec } from "./codec-error.ts";
import { tokenCodec } from "./codec-shard.ts";
import { type FieldCodec, field } from "./field.ts";
import type { OfferAnswer } from "./services.ts";
import { tableCodec, unionCodec } from "./table-codec.ts";

const FILE_KINDS = [
  "rows",
  "scan",
  "errors",
  "combined",
  "sample",
  "folders",
] as const satisfies readonly PartialFileKind[];
const DEAD_LETTER_STAGES = [
  "read",
  "tensorize",
  "infer",
  "collect",
  "worker",
  "prepare",
  "finish",
] as const satisfies readonly DeadLetter["stage"][];

const partialFile = tableCodec<PartialFile>("PartialFile", {
  kind: field.word("PartialFileKind", FILE_KINDS),
  name: field.name,
  rows: field.count,
  bytes: field.count,
  sha256: field.digest,
});

const deadLetter = tableCodec<DeadLetter>("DeadLetter", {
  file: field.text,
  row: field.count,
  stage: field.word("DeadLetterStage", DEAD_LETTER_STAGES),
  code: field.text,
  message: field.text,
});

/** Checked, because the coordinator looks for the partial's folder by this name, and may delete it. */
export const executionId: FieldCodec<ExecutionId> = {
  ...field.text,
  decode(message, name) {
    const id = message.text(name);
    return isExecutionId(id) ? id : message.fail(name, "is not 1 to 64 letters and digits");
  },
};

export const partialCodec = tableCodec<PartialManifest>("Partial", {
  shard: field.shard,
  token: field.message(tokenCodec),
  executionId,
  ...recordOf(ROW_COUNT_NAMES, () => field.count),
  firstDeadLetter: field.orNull(field.message(deadLetter)),
  files: field.list(partialFile),
  digest: field.digest,
});

export const offerAnswerCodec = unionCodec<OfferAnswer>("outcome", {
  committed: field.message(tableCodec<object>("Committed", {})),
  alreadyCommitted: field.message(tableCodec<object>("AlreadyCommitted", {})),
  refused: field.held("error", field.message(errorCodec)),
});
