import { readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * Entry of a process: a bucket with far more objects than a disk holds well. All are the same file, in
 * folders `day=0`, `day=1` and so on. The first few of each folder have other names. The server checks no
 * signature, and computes each answer on request.
 */
const [file = "", folderCount = "", fileCount = "", firstCount = ""] = process.argv.slice(2);
const bytes = readFileSync(file);
const [FOLDERS, FILES, FIRST] = [Number(folderCount), Number(fileCount), Number(firstCount)];
const ETAG = '"5d41402abc4b2a76b9719d911017c592"';
const PAGE = 1_000;

interface Names {
  readonly count: number;
  at(index: number): string;
}

const folders: Names = { count: FOLDERS, at: (index) => `data/day=${index}/` };
const filesOf = (folder: string): Names => ({
  count: FILES,
  at: (index) => `${folder}${index < FIRST ? "first" : "part"}-${String(index).padStart(7, "0")}.parquet`,
});
const NONE: Names = { count: 0, at: () => "" };

/** Names of all files: a listing without a delimiter includes the content of folders. */
const everything: Names = {
  count: FOLDERS * FILES,
  at: (index) => filesOf(folders.at(Math.floor(index / FILES))).at(index % FILES),
};

function namesBelow(prefix: string, isWhole: boolean): Names {
  if (prefix === "data/") return isWhole ? everything : folders;
  return /^data\/day=\d+\/$/.test(prefix) ? filesOf(prefix) : NONE;
}

function listed(query: URLSearchParams): string {
  const names = namesBelow(query.get("prefix") ?? "", !query.has("delimiter"));
  const from = Number(query.get("continuation-token") ?? 0);
  const to = Math.min(from + Math.min(Number(query.get("max-keys") ?? PAGE), PAGE), names.count);
  let items = "";
  for (let index = from; index < to; index += 1) items += item(names.at(index));
  const next =
    to < names.count
      ? `<IsTruncated>true</IsTruncated><NextContinuationToken>${to}</NextContinuationToken>`
      : "<IsTruncated>false</IsTruncated>";
  return `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>bench</Name><EncodingType>url</EncodingType>${next}${items}</ListBucketResult>`;
}

function item(name: string): string {
  const key = encodeURIComponent(name).replaceAll("%2F", "/");
  if (name.endsWith("/")) return `<CommonPrefixes><Prefix>${key}</Prefix></CommonPrefixes>`;
  return `<Contents><Key>${key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;${ETAG.slice(1, -1)}&quot;</ETag><Size>${bytes.length}</Size><StorageClass>STANDARD</StorageClass></Contents>`;
}

function answerObject(range: string | undefined, response: ServerResponse): void {
  const [, first = "", last = ""] = /^bytes=(\d*)-(\d*)$/.exec(range ?? "") ?? [];
  const isTail = first === "";
  const from = isTail ? Math.max(0, bytes.length - Number(last === "" ? bytes.length : last)) : Number(first);
  const to = isTail || last === "" ? bytes.length : Math.min(Number(last) + 1, bytes.length);
  response.writeHead(range === undefined ? 200 : 206, {
    etag: ETAG,
    "last-modified": "Thu, 01 Jan 2026 00:00:00 GMT",
    "content-length": to - from,
    "content-range": `bytes ${from}-${to - 1}/${bytes.length}`,
    "accept-ranges": "bytes",
  });
  response.end(bytes.subarray(from, to));
}

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://server");
  if (searchParams.get("list-type") === "2") {
    response.writeHead(200, { "content-type": "application/xml" }).end(listed(searchParams));
  } else if (
    /\/day=\d+\/(first|part)-\d+\.parquet$/.test(decodeURIComponent(pathname)) &&
    request.method === "GET"
  ) {
    answerObject(request.headers.range, response);
  } else {
    response.writeHead(404).end();
  }
});
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`${(server.address() as AddressInfo).port}\n`);
});
