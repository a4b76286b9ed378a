import { createHash } from "node:crypto";
import { failed } from "../../shared/http/failures.ts";
import type { BodyReader } from "../../shared/http/messages.ts";
import type { UnsignedRequest } from "../aws/signer.ts";
import { bodyOf } from "../object-store/bodies.ts";
import { boundedText } from "../object-store/problem.ts";
import { XmlReader, xmlBody, xmlText } from "../object-store/xml.ts";

type Removal = Pick<UnsignedRequest, "method" | "query" | "headers" | "sha256" | "body">;

/** Builds the request that removes several keys of a bucket. */
export function removalOf(keys: readonly string[]): Removal {
  const objects = keys.map((key) => `<Object><Key>${xmlText(key)}</Key></Object>`).join("");
  const bytes = Buffer.from(`<Delete><Quiet>true</Quiet>${objects}</Delete>`, "utf8");
  const sha256 = createHash("sha256").update(bytes);
  const hex = sha256.copy().digest("hex");
  const headers = {
    "content-type": "application/xml",
    "x-amz-checksum-sha256": sha256.digest("base64"),
    // Older stores require this header instead.
    "content-md5": createHash("md5").update(bytes).digest("base64"),
  };
  return { method: "POST", query: { delete: "" }, headers, sha256: hex, body: bodyOf(bytes) };
}

/** Reads a quiet response, which lists only the keys that were not removed. */
export function removalReader(path: string): BodyReader<void> {
  const problem = { code: "", key: "" };
  const reader = new XmlReader(([, outer, inner], text) => {
    if (outer === "Error" && inner === "Code") problem.code = boundedText(text);
    if (outer === "Error" && inner === "Key") problem.key = boundedText(text);
  });
  const broken = (cause: unknown) =>
    failed("STORE_FAILED", path, "cannot be removed: the response of the store is invalid", { cause });
  return xmlBody(
    reader,
    () => {
      const { code, key } = problem;
      if (code !== "")
        throw failed(
          code === "AccessDenied" ? "STORE_REFUSED" : "STORE_FAILED",
          path,
          `was not removed: ${code}`,
          {
            fields: { reason: code, key },
          },
        );
    },
    broken,
  );
}
