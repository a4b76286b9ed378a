import { readdir } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import protobuf from "protobufjs";
import { describe, expect, test } from "vitest";
import { EXTENSIONS } from "#extensions";
import { commandNames, helpOf } from "../../cli/command-line.ts";
import { METHOD_CALLERS } from "../../coordinator/access/method-callers.ts";
import { Meters } from "../../coordinator/insight/meters.ts";
import { present } from "../../shared/core/assert.ts";
import { systemClock } from "../../shared/core/clock.ts";
import { LogTail } from "../../shared/core/log.ts";
import { packageRoot } from "../../shared/core/package-root.ts";
import type { CoordinatorView } from "../../shared/extension/coordinator-view.ts";
import type { GrpcFace, HttpFace } from "../../shared/extension/face.ts";
import type { HandledMethod } from "../../shared/wire/method.ts";
import { suiteCovers } from "../support/needs.ts";
import { compiledRegistry } from "../support/reflection-client.ts";

const PROTOS = join(packageRoot, "proto");

const ports = EXTENSIONS.flatMap(({ name, face }) =>
  face?.port === undefined ? [] : [{ name, face: face.port }],
);

const https = EXTENSIONS.flatMap(({ name, face }) =>
  face?.http === undefined ? [] : [{ name, face: face.http }],
);

const faces = EXTENSIONS.flatMap(({ name, face }) =>
  face?.grpc === undefined ? [] : [{ name, face: face.grpc }],
);

/** Returns the methods of a service of another protocol, from its file below `proto/`. */
async function methodsOf(service: string): Promise<string[]> {
  const protos = await readdir(PROTOS, { recursive: true });
  const others = protos.filter((path) => path.endsWith(".proto") && !path.startsWith("shardmill"));
  const root = await new protobuf.Root().load(others.map((path) => join(PROTOS, path)));
  return root.lookupService(service).methodsArray.map(({ name }) => `/${service}/${name}`);
}

function servicesOf(methods: GrpcFace["methods"]): readonly string[] {
  return [...new Set(Object.keys(methods).map((path) => path.slice(1, path.lastIndexOf("/"))))];
}

function expectKinds(handled: ReadonlyMap<string, HandledMethod>, methods: GrpcFace["methods"]): void {
  const kinds = [...handled].map(([path, { definition }]) => {
    expect(definition).toMatchObject({ path, requestStream: false });
    return [path, definition.responseStream ? "serverStream" : "unary"];
  });
  const declared = Object.entries(methods).map(([path, { kind }]) => [path, kind]);
  expect(Object.fromEntries(kinds)).toEqual(Object.fromEntries(declared));
}

function expectClosed(methods: GrpcFace["methods"]): void {
  for (const [path, { callers }] of Object.entries(methods)) {
    expect(callers).not.toBe("anyone");
    expect(METHOD_CALLERS[path]).toBe(callers);
  }
}

async function loaded(face: GrpcFace) {
  return await face.load({ jobs: () => [], report: () => {} });
}

suiteCovers(faces, "keda");
suiteCovers(ports, "flight");
suiteCovers(https, "web");

test("gRPC methods of extensions are unique", () => {
  const paths = [...faces, ...ports].flatMap(({ face }) => Object.keys(face.methods));
  expect(new Set(paths).size).toBe(paths.length);
});

test("options and titles of extension ports are unique", () => {
  for (const names of [ports.map(({ face }) => face.option.name), ports.map(({ face }) => face.title)])
    expect(new Set(names).size).toBe(names.length);
});

describe.each(faces)("the gRPC services of $name", ({ face }) => {
  test("declare every method of their services, as reflection lists them", async () => {
    const registry = await compiledRegistry();
    const paths = Object.keys(face.methods);
    const all = servicesOf(face.methods).flatMap((name) =>
      present(registry.getService(name), `reflection knows ${name}`).methods.map(
        (method) => `/${name}/${method.name}`,
      ),
    );
    expect(paths.sort()).toEqual(all.sort());
  });

  test("load a handler of the declared kind for each method", async () => {
    expectKinds(await loaded(face), face.methods);
  });

  test("require a known caller for each method, and replace no method of the engine", () => {
    expectClosed(face.methods);
  });

  test.runIf(face.token !== undefined)("read a token from any bytes without failing", async () => {
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

describe.each(ports)("the port of $name", ({ face }) => {
  test("declares every method of its services", async () => {
    const all = await Promise.all(servicesOf(face.methods).map(methodsOf));
    expect(Object.keys(face.methods).sort()).toEqual(all.flat().sort());
  });

  test("opens a handler of the declared kind for each method", async () => {
    const results = { jobs: async () => [], combined: async () => [] };
    await using handlers = await face.open(results, () => {});
    expectKinds(handlers.methods, face.methods);
  });

  test("requires a known caller for each method, and replaces no method of the engine", () => {
    expectClosed(face.methods);
  });

  test("is requested by an option that the help of run and coordinator describes", async () => {
    for (const command of ["run", "coordinator"]) {
      const help = (await helpOf(command, 1_000)).replaceAll(/\s+/g, " ");
      expect(help).toContain(`--${face.option.name} ${face.option.says}`);
    }
    expect(await helpOf("coordinator", 1_000)).toContain(face.option.example.says);
  });
});

/** Routes of the engine: probes, and sessions of browsers. */
const OWN_ROUTES = ["GET /healthz", "GET /readyz", "GET /session", "POST /session", "DELETE /session"];

const VIEW: CoordinatorView = {
  jobs: () => [],
  workers: () => [],
  served: () => [],
  service: { cancelJob: refuse, pauseJob: refuse, resumeJob: refuse, setJobPriority: refuse },
  logs: new LogTail(),
  meters: new Meters(),
  leaseRequests: () => 0,
  planning: { waiting: 0 },
  clock: systemClock,
};

function refuse(): never {
  throw new Error("nothing is changed");
}

async function routesOf(face: HttpFace): Promise<readonly string[]> {
  return (await face.load(VIEW)).map(({ method, path }) => `${method} ${path}`);
}

test("HTTP routes of extensions are unique, and none belongs to the engine", async () => {
  const all = [...OWN_ROUTES, ...(await Promise.all(https.map(({ face }) => routesOf(face)))).flat()];
  expect(new Set(all).size).toBe(all.length);
});

describe.each(https)("the routes of $name", ({ face }) => {
  test("require a known caller for the API, and the role submit for changes", async () => {
    for (const { method, path, callers } of await face.load(VIEW)) {
      if (path.startsWith("/api/")) expect([path, callers]).not.toEqual([path, "anyone"]);
      if (method !== "GET") expect([path, callers]).toEqual([path, "submit"]);
    }
  });

  test("are named in the help of the coordinator, with a next command that exists", async () => {
    const help = (await helpOf("coordinator", 1_000)).replaceAll(/\s+/g, " ");
    for (const name of face.serves) expect(help).toContain(name);
    if (face.command !== undefined) expect(await commandNames()).toContain(face.command.name);
  });

  test("load metrics with unique names", async () => {
    const names = ((await face.loadMetrics?.()) ?? []).map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });
});
