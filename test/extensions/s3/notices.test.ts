import { describe, expect, it } from "vitest";
import { readNotice } from "../../../extensions/s3/notices.ts";
import { readFiles } from "../../../extensions/serve/queue/messages/files.ts";

const read = (json: unknown) => readFiles(JSON.stringify(json), [readNotice]);

/** Returns a record as S3 writes it, without unused fields. */
function record(eventName: string, key: string, more: object = {}) {
  return {
    eventVersion: "2.1",
    eventSource: "aws:s3",
    awsRegion: "us-west-2",
    eventTime: "1970-01-01T00:00:00.000Z",
    eventName,
    s3: {
      s3SchemaVersion: "1.0",
      configurationId: "testConfigRule",
      bucket: { name: "amzn-s3-demo-bucket", arn: "arn:aws:s3:::amzn-s3-demo-bucket" },
      object: { key, size: 1_024, eTag: "d41d8cd98f00b204e9800998ecf8427e", ...more },
    },
  };
}

describe("notices of S3", () => {
  it("events of S3 are read, and their keys are decoded", () => {
    const put = record("ObjectCreated:Put", "in/red+flower%2Bb+%C3%A4.parquet", {
      sequencer: "0055AED6DCD90281E5",
    });
    const made = record("s3:ObjectCreated:CompleteMultipartUpload", "b.csv", {
      versionId: "v7",
      sequencer: "00",
    });
    expect(read({ Records: [put, made] })).toEqual({
      kind: "files",
      files: [
        { path: "s3://amzn-s3-demo-bucket/in/red flower+b ä.parquet", version: "0055AED6DCD90281E5" },
        { path: "s3://amzn-s3-demo-bucket/b.csv", version: "v7" },
      ],
    });
  });

  it("events in SNS messages and from EventBridge are read, and EventBridge keys stay literal", () => {
    const event = { Records: [record("ObjectCreated:Copy", "a+b.parquet")] };
    const wrapped = { Type: "Notification", MessageId: "1", TopicArn: "arn", Message: JSON.stringify(event) };
    expect(read(wrapped)).toEqual(read(event));
    const detail = {
      bucket: { name: "logs" },
      object: { key: "a+b %41.parquet", etag: "e1" },
      reason: "PutObject",
    };
    expect(read({ version: "0", "detail-type": "Object Created", source: "aws.s3", detail })).toEqual({
      kind: "files",
      files: [{ path: "s3://logs/a+b %41.parquet", version: "e1" }],
    });
  });

  it("events that create no object are ignored", () => {
    const bridge = { source: "aws.s3", "detail-type": "Object Deleted", detail: {} };
    const test = {
      Service: "Amazon S3",
      Event: "s3:TestEvent",
      Time: "2014-10-13T15:57:02.089Z",
      Bucket: "b",
    };
    const folder = { Records: [record("ObjectCreated:Put", "folder/")] };
    const removed = { Records: [record("ObjectRemoved:Delete", "a.parquet")] };
    for (const each of [test, bridge, folder, removed]) expect(read(each)).toEqual({ kind: "nothing" });
    const both = { Records: [...removed.Records, record("ObjectCreated:Put", "b.parquet")] };
    expect(read(both)).toMatchObject({ files: [{ path: "s3://amzn-s3-demo-bucket/b.parquet" }] });
  });

  it("events without a valid object are refused with the place of the fault", () => {
    const bad: readonly (readonly [unknown, string])[] = [
      [{ Records: {} }, "Records"],
      [{ Records: [{}] }, "Records[0]"],
      [{ Records: [record("ObjectCreated:Put", "a"), record("ObjectCreated:Put", "%zz")] }, "Records[1]"],
      [{ source: "aws.s3", "detail-type": "Object Created", detail: { bucket: { name: "../x" } } }, "detail"],
    ];
    for (const [json, where] of bad)
      expect(read(json)).toMatchObject({ kind: "invalid", problem: { where } });
  });
});
