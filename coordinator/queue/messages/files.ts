import { parseJson } from "../../../shared/core/parse-json.ts";
import { isBucketName } from "../../../shared/domain/store-schemes.ts";
import { type InvalidMessage, invalid, isObject } from "./problem.ts";

/** A file that a message names. */
export interface MessageFile {
  /** An address, or a path as whoever sent the message wrote it. No pattern. */
  readonly path: string;
  /** Which of the objects that were ever called so; null where that is not told. */
  readonly version: string | null;
}

type ReadFiles =
  | { readonly kind: "files"; readonly files: readonly MessageFile[] }
  | { readonly kind: "nothing" }
  | InvalidMessage;

/** A topic of SNS wraps what S3 says, and a topic that is subscribed to it wraps that. */
const MOST_WRAPPINGS = 3;
const FORMS = 'what S3 tells of its objects, {"path": "..."} or {"paths": ["..."]}';
const PATHS = "paths that are not empty";

/**
 * The files that a message names: an event of S3 as it is, by way of SNS or EventBridge too, or
 * `{"path": ...}`, `{"paths": [...]}`. Of events, only objects that were created: others ask for nothing.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
 */
export function readFiles(text: string, wrappings = 0): ReadFiles {
  const json = parseJson(text);
  if (!isObject(json)) return invalid("the message", "is no object of JSON", FORMS, text);
  if (json.path !== undefined) return pathsOf([json.path]);
  if (json.paths !== undefined) return pathsOf(json.paths);
  if (json.Event === "s3:TestEvent") return { kind: "nothing" };
  if (json.Records !== undefined) return recordsOf(json.Records);
  if (json.source === "aws.s3") return eventOf(json);
  if (json.Type === "Notification" && typeof json.Message === "string" && wrappings < MOST_WRAPPINGS)
    return readFiles(json.Message, wrappings + 1);
  return invalid("the message", "names no files", FORMS, text);
}

function pathsOf(paths: unknown): ReadFiles {
  if (!Array.isArray(paths) || paths.length === 0) return invalid("paths", "names no files", PATHS, paths);
  const files: MessageFile[] = [];
  for (const path of paths as unknown[]) {
    if (typeof path !== "string" || path === "") return invalid("path", "is no path", PATHS, path);
    files.push({ path, version: null });
  }
  return { kind: "files", files };
}

function recordsOf(records: unknown): ReadFiles {
  if (!Array.isArray(records)) return invalid("Records", "is no array", FORMS, records);
  const files: MessageFile[] = [];
  for (const [index, record] of (records as unknown[]).entries()) {
    const where = `Records[${index}]`;
    const { eventName, s3 } = isObject(record) ? record : {};
    // Other stores than AWS's begin the name with `s3:`.
    if (typeof eventName !== "string") return invalid(where, "is no event of S3", FORMS, record);
    if (!/^(s3:)?ObjectCreated:/.test(eventName)) continue;
    const read = objectOf(where, s3, keyOfRecord);
    if (read.kind === "invalid") return read;
    if (read.kind === "files") files.push(...read.files);
  }
  return files.length === 0 ? { kind: "nothing" } : { kind: "files", files };
}

/** By EventBridge. */
function eventOf({ "detail-type": type, detail }: Readonly<Record<string, unknown>>): ReadFiles {
  return type === "Object Created" ? objectOf("detail", detail, (key) => key) : { kind: "nothing" };
}

function objectOf(where: string, told: unknown, keyOf: (key: string) => string | null): ReadFiles {
  const { bucket, object } = isObject(told) ? told : {};
  const name = isObject(bucket) ? bucket.name : undefined;
  const about = isObject(object) ? object : {};
  const key = typeof about.key === "string" ? keyOf(about.key) : null;
  if (typeof name !== "string" || !isBucketName(name, "s3") || key === null || key === "")
    return invalid(where, "names no object", "a bucket's name and an object's key", told);
  // What consoles show as a folder.
  if (key.endsWith("/")) return { kind: "nothing" };
  const versions = [about.versionId, about["version-id"], about.sequencer, about.eTag, about.etag];
  const version = versions.find((each) => typeof each === "string" && each !== "");
  return {
    kind: "files",
    files: [{ path: `s3://${name}/${key}`, version: typeof version === "string" ? version : null }],
  };
}

/** In records it is encoded as in forms of the web; EventBridge has it as it is. */
function keyOfRecord(key: string): string | null {
  try {
    return decodeURIComponent(key.replaceAll("+", " "));
  } catch {
    return null;
  }
}
