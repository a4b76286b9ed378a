import { NEVER } from "../../shared/core/abort.ts";
import { errorToData } from "../../shared/core/errors.ts";
import { answerIsolated } from "../../shared/onnx/isolated.ts";
import { Storages } from "../../shared/storage/open-storage.ts";
import type { PackAnswer, PackQuestion } from "./pack-protocol.ts";
import { packSet } from "./pack-set.ts";

/** Process of `makeSet`. A set has gigabytes, and decoders read untrusted files. */

async function pack(question: PackQuestion): Promise<PackAnswer> {
  await using storages = new Storages({}, question.stores);
  try {
    const problems = await packSet(question, storages, NEVER);
    return problems.length === 0 ? { kind: "packed" } : { kind: "refused", problems };
  } catch (error) {
    return { kind: "failed", error: errorToData(error) };
  }
}

answerIsolated((question) => pack(question as PackQuestion));
