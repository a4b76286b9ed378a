import { join } from "node:path";
import protobuf from "protobufjs";
import { describe, expect, test } from "vitest";
import { packageRoot } from "../../../../shared/core/package-root.ts";
import type { FieldShape, MessageShape } from "../../../../shared/wire/codec.ts";
import type { Method } from "../../../../shared/wire/method.ts";
import { dataMethods } from "../../../../shared/wire/methods-data.ts";
import { jobsMethods } from "../../../../shared/wire/methods-jobs.ts";
import { serverMethods } from "../../../../shared/wire/methods-server.ts";
import { submitMethods } from "../../../../shared/wire/methods-submit.ts";
import { workMethods } from "../../../../shared/wire/methods-work.ts";
import { workersMethods } from "../../../../shared/wire/methods-workers.ts";
import { needs } from "../../../support/needs.ts";

const root = new protobuf.Root();
root.resolvePath = (_origin, target) => join(packageRoot, "proto", target);
root
  .loadSync(["work", "data", "jobs", "workers", "server"].map((name) => `shardmill/v1/${name}.proto`))
  .resolveAll();

const METHODS: readonly Method<never, never>[] = [
  workMethods,
  dataMethods,
  jobsMethods,
  submitMethods,
  workersMethods,
  serverMethods,
]
  .flatMap((methods) => Object.values<unknown>(methods))
  .map((method) => method as Method<never, never>);

/** Every message with a table, and every nested one, once each. */
const tables = new Map<string, MessageShape>();
const enums = new Map<string, readonly string[]>();
const FORMATS = "DatasetFormat";

function collect(message: string, shape: MessageShape): void {
  tables.set(message, shape);
  for (const { proto, inner, words } of Object.values<FieldShape>(shape)) {
    if (inner !== undefined) collect(proto.replace(/^(optional|repeated) /, ""), inner);
    if (words !== undefined) enums.set(proto, words);
  }
}

for (const { name, request, response } of METHODS) {
  if (request.shape !== undefined) collect(`${name}Request`, request.shape);
  if (response.shape !== undefined) collect(`${name}Response`, response.shape);
}

/** Returns a field's type as in the proto file. */
function protoOf(field: protobuf.Field): string {
  const type = field.type.replace(/^.*\./, "");
  if (field instanceof protobuf.MapField) return `map<${field.keyType}, ${type}>`;
  if (field.repeated) return `repeated ${type}`;
  return field.options?.proto3_optional === true ? `optional ${type}` : type;
}

describe("the codec tables", () => {
  test("every message of the proto files has a table, unless it has no fields", () => {
    const { nestedArray } = root.lookup("shardmill.v1") as protobuf.Namespace;
    const messages = nestedArray.filter((each) => each instanceof protobuf.Type);
    const filled = messages.filter(({ fieldsArray }) => fieldsArray.length > 0);
    const had = [...tables].filter(([, shape]) => Object.keys(shape).length > 0);
    expect(had.map(([name]) => name).toSorted()).toEqual(filled.map(({ name }) => name).toSorted());
  });

  test.each([...tables])("the fields of %s equal those in the proto file", (message, shape) => {
    const { fields } = root.lookupType(`shardmill.v1.${message}`);
    const said = Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, protoOf(field)]));
    const had = Object.fromEntries(Object.entries<FieldShape>(shape).map(([name, row]) => [name, row.proto]));
    expect(had).toEqual(said);
  });

  const valuesOf = (name: string) => Object.keys(root.lookupEnum(`shardmill.v1.${name}`).values);
  const valuesFor = (name: string, words: readonly string[]) => {
    const prefix = name.replace(/(?<=[a-z0-9])(?=[A-Z])/g, "_").toUpperCase();
    return ["unspecified", ...words].map((word) => `${prefix}_${word.toUpperCase()}`);
  };

  test.each([...enums].filter(([name]) => name !== FORMATS))(
    "the words of %s equal those in the proto file",
    (name, words) => {
      expect(valuesOf(name)).toEqual(valuesFor(name, words));
    },
  );

  // Extensions contribute some of these words.
  needs(
    "csv-json",
    "files",
    "webdataset",
  )(`the words of ${FORMATS} equal those in the proto file`, () => {
    expect(valuesOf(FORMATS)).toEqual(valuesFor(FORMATS, enums.get(FORMATS) ?? []));
  });
});
