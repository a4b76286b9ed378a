import { failed } from "../http/failures.ts";
import type { Answer, AnswerHead, BodyReader } from "../http/messages.ts";
import { collected } from "../objects/bodies.ts";
import { boundedText, problemOf } from "../objects/problem.ts";
import { XmlReader, xmlBody } from "../objects/xml.ts";
import { judgedByProblem } from "./errors.ts";

/** What stores call bytes that are not those of a digest. */
const OTHER_BYTES = [
  "BadDigest",
  "InvalidDigest",
  "XAmzContentChecksumMismatch",
  "XAmzContentSHA256Mismatch",
];

export function isOfDigest(answer: Answer): boolean {
  return OTHER_BYTES.includes(problemOf(answer).code);
}

/** A copy takes its time, and may fail when its 200 is long under way. */
export function errorInside(path: string, head: AnswerHead): BodyReader<void> {
  return collected(head, (answer) => {
    const problem = problemOf(answer);
    if (problem.code !== "") throw judgedByProblem(path, answer, problem);
  });
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
