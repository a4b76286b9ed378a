import { isObject } from "../../shared/core/json-object.ts";
import { isBucketName } from "../../shared/domain/store-schemes.ts";
import type { NamedFile, Notice } from "../../shared/extension/notice.ts";

const EVENTS = "S3 event notifications";

/**
 * Reads an event of S3: plain, or sent by SNS or EventBridge. Only created objects are files, and other
 * events need no action.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 */
export function readNotice(json: Readonly<Record<string, unknown>>): Notice | null {
  if (json.Event === "s3:TestEvent") return { kind: "nothing" };
  if (json.Records !== undefined) return recordsOf(json.Records);
  if (json.source === "aws.s3") return eventOf(json);
  if (json.Type === "Notification" && typeof json.Message === "string")
    return { kind: "wrapped", text: json.Message };
  return null;
}

function recordsOf(records: unknown): Notice {
  if (!Array.isArray(records))
    return { kind: "invalid", where: "Records", what: "is not an array", expected: EVENTS, found: records };
  const files: NamedFile[] = [];
  for (const [index, record] of (records as unknown[]).entries()) {
    const where = `Records[${index}]`;
    const { eventName, s3 } = isObject(record) ? record : {};
    // Stores other than AWS begin the name with `s3:`.
    if (typeof eventName !== "string")
      return { kind: "invalid", where, what: "is not an S3 event", expected: EVENTS, found: record };
    if (!/^(s3:)?ObjectCreated:/.test(eventName)) continue;
    const read = objectOf(where, s3, keyOfRecord);
    if (read.kind === "invalid") return read;
    if (read.kind === "files") files.push(...read.files);
  }
  return files.length === 0 ? { kind: "nothing" } : { kind: "files", files };
}

/** Reads an event from EventBridge. */
function eventOf({ "detail-type": type, detail }: Readonly<Record<string, unknown>>): Notice {
  return type === "Object Created" ? objectOf("detail", detail, (key) => key) : { kind: "nothing" };
}

function objectOf(where: string, message: unknown, keyOf: (key: string) => string | null): Notice {
  const { bucket, object } = isObject(message) ? message : {};
  const name = isObject(bucket) ? bucket.name : undefined;
  const about = isObject(object) ? object : {};
  const key = typeof about.key === "string" ? keyOf(about.key) : null;
  if (typeof name !== "string" || !isBucketName(name, "s3") || key === null || key === "") {
    const expected = "a bucket's name and an object's key";
    return { kind: "invalid", where, what: "names no object", expected, found: message };
  }
  // An empty object that consoles show as a folder.
  if (key.endsWith("/")) return { kind: "nothing" };
  const versions = [about.versionId, about["version-id"], about.sequencer, about.eTag, about.etag];
  const version = versions.find((each) => typeof each === "string" && each !== "");
  return {
    kind: "files",
    files: [{ path: `s3://${name}/${key}`, version: typeof version === "string" ? version : null }],
  };
}

/** Decodes the key of a record, which is form-encoded. EventBridge sends keys unencoded. */
function keyOfRecord(key: string): string | null {
  try {
    return decodeURIComponent(key.replaceAll("+", " "));
  } catch {
    return null;
  }
}
