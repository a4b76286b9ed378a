import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { EXTENSIONS } from "#extensions";
import { METHOD_CALLERS } from "../../coordinator/access/method-callers.ts";
import { present } from "../../shared/core/assert.ts";
import type { GrpcFace } from "../../shared/extension/face.ts";
import { compiledRegistry } from "../support/reflection-client.ts";

const faces = EXTENSIONS.flatMap(({ name, face }) =>
  face?.grpc === undefined ? [] : [{ name, face: face.grpc }],
);

async function loaded(face: GrpcFace) {
  return await face.load({ jobs: () => [], report: () => {} });
}

test("have methods of their own", () => {
  const paths = faces.flatMap(({ face }) => Object.keys(face.methods));
  expect(new Set(paths).size).toBe(paths.length);
});

describe.each(faces)("the gRPC face $name", ({ face }) => {
  test("declares whole services, as reflection tells of them", async () => {
    const registry = await compiledRegistry();
    const paths = Object.keys(face.methods);
    const services = new Set(paths.map((path) => path.slice(1, path.lastIndexOf("/"))));
    const all = [...services].flatMap((name) =>
      present(registry.getService(name), `reflection knows ${name}`).methods.map(
        (method) => `/${name}/${method.name}`,
      ),
    );
    expect(paths.sort()).toEqual(all.sort());
  });

  test("loads a handler for each method, of the kind that it declares", async () => {
    const methods = await loaded(face);
    const kinds = [...methods].map(([path, { definition }]) => {
      expect(definition).toMatchObject({ path, requestStream: false });
      return [path, definition.responseStream ? "serverStream" : "unary"];
    });
    const declared = Object.entries(face.methods).map(([path, { kind }]) => [path, kind]);
    expect(Object.fromEntries(kinds)).toEqual(Object.fromEntries(declared));
  });

  test("is open to nobody who is unknown, and takes no method of the engine", () => {
    for (const [path, { callers }] of Object.entries(face.methods)) {
      expect(callers).not.toBe("anyone");
      expect(METHOD_CALLERS[path]).toBe(callers);
    }
  });

  test.runIf(face.token !== undefined)("reads a token out of any bytes, and fails at none", async () => {
    const { read, hint } = present(face.token, "it was looked for");
    expect(hint).not.toBe("");
    const path = fc.constantFrom(...Object.keys(face.methods), "/no.Service/Method");
    await fc.assert(
      fc.asyncProperty(path, fc.uint8Array({ maxLength: 40_000 }), async (called, bytes) => {
        const token = await read(called, bytes);
        expect(token === null || typeof token === "string").toBe(true);
      }),
    );
  });
});
