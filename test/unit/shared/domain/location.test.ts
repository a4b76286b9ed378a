import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  atCoordinator,
  below,
  folderOf,
  isLocation,
  localPathOf,
  nameOf,
  parseLocation,
  schemeOf,
  viaCoordinator,
} from "../../../../shared/domain/location.ts";
import { needs } from "../../../support/needs.ts";

const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 }).filter((each) => {
  return !/[/\0]/.test(each) && each !== "." && each !== "..";
});
const root = fc.constantFrom(
  "/",
  "s3://bucket",
  "https://host:8080",
  "gs://b",
  "coordinator:/",
  "coordinator:s3://b",
);

describe("a location", () => {
  it.each([
    ["/data/a.parquet", "file", "/data/a.parquet"],
    ["file:///data/a%20b", "file", "/data/a b"],
    ["s3://bucket/key", "s3", "s3://bucket/key"],
    ["coordinator:/data/a", "coordinator", "coordinator:/data/a"],
    ["coordinator:s3://bucket/key", "coordinator", "coordinator:s3://bucket/key"],
  ])("%s is a location of scheme %s", (text, scheme, location) => {
    expect(parseLocation(text)).toBe(location);
    expect(schemeOf(parseLocation(text))).toBe(scheme);
    expect(isLocation(location)).toBe(true);
  });

  it.each([
    "",
    "a/b",
    "./a",
    "ftp://host/a",
    "s3:/bucket/key",
    "s3:///key",
    "file://host/a",
    "file:///%zz",
    "/a\0",
    "coordinator:a",
    "http://user:50%@host/x.jpg",
    "http://[bad/x.jpg",
    "https://exa mple.com/x.jpg",
    "https://host:99999/x.jpg",
  ])("%j is not a location", (text) => {
    expect(() => parseLocation(text)).toThrow(expect.objectContaining({ code: "ARGUMENT_INVALID" }));
    expect(isLocation(text)).toBe(false);
  });

  needs("gcs")("names are appended to a location and removed again, and the root is its own parent", () => {
    fc.assert(
      fc.property(root, fc.array(name, { minLength: 1, maxLength: 4 }), (top, names) => {
        // On the web, the text after these characters is no name.
        fc.pre(!top.startsWith("https:") || !names.some((each) => /[?#]/.test(each)));
        const start = parseLocation(top);
        let at = below(start, ...names);
        expect(isLocation(at)).toBe(true);
        expect(schemeOf(at)).toBe(schemeOf(start));
        for (const each of [...names].reverse()) {
          expect(nameOf(at)).toBe(each);
          at = folderOf(at);
        }
        expect(nameOf(at)).toBe("");
        expect(folderOf(at)).toBe(at);
      }),
    );
  });

  it("a location is converted to one through the coordinator and back", () => {
    const location = parseLocation("/data/a");
    expect(schemeOf(viaCoordinator(location))).toBe("coordinator");
    expect(atCoordinator(viaCoordinator(location))).toBe(location);
    expect(localPathOf(location)).toBe("/data/a");
    expect(() => localPathOf(viaCoordinator(location))).toThrow("not on this machine");
  });
});
