import fc from "fast-check";
import { expect, test } from "vitest";
import type { ObjectPage } from "../../../extensions/object-store/object-client.ts";
import { objectPageReader } from "../../../extensions/s3/list-objects.ts";

/** Returns a listing as AWS documents it, with its namespace. */
function listing(inner: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>bucket</Name><Prefix>a/</Prefix>${inner}</ListBucketResult>`;
}

function read(text: string, cuts: readonly number[] = [], from: string | null = null): ObjectPage {
  const bytes = Buffer.from(text, "utf8");
  const reader = objectPageReader("s3://bucket/a", from);
  const ends = [...cuts.map((cut) => cut % bytes.length), bytes.length].sort((a, b) => a - b);
  let start = 0;
  for (const end of ends) {
    reader.take(bytes.subarray(start, end));
    start = end;
  }
  return reader.end();
}

const PAGE = listing(`
  <IsTruncated>true</IsTruncated><NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</NextContinuationToken>
  <KeyCount>3</KeyCount><EncodingType>url</EncodingType>
  <Contents><Key>a/b%20c+d%2Be.bin</Key><Size>12</Size><ETag>&quot;70ee1738b6b21e2c8a43f3a5ab0eee71&quot;</ETag>
    <Owner><ID>x</ID></Owner><StorageClass>STANDARD</StorageClass></Contents>
  <Contents><Key>a/%E6%BC%A2%01</Key><Size>0</Size><ETag>"e-2"</ETag></Contents>
  <CommonPrefixes><Prefix>a/%2B/</Prefix></CommonPrefixes>`);

test("a page of a listing is read from chunks of any size", () => {
  const expected = {
    objects: [
      { key: "a/b c d+e.bin", bytes: 12, version: '"70ee1738b6b21e2c8a43f3a5ab0eee71"' },
      { key: "a/漢\u0001", bytes: 0, version: '"e-2"' },
    ],
    prefixes: ["a/+/"],
    next: "1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=",
  };
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 20 }), (cuts) => {
      expect(read(PAGE, cuts)).toEqual(expected);
    }),
  );
});

test("keys are read literally from a store that does not encode them", () => {
  const plain = listing(
    "<Contents><Key>a/+%20&amp;漢<![CDATA[<]]></Key><Size>1</Size><ETag>e</ETag></Contents>",
  );
  expect(read(plain).objects).toEqual([{ key: "a/+%20&漢<", bytes: 1, version: "e" }]);
  expect(read(listing("<KeyCount>0</KeyCount>"))).toEqual({ objects: [], prefixes: [], next: null });
});

test("a document that is not a valid and complete list of objects is refused", () => {
  const bad = listing("<EncodingType>url</EncodingType><Contents><Key>%</Key><Size>1</Size></Contents>");
  for (const text of [
    "",
    "<html><p>Welcome</html>",
    "<Error><Code>x</Code></Error>",
    PAGE.slice(0, -30),
    bad,
  ])
    expect(() => read(text), text).toThrow(expect.objectContaining({ code: "STORE_FAILED" }));
});

test("a page that is not the last is refused without a new continuation token", () => {
  const failed = expect.objectContaining({ code: "STORE_FAILED" });
  const one = "<Contents><Key>a</Key><Size>1</Size></Contents>";
  for (const inner of ["<NextContinuationToken></NextContinuationToken>", ""])
    expect(() => read(listing(`<IsTruncated>true</IsTruncated>${inner}${one}`))).toThrow(failed);
  expect(read(listing(`<IsTruncated>false</IsTruncated>${one}`)).next).toBeNull();
  const leading = listing(`<IsTruncated>true</IsTruncated><NextContinuationToken>b</NextContinuationToken>`);
  expect(read(leading, [], "a").next).toBe("b");
  expect(() => read(leading, [], "b")).toThrow(failed);
});
