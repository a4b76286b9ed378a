import { isShardmillError } from "../core/errors.ts";
import { failed } from "../http/failures.ts";
import type { Answer, AnswerHead, BodyReader } from "../http/messages.ts";
import { boundedText, problemOf } from "../objects/problem.ts";
import { XmlReader, xmlBody } from "../objects/xml.ts";
import { judgedByProblem } from "./errors.ts";

/** Of an answer that says why in XML: a longer one is none. */
const MOST_BYTES = 64 << 10;

/** What stores call bytes that are not those of a digest. */
const OTHER_BYTES = [
  "BadDigest",
  "InvalidDigest",
  "XAmzContentChecksumMismatch",
  "XAmzContentSHA256Mismatch",
];

/** Whether it was for their digest that bytes were not taken. */
export function digestRefusal(head: AnswerHead, judge: (answer: Answer) => Error): BodyReader<boolean> {
  return collected(head, (answer) => {
    if (OTHER_BYTES.includes(problemOf(answer).code)) return true;
    const error = judge(answer);
    // A store that does not take the digest as such makes sure of nothing.
    if (isShardmillError(error, "STORE_FAILED")) return false;
    throw error;
  });
}

/** A copy takes its time, and may fail when its 200 is long under way. */
export function errorInside(path: string, head: AnswerHead): BodyReader<void> {
  return collected(head, (answer) => {
    const problem = problemOf(answer);
    if (problem.code !== "") throw judgedByProblem(path, answer, problem);
  });
}

function collected<T>(head: AnswerHead, result: (answer: Answer) => T): BodyReader<T> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  return {
    take(chunk) {
      chunks.push(Uint8Array.from(chunk.subarray(0, MOST_BYTES - bytes)));
      bytes += chunk.length;
      return bytes < MOST_BYTES ? "more" : "enough";
    },
    end: () => result({ ...head, body: Buffer.concat(chunks) }),
  };
}

/** In a quiet answer stands what was not removed. */
export function removalReader(path: string): BodyReader<void> {
  const problem = { code: "", key: "" };
  const reader = new XmlReader(([, outer, inner], text) => {
    if (outer === "Error" && inner === "Code") problem.code = boundedText(text);
    if (outer === "Error" && inner === "Key") problem.key = boundedText(text);
  });
  const broken = (cause: unknown) =>
    failed("STORE_FAILED", path, "is removed with an answer that is none", { cause });
  return xmlBody(
    reader,
    () => {
      const { code, key } = problem;
      if (code !== "")
        throw failed(
          code === "AccessDenied" ? "STORE_REFUSED" : "STORE_FAILED",
          path,
          `is not removed: ${code}`,
          {
            fields: { reason: code, key },
          },
        );
    },
    broken,
  );
}
