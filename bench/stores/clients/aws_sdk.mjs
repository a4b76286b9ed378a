// Runs one task with AWS's own client, unconfigured: aws_sdk.mjs TASK (JSON, see store-task.ts). Run it from
// a folder that has the client.
import { createRequire } from "node:module";
import { join } from "node:path";

const task = JSON.parse(process.argv[2]);
const require = createRequire(join(process.cwd(), "package.json"));
const { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } = require("@aws-sdk/client-s3");
const client = new S3Client({ forcePathStyle: true });
const { bucket } = task;

async function get(index) {
  const start = (index * task.pieceBytes) % task.objectBytes;
  const Range = `bytes=${start}-${start + task.pieceBytes - 1}`;
  const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: task.key, Range }));
  return (await Body.transformToByteArray()).length;
}

const content = Buffer.alloc(task.pieceBytes, "content ");
async function put(index) {
  const Key = `${task.key}-${index}`;
  await client.send(
    new PutObjectCommand({ Bucket: bucket, Key, Body: content, ChecksumAlgorithm: "SHA256" }),
  );
  return content.length;
}

async function list() {
  let found = 0;
  let ContinuationToken;
  do {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket: bucket, Prefix: task.key, ContinuationToken }),
    );
    found += page.Contents?.length ?? 0;
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  return found;
}

const work = { get, put, list }[task.kind];
const before = process.cpuUsage();
const startedMs = performance.now();
let done = 0;
let next = 0;
async function lane() {
  while (next < task.pieces) {
    const found = await work(next++);
    done += found;
  }
}
await Promise.all(Array.from({ length: task.atOnce }, lane));
const seconds = (performance.now() - startedMs) / 1000;
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ seconds, cpuSeconds: (user + system) / 1e6, done }));
