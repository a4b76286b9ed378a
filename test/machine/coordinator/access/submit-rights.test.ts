import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { namedPlaces } from "../../../../coordinator/access/named-places.ts";
import { admissionBy, type SubmitRights } from "../../../../coordinator/access/submit-rights.ts";
import type { Role } from "../../../../shared/access/roles.ts";
import { isShardmillError } from "../../../../shared/core/errors.ts";
import { checkJobSpec } from "../../../../shared/job-file/check-job.ts";
import { needs } from "../../../support/needs.ts";

const EVERYWHERE = {
  input: { path: ["/in/*.parquet", "s3://in/a/**", "https://host/in.csv"] },
  model: { path: "/m/model.onnx" },
  map: {
    inputs: {
      text: { column: "note", tokenizer: "/t/tokenizer.json" },
      image: { column: "file", image: { folder: "/images" } },
      sound: { column: "file", sound: { folder: "s3://sounds/a" } },
    },
    prepare: [
      { split: { column: "note", tokens: 9, tokenizer: "/s/tokenizer.json" } },
      { module: "/code/step.ts" },
    ],
    finish: [{ module: "/code/finish.ts" }],
    outputs: { y: "y" },
  },
  reduce: { own: { module: "/code/own.ts" }, sums: "SELECT 1 FROM rows" },
  tables: { codes: "/tables/codes.parquet", names: "https://host/names.parquet" },
  output: { path: "s3://out/run" },
  work: { path: "/work" },
  stores: { "s3://": { endpoint: "https://minio:9000", ca: "/ca.pem" }, "s3://in": { endpoint: "aws" } },
};

needs(
  "image",
  "sound",
  "text",
  "code",
  "s3",
)("namedPlaces lists every location that a job file names, with its key", () => {
  const places = namedPlaces(checkJobSpec(EVERYWHERE as never));
  expect(Object.fromEntries(places.map(({ where, location }) => [where, location]))).toEqual({
    "input.path[0]": "/in",
    "input.path[1]": "s3://in/a",
    "input.path[2]": "https://host/in.csv",
    "model.path": "/m/model.onnx",
    "map.inputs.text.tokenizer": "/t/tokenizer.json",
    "map.inputs.image.image.folder": "/images",
    "map.inputs.sound.sound.folder": "s3://sounds/a",
    "map.prepare[0].split.tokenizer": "/s/tokenizer.json",
    "map.prepare[1]": "/code/step.ts",
    "map.finish[0]": "/code/finish.ts",
    "reduce.own": "/code/own.ts",
    "tables.codes": "/tables/codes.parquet",
    "tables.names": "https://host/names.parquet",
    "output.path": "s3://out/run",
    "work.path": "/work",
    'stores."s3://".ca': "/ca.pem",
    'stores."s3://".endpoint': "https://minio:9000",
    'stores."s3://in".endpoint': "https://s3.amazonaws.com",
  });
});

test("a job file with only the required keys names three locations", () => {
  const spec = checkJobSpec({
    input: { path: "/in.parquet" },
    model: { path: "/m.onnx" },
    output: { path: "/out" },
  });
  expect(namedPlaces(spec).map(({ where }) => where)).toEqual(["input.path[0]", "model.path", "output.path"]);
});

function by(role: Role) {
  return { name: `token 1 (${role})`, role };
}

/** Returns the refused parts of a job by key, or null when it is admitted. */
async function refused(spec: object, role: Role, rights?: SubmitRights) {
  try {
    await admissionBy(rights).admit(checkJobSpec(spec as never), by(role));
    return null;
  } catch (error) {
    if (!isShardmillError(error)) throw error;
    expect(error.message).toContain(`token 1 (${role}), of role ${role}`);
    expect(error.fields).toMatchObject({ who: `token 1 (${role})`, role });
    return { code: error.code, where: error.problems.map(({ where }) => where) };
  }
}

describe("modules of a job", () => {
  const spec = {
    ...{ input: { path: "/in.parquet" }, model: { path: "/m.onnx" }, output: { path: "/out" } },
    map: { finish: [{ sql: "SELECT * FROM rows" }, { module: "/step.ts" }] },
    reduce: { own: { module: "/own.ts" } },
  };

  needs("code")(
    "modules are refused, with all their keys, unless the caller's role may bring modules",
    async () => {
      const no = { code: "MODULES_REFUSED", where: ["map.finish[1]", "reduce.own"] };
      expect(await refused(spec, "admin")).toEqual(no);
      const admins: SubmitRights = { modules: ["admin"], locations: {} };
      expect(await refused(spec, "submit", admins)).toEqual(no);
      expect(await refused(spec, "admin", admins)).toBeNull();
    },
  );

  needs("code")("modules outside the allowed locations of the caller's role are refused", async () => {
    const rights: SubmitRights = {
      modules: ["submit"],
      locations: { submit: ["/in.parquet", "/m.onnx", "/out"] },
    };
    const no = { code: "LOCATION_REFUSED", where: ["map.finish[1]", "reduce.own"] };
    expect(await refused(spec, "submit", rights)).toEqual(no);
  });
});

describe("locations of a job", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "shardmill-rights-"));
    for (const name of ["mine", "theirs"]) await mkdir(join(folder, name));
    await writeFile(join(folder, "theirs", "data.parquet"), "");
    await symlink(join(folder, "theirs"), join(folder, "mine", "link"));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const within = (...names: string[]) => join(folder, ...names);
  const spec = (more: object = {}) => ({
    input: { path: within("mine", "data") },
    model: { path: within("mine", "m.onnx") },
    output: { path: within("mine", "out") },
    ...more,
  });
  const rights = (): SubmitRights => ({ modules: [], locations: { submit: [within("mine")] } });

  test("a role may use only its allowed locations, and a role without a list may use any", async () => {
    expect(await refused(spec(), "submit", rights())).toBeNull();
    const theirs = spec({ input: { path: within("theirs") } });
    expect(await refused(theirs, "admin", rights())).toBeNull();
    const no = { code: "LOCATION_REFUSED", where: ["input.path[0]"] };
    expect(await refused(theirs, "submit", rights())).toEqual(no);
  });

  test.each([
    [
      "a pattern that starts above the allowed folder",
      { input: { path: ["*/data.parquet"] } },
      ["input.path[0]"],
    ],
    [
      "an input path through a link to another folder",
      { input: { path: ["mine/link/data.parquet"] } },
      ["input.path[0]"],
    ],
    ["a new output folder behind a link", { output: { path: "mine/link/new/out" } }, ["output.path"]],
    [
      "a model in a bucket with its endpoint",
      { model: { path: "s3://models/a" }, stores: { "s3://": { endpoint: "http://127.0.0.1:1" } } },
      ["model.path", 'stores."s3://".endpoint'],
    ],
  ])("%s is refused", async (_, more: Record<string, object>, where) => {
    const placed = JSON.parse(JSON.stringify(more), (key, value) =>
      typeof value === "string" && key !== "endpoint" && !value.includes("://") ? within(value) : value,
    );
    expect(await refused(spec(placed), "submit", rights())).toEqual({ code: "LOCATION_REFUSED", where });
  });

  test("an admitted job may open its role's locations and the coordinator's own folders", async () => {
    const allowed = await admissionBy(rights()).admit(checkJobSpec(spec() as never), by("submit"));
    expect(allowed).toContain(within("mine"));
    expect(allowed).not.toContain("/");
    expect(allowed?.length).toBeGreaterThan(1);
    expect(await admissionBy(rights()).admit(checkJobSpec(spec() as never), by("admin"))).toBeUndefined();
  });
});
