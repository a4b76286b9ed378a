import { expect, test } from "vitest";
import { hopOf, ledTo } from "../../../../shared/http/redirects.ts";

const hop = (from: string, location: string | undefined, status = 302) => {
  const found = hopOf(new URL(from), status, location);
  return found.kind === "to" ? found.url.href : found.kind;
};

test("a response redirects by its status and its location, which may be relative", () => {
  expect(hop("https://a.test/x/y?q=1", "/z")).toBe("https://a.test/z");
  expect(hop("https://a.test/x/y", "z?signature=s")).toBe("https://a.test/x/z?signature=s");
  expect(hop("http://a.test/", "https://b.test/c", 308)).toBe("https://b.test/c");
  expect(hop("https://a.test/", undefined)).toBe("here");
  for (const status of [200, 201, 206, 300, 304, 404])
    expect(hop("https://a.test/", "/z", status)).toBe("here");
});

test("a redirect from https to http, or to an address outside the web, is refused", () => {
  expect(hop("https://a.test/", "http://a.test/")).toBe("refused");
  for (const location of ["file:///etc/passwd", "ftp://a.test/", "data:,x", "http://", "//"])
    expect(hop("http://a.test/", location), location).toBe("refused");
});

test("a redirect drops the user and password of both addresses", () => {
  expect(hop("https://me:hunter2@a.test/x", "/z")).toBe("https://a.test/z");
  expect(hop("https://a.test/x", "https://me:hunter2@b.test/z")).toBe("https://b.test/z");
});

test("a redirect to another server drops the host header and the secret headers", () => {
  const request = {
    method: "GET",
    url: new URL("https://a.test/x"),
    headers: { host: "a.test", range: "bytes=0-9" },
    secretHeaders: { authorization: "hunter2" },
  } as const;
  expect(ledTo(new URL("https://b.test/x"), request)).toEqual({
    method: "GET",
    url: new URL("https://b.test/x"),
    headers: { range: "bytes=0-9" },
  });
  expect(ledTo(new URL("https://a.test/y"), request)).toEqual({
    ...request,
    url: new URL("https://a.test/y"),
  });
});
